//! Payload templates: `Parameters`, `ResultSelector`, `ItemSelector`.
//!
//! Owns: which fields of a template are taken from the data (those whose name ends with `.$`) and how it is filled.

use crate::EvalError;
use crate::limits;
use crate::path::{Path, Scope};
use crate::value::{kind, spend};
use serde_json::{Map, Value};

/// A parsed payload template.
#[derive(Clone, Debug, PartialEq)]
pub struct Template {
    root: Node,
}

#[derive(Clone, Debug, PartialEq)]
enum Node {
    /// Holds no path.
    Fixed(Value),
    /// `"name.$": path`
    Path { field: Box<str>, path: Path },
    /// Some field beneath holds a path.
    Object(Vec<(Box<str>, Node)>),
    /// Some item beneath holds a path.
    Array(Vec<Node>),
}

/// What is wrong within a template or form, and the names and indexes that lead to the place.
pub(crate) struct Located<F> {
    /// Keys from the root, outermost first.
    pub trail: Vec<Key>,
    /// What is wrong.
    pub fault: F,
}

/// What is wrong with a template.
pub(crate) struct TemplateFault {
    /// In AWS's words.
    pub message: String,
    /// Why.
    pub help: String,
}

/// A field or an item.
#[derive(Clone)]
pub(crate) enum Key {
    /// Of an object.
    Field(Box<str>),
    /// Of an array.
    Item(usize),
}

impl Template {
    /// Parses a template; `Err` holds all that is wrong with it, in order. The JSON reader has bounded its nesting.
    pub(crate) fn parse(template: &Value) -> Result<Self, Vec<Located<TemplateFault>>> {
        let mut errors = Vec::new();
        let root = parse_node(template, &mut errors);
        if errors.is_empty() {
            Ok(Self { root })
        } else {
            Err(errors)
        }
    }

    /// Whether any path of it reads the context object.
    #[must_use]
    pub fn reads_context(&self) -> bool {
        self.root.reads_context()
    }

    /// The text that a field of the outermost object always has; `None` if it depends on the data.
    #[must_use]
    pub fn fixed_text(&self, field: &str) -> Option<&str> {
        match &self.root {
            Node::Fixed(value) => value.get(field)?.as_str(),
            Node::Object(fields) => fields.iter().find_map(|(name, node)| match node {
                Node::Fixed(Value::String(text)) if **name == *field => Some(&**text),
                _ => None,
            }),
            _ => None,
        }
    }

    /// Fills the template.
    ///
    /// # Errors
    /// `States.Runtime` when a path or a call of it finds nothing or fails, as AWS records it;
    /// `States.DataLimitExceeded` past [`limits::VALUE_BYTES_MAX`].
    pub fn render(&self, scope: Scope<'_>) -> Result<Value, EvalError> {
        let mut left = limits::VALUE_BYTES_MAX;
        self.root.render(scope, &mut left)
    }
}

impl Node {
    fn reads_context(&self) -> bool {
        match self {
            Self::Fixed(_) => false,
            Self::Path { path, .. } => path.reads_context(),
            Self::Object(fields) => fields.iter().any(|(_, node)| node.reads_context()),
            Self::Array(items) => items.iter().any(Self::reads_context),
        }
    }

    fn render(&self, scope: Scope<'_>, left: &mut usize) -> Result<Value, EvalError> {
        match self {
            Self::Fixed(value) => Ok(value.clone()),
            Self::Path { field, path } => {
                let found = path.fill(field, scope)?;
                if spend(left, &found) {
                    Ok(found.into_owned())
                } else {
                    Err(too_large())
                }
            }
            Self::Object(fields) => {
                let mut object = Map::with_capacity(fields.len());
                for (name, node) in fields {
                    object.insert(name.to_string(), node.render(scope, left)?);
                }
                Ok(Value::Object(object))
            }
            Self::Array(items) => items.iter().map(|item| item.render(scope, left)).collect(),
        }
    }
}

pub(crate) fn too_large() -> EvalError {
    EvalError {
        error: "States.DataLimitExceeded",
        cause: format!(
            "A payload template makes a value of more than {} bytes",
            limits::VALUE_BYTES_MAX
        ),
        location: None,
    }
}

fn parse_node(template: &Value, errors: &mut Vec<Located<TemplateFault>>) -> Node {
    match template {
        Value::Object(object) => {
            let fields = object
                .iter()
                .map(|(name, value)| parse_field(object, name, value, errors))
                .collect::<Vec<_>>();
            let is_fixed = fields
                .iter()
                .all(|(_, node)| matches!(node, Node::Fixed(_)));
            if is_fixed {
                Node::Fixed(template.clone())
            } else {
                Node::Object(fields)
            }
        }
        Value::Array(array) => {
            let items = array
                .iter()
                .enumerate()
                .map(|(i, item)| within(Key::Item(i), errors, |e| parse_node(item, e)));
            let items = items.collect::<Vec<_>>();
            let is_fixed = items.iter().all(|node| matches!(node, Node::Fixed(_)));
            if is_fixed {
                Node::Fixed(template.clone())
            } else {
                Node::Array(items)
            }
        }
        _ => Node::Fixed(template.clone()),
    }
}

fn parse_field(
    object: &Map<String, Value>,
    name: &str,
    value: &Value,
    errors: &mut Vec<Located<TemplateFault>>,
) -> (Box<str>, Node) {
    let Some(target) = name.strip_suffix(".$") else {
        return (
            name.into(),
            within(Key::Field(name.into()), errors, |e| parse_node(value, e)),
        );
    };
    let parsed = match value {
        _ if object.contains_key(target) => {
            let message =
                format!("The field '{target}' is there twice, as '{target}' and '{name}'");
            Err((message, "leave one of them out".to_owned()))
        }
        Value::String(text) => Path::parse_or_call(text).map_err(|why| (not_a_path(name), why)),
        other => Err((not_a_path(name), format!("this is of type {}", kind(other)))),
    };
    let node = match parsed {
        Ok(path) => Node::Path {
            field: name.into(),
            path,
        },
        Err((message, help)) => {
            errors.push(Located {
                trail: vec![Key::Field(name.into())],
                fault: TemplateFault { message, help },
            });
            Node::Fixed(Value::Null)
        }
    };
    (target.into(), node)
}

/// AWS's words for a field of a template that can't be evaluated.
fn not_a_path(name: &str) -> String {
    format!(
        "The value for the field '{name}' must be a valid JSONPath or a valid intrinsic function call"
    )
}

/// Puts `key` before the trail of every error that `parse` finds.
pub(crate) fn within<T, F>(
    key: Key,
    errors: &mut Vec<Located<F>>,
    parse: impl FnOnce(&mut Vec<Located<F>>) -> T,
) -> T {
    let mut inner = Vec::new();
    let node = parse(&mut inner);
    errors.extend(inner.into_iter().map(|mut error| {
        error.trail.insert(0, key.clone());
        error
    }));
    node
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Chance, Variables};
    use serde_json::json;

    fn render(template: Value) -> Result<Value, String> {
        let input = json!({"a": 1, "b": [2]});
        let context = json!({"Task": {"Token": "t"}});
        let Ok(template) = Template::parse(&template) else {
            return Err("refused".to_owned());
        };
        template
            .render(Scope {
                input: &input,
                text: None,
                context: &context,
                variables: &Variables::new(),
                chance: &Chance::new("", 0),
            })
            .map_err(|e| e.to_string())
    }

    #[test]
    fn paths_are_filled_in_and_the_rest_stays() {
        let template = json!({"x.$": "$.a", "y": ["$.a", {"z.$": "$.b[0]"}], "t.$": "$$.Task.Token", "n": {"m": null}});
        assert_eq!(
            render(template),
            Ok(json!({"x": 1, "y": ["$.a", {"z": 2}], "t": "t", "n": {"m": null}}))
        );
        assert_eq!(render(json!("$.a")), Ok(json!("$.a")));
    }

    #[test]
    fn a_missing_value_names_path_field_and_input() {
        let cause = "States.Runtime: The JSONPath '$.c' specified for the field 'x.$' could not be found in the \
                     input '{\"a\":1,\"b\":[2]}'";
        assert_eq!(render(json!({"x.$": "$.c"})), Err(cause.to_owned()));
    }

    #[test]
    fn wrong_templates_are_refused_and_all_errors_found() {
        let errors =
            Template::parse(&json!({"a.$": 1, "b": {"c.$": "no path"}, "d": 1, "d.$": "$"})).err();
        assert_eq!(errors.map(|e| e.len()), Some(3));
    }

    #[test]
    fn a_template_cannot_fill_the_memory() {
        let fields: Value = (0..200).map(|i| (format!("f{i}.$"), json!("$"))).collect();
        let input = json!({"text": "x".repeat(200_000)});
        let template = Template::parse(&fields).ok().expect("a right template");
        let rendered = template.render(Scope {
            input: &input,
            text: None,
            context: &Value::Null,
            variables: &Variables::new(),
            chance: &Chance::new("", 0),
        });
        assert_eq!(
            rendered.map_err(|e| e.error),
            Err("States.DataLimitExceeded")
        );
    }

    #[test]
    fn what_is_fixed_is_known() {
        let template = Template::parse(&json!({"FunctionName": "f", "Payload.$": "$$"})).ok();
        assert_eq!(
            template.as_ref().and_then(|t| t.fixed_text("FunctionName")),
            Some("f")
        );
        assert_eq!(template.map(|t| t.reads_context()), Some(true));
    }
}
