//! Texts and JSON with placeholders: `{$.order.id}` of the task's input, `{$$.Task.Token}` of the task itself.
//!
//! Owns: the notation. Only `{$` begins a placeholder; every other brace is itself.

use baton_worker::{Task, TaskError};
use serde_json::{Value, json};

/// What placeholders are filled from.
pub struct Source {
    input: Value,
    context: Value,
}

impl Source {
    /// The input and the context of a task.
    ///
    /// # Errors
    /// Never for what Baton sends: its values are JSON.
    pub fn of_task(task: &Task) -> Result<Self, TaskError> {
        let context = json!({
            "Execution": {"Id": task.execution()},
            "State": {"Name": task.state(), "RetryCount": task.attempt()},
            "Task": {"Token": task.token().as_str()},
        });
        Ok(Self {
            input: task.input()?,
            context,
        })
    }

    /// A source of one value, for what has no context.
    pub fn of_value(input: Value) -> Self {
        Self {
            input,
            context: Value::Null,
        }
    }

    /// `template` with its placeholders filled; each value passes through `escape`.
    ///
    /// # Errors
    /// `Worker.BadInput` if there is nothing at a placeholder's path.
    pub fn text(
        &self,
        template: &str,
        escape: impl Fn(&str) -> String,
    ) -> Result<String, TaskError> {
        let mut filled = String::with_capacity(template.len());
        let mut rest = template;
        while let Some((before, behind)) = rest.split_once("{$") {
            filled.push_str(before);
            let (path, after) = behind
                .split_once('}')
                .ok_or_else(|| bad(template, "a placeholder has no end"))?;
            let value = self
                .find(path)
                .ok_or_else(|| bad(template, &format!("there is nothing at ${path}")))?;
            match value {
                Value::String(text) => filled.push_str(&escape(text)),
                other => filled.push_str(&escape(&other.to_string())),
            }
            rest = after;
        }
        filled.push_str(rest);
        Ok(filled)
    }

    /// `template` with the placeholders in its texts filled; a text that is one placeholder becomes the value itself.
    ///
    /// # Errors
    /// As [`Self::text`].
    pub fn value(&self, template: &Value) -> Result<Value, TaskError> {
        Ok(match template {
            Value::String(text) => match sole(text) {
                Some(path) => {
                    let found = self.find(path).cloned();
                    found.ok_or_else(|| bad(text, &format!("there is nothing at ${path}")))?
                }
                None => self.text(text, str::to_owned)?.into(),
            },
            Value::Array(items) => items
                .iter()
                .map(|item| self.value(item))
                .collect::<Result<_, _>>()?,
            Value::Object(members) => {
                let filled = members
                    .iter()
                    .map(|(name, member)| Ok((name.clone(), self.value(member)?)));
                Value::Object(filled.collect::<Result<_, TaskError>>()?)
            }
            other => other.clone(),
        })
    }

    /// The value at what follows the first `$` of a path.
    fn find(&self, path: &str) -> Option<&Value> {
        let (root, path) = match path.strip_prefix('$') {
            Some(path) => (&self.context, path),
            None => (&self.input, path),
        };
        let mut at = root;
        for step in path.split(['.', '[']).filter(|step| !step.is_empty()) {
            at = match step.strip_suffix(']') {
                Some(index) => at.get(index.parse::<usize>().ok()?)?,
                None => at.get(step)?,
            };
        }
        Some(at)
    }
}

/// The path of a text that is one placeholder and nothing else.
fn sole(text: &str) -> Option<&str> {
    let inner = text.strip_prefix("{$")?.strip_suffix('}')?;
    (!inner.contains(['{', '}'])).then_some(inner)
}

fn bad(template: &str, what: &str) -> TaskError {
    TaskError::new("Worker.BadInput", format!("template {template:?}: {what}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn placeholders_are_filled() {
        let source = Source::of_value(json!({"a": {"b": ["x", {"c": 7}]}, "name": "A&B"}));
        let text = |template: &str| source.text(template, str::to_owned);
        assert_eq!(text("/{$.a.b[1].c}/{$.name}").unwrap(), "/7/A&B");
        assert_eq!(text("{\"plain\": 1}").unwrap(), "{\"plain\": 1}");
        assert_eq!(
            source
                .value(&json!({"whole": "{$.a.b}", "part": "no {$.a.b[0]}", "n": 1}))
                .unwrap(),
            json!({"whole": ["x", {"c": 7}], "part": "no x", "n": 1})
        );
        for wrong in ["{$.none}", "{$.a.b[2]}", "{$.a"] {
            assert_eq!(text(wrong).unwrap_err().error, "Worker.BadInput", "{wrong}");
        }
    }
}
