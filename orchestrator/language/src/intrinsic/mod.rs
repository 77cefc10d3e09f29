//! Intrinsic functions: `States.Format(...)` and its kin (AWS: Intrinsics for JSONPath state machines).
//!
//! Owns: parsing of calls and all functions. `States.UUID` and `States.MathRandom` draw from the scope's chance.

mod arrays;
mod json;
mod parse;
mod text;

pub(crate) use parse::names;

use crate::EvalError;
use crate::chance::{Chance, seeded};
use crate::limits;
use crate::path::{Query, Scope};
use crate::value::spend;
use serde_json::{Number, Value};
use std::sync::Arc;

/// A parsed call.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Call {
    /// As written.
    text: Arc<str>,
    function: Function,
    arguments: Vec<Argument>,
}

#[derive(Clone, Debug, PartialEq)]
enum Argument {
    Fixed(Value),
    /// A path and its text.
    Path(Query, Arc<str>),
    Call(Call),
}

/// The functions, named as ASL does without `States.`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Function {
    Array,
    ArrayContains,
    ArrayGetItem,
    ArrayLength,
    ArrayPartition,
    ArrayRange,
    ArrayUnique,
    Base64Decode,
    Base64Encode,
    Format,
    Hash,
    JsonMerge,
    JsonToString,
    MathAdd,
    MathRandom,
    StringSplit,
    StringToJson,
    Uuid,
}

impl Call {
    /// Parses a call that is the whole of `text`.
    ///
    /// # Errors
    /// What is wrong with the text, as a sentence.
    pub fn parse(text: &str) -> Result<Self, String> {
        parse::parse_call(text)
    }

    /// Names of the variables that any argument reads.
    pub fn variables(&self) -> Vec<&str> {
        self.arguments
            .iter()
            .flat_map(Argument::variables)
            .collect()
    }

    /// Whether any argument reads the context object.
    pub fn reads_context(&self) -> bool {
        self.arguments.iter().any(|argument| match argument {
            Argument::Fixed(_) => false,
            Argument::Path(query, _) => query.reads_context(),
            Argument::Call(call) => call.reads_context(),
        })
    }

    /// The call's value.
    ///
    /// # Errors
    /// `States.Runtime` when an argument is missing, of the wrong kind or out of range, naming the whole call: so AWS has
    /// it, though its documentation tells of `States.IntrinsicFailure`.
    pub fn evaluate(&self, scope: Scope<'_>) -> Result<Value, EvalError> {
        self.value(scope).map_err(|why| EvalError {
            error: "States.Runtime",
            cause: format!(
                "The function '{}' had the following error: {why}",
                self.text
            ),
            location: None,
        })
    }

    fn value(&self, scope: Scope<'_>) -> Result<Value, String> {
        let mut left = limits::VALUE_BYTES_MAX;
        let mut arguments = Vec::with_capacity(self.arguments.len());
        for argument in &self.arguments {
            let value = argument.value(scope)?;
            if !spend(&mut left, &value) {
                return Err(format!(
                    "its arguments have more than {} bytes",
                    limits::VALUE_BYTES_MAX
                ));
            }
            arguments.push(value);
        }
        self.function.apply(arguments, scope.chance)
    }
}

impl Argument {
    fn value(&self, scope: Scope<'_>) -> Result<Value, String> {
        match self {
            Self::Fixed(value) => Ok(value.clone()),
            Self::Call(call) => call.value(scope),
            Self::Path(query, text) => match query.find(scope) {
                Ok(found) => Ok(found.into_owned()),
                Err(missing) if missing.is_wrong_kind() => Err(query.explain(missing)),
                // AWS rewrites a path into the context object, and shows the state's input all the same.
                Err(missing) if missing.is_absence() => Err(format!(
                    "The JsonPath argument for the field '{}' could not be found in the input '{}'",
                    text.strip_prefix('$')
                        .filter(|rest| rest.starts_with('$'))
                        .unwrap_or(text),
                    scope.shown()
                )),
                Err(missing) => Err(format!(
                    "Invalid path '{text}' : {}",
                    query.explain(missing)
                )),
            },
        }
    }

    fn variables(&self) -> Vec<&str> {
        match self {
            Self::Fixed(_) => Vec::new(),
            Self::Path(query, _) => query.variable().into_iter().collect(),
            Self::Call(call) => call.variables(),
        }
    }
}

impl Function {
    /// Applies the function; the parser has checked the number of arguments.
    fn apply(self, arguments: Vec<Value>, chance: &Chance<'_>) -> Result<Value, String> {
        match (self, &arguments[..]) {
            (Self::Array, _) => Ok(Value::Array(arguments)),
            (Self::ArrayContains, [array, wanted]) => arrays::contains(array, wanted),
            (Self::ArrayGetItem, [array, index]) => arrays::get_item(array, index),
            (Self::ArrayLength, [array]) => arrays::length(array),
            (Self::ArrayPartition, [array, size]) => arrays::partition(array, size),
            (Self::ArrayRange, [first, last, step]) => arrays::range(first, last, step),
            (Self::ArrayUnique, [array]) => arrays::unique(array),
            (Self::Base64Decode, [text]) => text::base64_decode(text),
            (Self::Base64Encode, [text]) => text::base64_encode(text),
            (Self::Format, [template, rest @ ..]) => text::format(template, rest),
            (Self::Hash, [value, algorithm]) => text::hash(value, algorithm),
            (Self::JsonMerge, [first, second, deep]) => json::merge(first, second, deep),
            (Self::JsonToString, [value]) => json::to_text(value),
            (Self::MathAdd, [left, right]) => math_add(left, right),
            (Self::MathRandom, [first, last]) => random(first, last, chance.next_f64()),
            (Self::MathRandom, [first, last, seed]) => random(first, last, seeded(rounded(seed)?)),
            (Self::StringSplit, [text, splitters]) => text::split(text, splitters),
            (Self::StringToJson, [text]) => json::from_text(text),
            (Self::Uuid, []) => Ok(Value::String(chance.next_uuid())),
            _ => Err(format!("it does not take {} arguments", arguments.len())),
        }
    }
}

/// `States.MathAdd`: each argument is first rounded half up, as AWS does.
fn math_add(left: &Value, right: &Value) -> Result<Value, String> {
    let sum = rounded(left)?
        .checked_add(rounded(right)?)
        .ok_or("the sum is out of range")?;
    Ok(Value::Number(Number::from(sum)))
}

/// `States.MathRandom`: an integer from `first` (inclusive) to `last` (exclusive), by a number from 0 to 1.
fn random(first: &Value, last: &Value, unit: f64) -> Result<Value, String> {
    let (first, last) = (rounded(first)?, rounded(last)?);
    let width = last
        .checked_sub(first)
        .filter(|width| *width > 0)
        .ok_or("the second number must be greater than the first")?;
    let offset = ((width as f64 * unit) as i64).min(width - 1);
    Ok(Value::Number(Number::from(first + offset)))
}

/// A number argument as an integer, rounded half up.
fn rounded(value: &Value) -> Result<i64, String> {
    let out_of_range = || format!("{value} is out of range");
    match value {
        Value::Number(number) => match number.as_i64() {
            Some(integer) => Ok(integer),
            None => {
                let rounded = (number.as_f64().ok_or_else(out_of_range)? + 0.5).floor();
                // Beyond this a 64-bit float is no longer exact at the ends of the range.
                if rounded.abs() < 9.0e18 {
                    Ok(rounded as i64)
                } else {
                    Err(out_of_range())
                }
            }
        },
        _ => Err(format!("a number was expected, but found: {value}")),
    }
}

fn text_of(value: &Value) -> Result<&str, String> {
    value
        .as_str()
        .ok_or_else(|| format!("a string was expected, but found: {value}"))
}

fn array_of(value: &Value) -> Result<&Vec<Value>, String> {
    value
        .as_array()
        .ok_or_else(|| format!("an array was expected, but found: {value}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::json;

    fn call(text: &str) -> Result<Value, String> {
        let input = json!({"a": [1, 2, 2.0, "x"], "o": {"k": {"p": 1}, "s": "t"}, "t": "hi"});
        let variables = [("v".into(), json!("value"))].into_iter().collect();
        Call::parse(text)?
            .evaluate(Scope {
                input: &input,
                text: None,
                context: &input,
                variables: &variables,
                chance: &Chance::new("arn", 1),
            })
            .map_err(|e| e.to_string())
    }

    #[test]
    fn every_function_answers() {
        let check = |text: &str, value: Value| assert_eq!(call(text), Ok(value), "{text}");
        check("States.Array()", json!([]));
        check(
            "States.Array(1, 'a', null, true, $.t)",
            json!([1, "a", null, true, "hi"]),
        );
        check("States.ArrayContains($.a, 2)", json!(true));
        check("States.ArrayGetItem($.a, 3)", json!("x"));
        check("States.ArrayLength($.a)", json!(4));
        check("States.ArrayPartition($.a, 3)", json!([[1, 2, 2.0], ["x"]]));
        check("States.ArrayRange(1, 9, 3)", json!([1, 4, 7]));
        check("States.ArrayRange(3, 1, -1)", json!([3, 2, 1]));
        check("States.ArrayUnique($.a)", json!([1, 2, "x"]));
        check(
            "States.Base64Decode(States.Base64Encode('hé'))",
            json!("hé"),
        );
        check("States.Base64Decode(' aGV sbG8')", json!("hello"));
        check("States.Base64Decode('aGVsbG8=x!')", json!("hello"));
        check("States.Base64Decode('_-8=')", json!("\u{fffd}\u{fffd}"));
        check(
            "States.Format('{} is {}, \\{\\} \\'', $.t, $.o)",
            json!("hi is {k={p=1}, s=t}, {} '"),
        );
        check(
            "States.JsonMerge($.o, $.o.k, false)",
            json!({"k": {"p": 1}, "s": "t", "p": 1}),
        );
        check("States.JsonToString($.o.k)", json!("{\"p\":1}"));
        check("States.Format('{}', $v)", json!("value"));
        check(
            "States.Hash($.t, 'SHA-1')",
            json!("c22b5f9178342609428d6f51b2c5af4c0bde6a42"),
        );
        check("States.MathAdd(-1.5, 2.5)", json!(2));
        check("States.MathRandom(5, 6)", json!(5));
        check(
            "States.MathAdd(States.MathRandom(0, 9, 1), 0)",
            call("States.MathRandom(0, 9, 1)").expect("a number"),
        );
        check("States.ArrayLength(States.Array(States.UUID()))", json!(1));
        check(
            "States.StringSplit('This.is+a,test', '.+,')",
            json!(["This", "is", "a", "test"]),
        );
        check(
            "States.StringToJson('{\"text\":\"An \\\\\"quote\\\\\"\"}')",
            json!({"text": "An \"quote\""}),
        );
    }

    #[test]
    fn failures_name_the_call() {
        let check = |text: &str| {
            let error = call(text).expect_err(text);
            assert!(
                error.starts_with(&format!("States.Runtime: The function '{text}' had")),
                "{error}"
            );
        };
        check("States.ArrayGetItem($.a, 4)");
        check("States.ArrayPartition($.a, 0)");
        check("States.ArrayRange(0, 1000, 1)");
        check("States.ArrayRange(0, 10, 0)");
        check("States.Format('{} {}', 1)");
        check("States.MathAdd('1', 1)");
        check("States.StringToJson('{')");
        check("States.ArrayLength($.none)");
    }

    #[test]
    fn wrong_calls_are_refused() {
        for text in [
            "States.",
            "States.Nope()",
            "States.UUID(1)",
            "States.MathRandom(1)",
            "States.MathAdd(1)",
            "States.Array(1",
            "States.Array(1,)",
            "States.Array('a)",
            "States.Array(a)",
            "States.Array() x",
        ] {
            assert!(Call::parse(text).is_err(), "{text}");
        }
        assert!(Call::parse(&"States.Array(".repeat(10_000)).is_err());
    }

    proptest! {
        #[test]
        fn parsing_never_panics(text in "States\\.(Array|Format|MathAdd|StringSplit)\\([$.'{}\\\\a-c0-9, ()-]{0,30}\\)?") {
            let _ = call(&text);
        }
    }
}
