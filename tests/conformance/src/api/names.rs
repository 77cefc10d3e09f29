//! What stands in a call's arguments for values that only the run has.
//!
//! Owns: the rules of the recordings' README, "Before running, and while", 1 and 2: a placeholder stands for what an
//! earlier answer bound it to, else for the first text of an earlier answer that fits and that nothing stands for yet,
//! else for a fresh valid name.

use crate::case::{ACCOUNT, REGION};
use crate::values::Bindings;
use serde_json::Value;

/// Texts of earlier answers, in their order, and names that were made.
#[derive(Clone, Debug, Default)]
pub struct Names {
    seen: Vec<String>,
    made: usize,
}

impl Names {
    /// Notes the texts of an answer.
    pub fn remember(&mut self, answer: &Value) {
        match answer {
            Value::String(text) if !self.seen.contains(text) => self.seen.push(text.clone()),
            Value::Array(items) => items.iter().for_each(|item| self.remember(item)),
            Value::Object(fields) => fields.values().for_each(|field| self.remember(field)),
            _ => {}
        }
    }

    /// The arguments without placeholders.
    pub fn resolve(&mut self, args: &Value, bindings: &mut Bindings<'_>) -> Value {
        match args {
            Value::String(text) => self.text(text, bindings).into(),
            Value::Array(items) => items
                .iter()
                .map(|item| self.resolve(item, bindings))
                .collect(),
            Value::Object(fields) => fields
                .iter()
                .map(|(key, value)| (key.clone(), self.resolve(value, bindings)))
                .collect(),
            other => other.clone(),
        }
    }

    fn text(&mut self, text: &str, bindings: &mut Bindings<'_>) -> String {
        let known = bindings.fill(text);
        // Only whole identifiers come from answers: a definition or input is the case's own.
        let is_activity = known.starts_with("<activity_arn");
        if bindings.unbound(&known).is_some() && (known.starts_with("arn:") || is_activity) {
            let fits = |seen: &&String| {
                let mut tried = bindings.clone();
                (!is_activity || seen.contains(":activity:"))
                    && tried.matches(&Value::from(known.as_str()), &Value::from(seen.as_str()))
                    && tried.adds_only_new_texts(bindings)
            };
            if let Some(found) = self.seen.iter().find(fits).cloned() {
                bindings.matches(&known.into(), &found.clone().into());
                return found;
            }
        }
        let mut known = known;
        while let Some(placeholder) = bindings.unbound(&known) {
            let fresh = self.fresh(&placeholder);
            bindings.bind(&placeholder, &fresh);
            known = bindings.fill(&known);
        }
        known
    }

    /// A name of its own; as long as the placeholder says, if it says `..._N_chars`.
    fn fresh(&mut self, placeholder: &str) -> String {
        self.made += 1;
        let words = placeholder.trim_matches(['<', '>']);
        let length = words
            .strip_suffix("_chars")
            .and_then(|rest| rest.rsplit('_').next()?.parse::<usize>().ok());
        match length {
            Some(length) => "x".repeat(length),
            None => {
                let allowed = |c: char| if c.is_ascii_alphanumeric() { c } else { '-' };
                let name: String = words.chars().map(allowed).take(48).collect();
                format!("{name}-{:03}", self.made)
            }
        }
    }
}

/// The steps with placeholders for the names that AWS made for executions and that the recordings kept: UUIDs behind a
/// machine's name in an execution's ARN.
pub fn with_placeholders(steps: &[Value]) -> Vec<Value> {
    let mut text = Value::from(steps.to_vec()).to_string();
    let made: Vec<String> = text
        .match_indices(":execution:")
        .filter_map(|(at, mark)| {
            let (_, rest) = text[at + mark.len()..].split_once(':')?;
            rest.get(..36)
                .filter(|name| is_uuid(name))
                .map(str::to_owned)
        })
        .collect();
    for name in made {
        let placeholder = format!("<made-{name}>");
        if !text.contains(&placeholder) {
            text = text.replace(&name, &placeholder);
        }
    }
    serde_json::from_str(&text).unwrap_or_else(|_| steps.to_vec())
}

fn is_uuid(text: &str) -> bool {
    text.bytes().enumerate().all(|(at, byte)| match at {
        8 | 13 | 18 | 23 => byte == b'-',
        _ => byte.is_ascii_hexdigit(),
    })
}

/// The step with ARNs where the recording has a bare name for the ARN of something that is not there.
///
/// The service answers InvalidArn to what is no ARN; so where it answered `...DoesNotExist`, an ARN was sent, and the
/// name in `args` and in the message stands for it.
pub fn with_arns(step: &Value) -> Value {
    if !says_missing(step) {
        return step.clone();
    }
    let args = step["args"].as_object().into_iter().flatten();
    let mut text = step.to_string();
    for (key, value) in args {
        let word = value
            .as_str()
            .filter(|word| !word.is_empty() && !word.contains(':'));
        let kind = match key.as_str() {
            "stateMachineArn" => "stateMachine:nowhere",
            "executionArn" => "execution:nowhere:never",
            "activityArn" => "activity:nowhere",
            _ => continue,
        };
        if let Some(word) = word {
            text = text.replace(word, &format!("arn:aws:states:{REGION}:{ACCOUNT}:{kind}"));
        }
    }
    serde_json::from_str(&text).unwrap_or_else(|_| step.clone())
}

fn says_missing(step: &Value) -> bool {
    let parts = ["expect", "expect_note"];
    let parts = parts
        .iter()
        .flat_map(|key| step[*key].as_array().into_iter().flatten());
    let codes = parts.flat_map(|part| {
        let value = &part["value"];
        [&value["Error"]["Code"], &value["exception_typename"]]
    });
    codes
        .filter_map(Value::as_str)
        .any(|code| code.ends_with("DoesNotExist"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_placeholder_is_fresh_once_and_the_same_ever_after() {
        let (mut names, mut bindings) = (Names::default(), Bindings::new(""));
        let args = json!({"name": "<A_0>", "list": ["x:<A_0>", 1]});
        let resolved = names.resolve(&args, &mut bindings);
        let name = resolved["name"].as_str().expect("a text").to_owned();
        assert!(name.starts_with("A-0"), "{name}");
        assert_eq!(resolved["list"], json!([format!("x:{name}"), 1]));
        let long = names.resolve(&json!("<invalid_token_3097_chars>"), &mut bindings);
        assert_eq!(long.as_str().map(str::len), Some(3097));
    }

    #[test]
    fn an_identifier_is_the_first_of_the_answers_that_nothing_stands_for() {
        let (mut names, mut bindings) = (Names::default(), Bindings::new(""));
        names.remember(&json!({"executionArn": "arn:e:m:one"}));
        names.remember(&json!({"executionArn": "arn:e:m:two"}));
        let first = names.resolve(&json!("arn:e:m:<E_0>"), &mut bindings);
        let second = names.resolve(&json!("arn:e:m:<E_1>"), &mut bindings);
        assert_eq!(
            (first, second),
            (json!("arn:e:m:one"), json!("arn:e:m:two"))
        );
        assert_eq!(names.resolve(&json!("<E_0>"), &mut bindings), "one");
    }

    #[test]
    fn names_that_aws_made_are_those_of_the_answers() {
        let made = "5687e7cb-8739-450c-b0df-8fc0ce4733c2";
        let steps = [json!({"args": {"executionArn": format!("arn:x:execution:m:{made}")}})];
        let steps = with_placeholders(&steps);
        let (mut names, mut bindings) = (Names::default(), Bindings::new(""));
        names.remember(&json!({"executionArn": "arn:x:execution:m:ours"}));
        let args = names.resolve(&steps[0]["args"], &mut bindings);
        assert_eq!(args["executionArn"], "arn:x:execution:m:ours");
    }

    #[test]
    fn a_bare_name_that_was_not_found_stands_for_an_arn() {
        let note = |code: &str| {
            json!({"args": {"executionArn": "gone"}, "expect_note": [
                {"value": {"exception_typename": code, "exception_value": "Not There: 'gone'"}}]})
        };
        let step = with_arns(&note("ExecutionDoesNotExist"));
        let arn = "arn:aws:states:us-east-1:111111111111:execution:nowhere:never";
        assert_eq!(step["args"]["executionArn"], arn);
        assert_eq!(
            step["expect_note"][0]["value"]["exception_value"],
            format!("Not There: '{arn}'")
        );
        assert_eq!(with_arns(&note("InvalidArn")), note("InvalidArn"));
    }
}
