//! One expression on its own, outside of a definition: what is taken out of an execution's input, or of one variable.
//!
//! Owns: which expressions these are: a path (`$.a.b`, `$name.b`) or JSONata (`{% $states.input.a %}`, `{% $name.b %}`)
//! that looks into one place only. So a value depends on that place alone, and changes only when it does.

use crate::chance::Chance;
use crate::jsonata::{Expression, Reads, Session, Source, Surroundings, Warm};
use crate::path::{Path, Scope};
use crate::{EvalError, Variables};
use serde_json::Value;
use std::sync::Arc;

/// A parsed expression.
#[derive(Clone, Debug, PartialEq)]
pub struct Extract {
    place: Place,
    form: Form,
}

/// What it looks into.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Place {
    /// The input of the execution.
    Input,
    /// A variable, by name.
    Variable(Arc<str>),
}

#[derive(Clone, Debug, PartialEq)]
enum Form {
    Path(Path),
    Jsonata {
        expression: Expression,
        reads: Reads,
    },
}

impl Extract {
    /// Parses an expression.
    ///
    /// # Errors
    /// What is wrong with it, as a sentence.
    pub fn parse(text: &str) -> Result<Self, String> {
        match Expression::text_within(text) {
            Some(inner) => Self::jsonata(inner),
            None => Self::path(text),
        }
    }

    /// What it looks into.
    #[must_use]
    pub fn place(&self) -> &Place {
        &self.place
    }

    /// Its value in `content`, what its place holds; `None` if there is none. `name` and `number` fix what is drawn by
    /// chance.
    ///
    /// # Errors
    /// Why it can't be evaluated.
    pub fn evaluate(
        &self,
        content: &Value,
        now_ms: i64,
        (name, number): (&str, u64),
    ) -> Result<Option<Value>, EvalError> {
        let chance = Chance::new(name, number);
        let mut variables = Variables::new();
        let input = match &self.place {
            Place::Input => content,
            Place::Variable(variable) => {
                variables.insert(variable.clone(), content.clone());
                &Value::Null
            }
        };
        match &self.form {
            Form::Path(path) => {
                let scope = Scope {
                    input,
                    text: None,
                    context: &Value::Null,
                    variables: &variables,
                    chance: &chance,
                };
                Ok(path.find(scope)?.map(std::borrow::Cow::into_owned))
            }
            Form::Jsonata { expression, reads } => {
                let surroundings = Surroundings {
                    input: Source::Value(input),
                    result: None,
                    error_output: None,
                    context: &Value::Null,
                    variables: &variables,
                    now_ms,
                    chance: &chance,
                };
                let mut warm = Warm::default();
                expression
                    .evaluate(&mut Session::new(surroundings, reads, &mut warm))
                    .map(Some)
            }
        }
    }

    fn path(text: &str) -> Result<Self, String> {
        let path = Path::parse(text)?;
        if path.reads_context() {
            return Err(
                "the context object can't be looked into: only the input or a variable".to_owned(),
            );
        }
        let place = match path.variables().first() {
            None => Place::Input,
            Some(name) => Place::Variable((*name).into()),
        };
        let form = Form::Path(path);
        Ok(Self { place, form })
    }

    fn jsonata(text: &str) -> Result<Self, String> {
        let expression = Expression::parse(text, "attribute", false).map_err(|faults| {
            let messages: Vec<String> = faults.into_iter().map(|fault| fault.message).collect();
            messages.join(" ")
        })?;
        let references = Expression::references(text).unwrap_or_default();
        if let Some(other) = references.states.iter().find(|field| *field != "input") {
            return Err(format!(
                "$states.{other} can't be looked into: only $states.input or a variable"
            ));
        }
        let names: Vec<&str> = references
            .states
            .iter()
            .map(|_| "$states.input")
            .chain(references.variables.iter().map(String::as_str))
            .collect();
        let place = match names[..] {
            ["$states.input"] => Place::Input,
            [variable] => Place::Variable(variable.into()),
            _ => {
                return Err(format!(
                    "it must look into $states.input or into one variable, and looks into {}",
                    match names.len() {
                        0 => "nothing".to_owned(),
                        _ => names.join(", "),
                    }
                ));
            }
        };
        let mut reads = Reads {
            input: place == Place::Input,
            ..Reads::default()
        };
        let functions = references.functions.iter().map(String::as_str);
        let variable = references.variables.iter().map(String::as_str);
        reads.names = functions.chain(variable).map(Arc::from).collect();
        reads.names.sort();
        let form = Form::Jsonata { expression, reads };
        Ok(Self { place, form })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn value(text: &str, content: &Value) -> Option<Value> {
        let extract = Extract::parse(text).expect(text);
        extract.evaluate(content, 0, ("arn", 1)).unwrap_or(None)
    }

    #[test]
    fn both_languages_look_into_the_input_or_one_variable() {
        let content = json!({"customer": {"id": "c-1"}, "lines": [{"n": 2}, {"n": 3}]});
        for text in [
            "$.customer.id",
            "$order.customer.id",
            "{% $states.input.customer.id %}",
            "{% $order.customer.id %}",
        ] {
            assert_eq!(value(text, &content), Some(json!("c-1")), "{text}");
        }
        assert_eq!(
            value("{% $sum($states.input.lines.n) %}", &content),
            Some(json!(5))
        );
        assert_eq!(value("$.nobody", &content), None);
        assert_eq!(value("{% $states.input.nobody %}", &content), None);
        let place = |text: &str| Extract::parse(text).expect(text).place().clone();
        assert_eq!(place("$.a"), Place::Input);
        assert_eq!(place("{% $order.a %}"), Place::Variable("order".into()));
    }

    #[test]
    fn what_looks_elsewhere_is_refused() {
        for text in [
            "a",
            "$$.Execution.Id",
            "{% $a + $b %}",
            "{% $states.context.Execution.Id %}",
            "{% $states %}",
            "{% 1 %}",
            "{% $states.input.a & $b %}",
            "{% phone %}",
            "{% $sum( %}",
        ] {
            assert!(Extract::parse(text).is_err(), "{text}");
        }
    }
}
