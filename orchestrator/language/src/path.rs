//! Paths into JSON values: AWS's dialect of JSONPath (Jayway's), and reference paths to write by.
//!
//! Owns: parsing and evaluation of `$...`, `$$...` (context object), `$name...` (variables). Definite paths give one value and fail when it is
//! missing; indefinite ones give a list.

mod filter;
mod filter_parse;
mod parse;
mod query;
mod reference;

pub(crate) use parse::parse_query_at;
pub(crate) use query::Query;
pub use reference::ReferencePath;

use crate::chance::Chance;
use crate::cursor::Cursor;
use crate::intrinsic::Call;
use crate::{EvalError, Variables};
use serde_json::Value;
use std::borrow::Cow;
use std::sync::Arc;

/// What a path is evaluated against.
#[derive(Clone, Copy, Debug)]
pub struct Scope<'a> {
    /// `$`
    pub input: &'a Value,
    /// The same as it came, where it came as text: causes repeat it with its blanks, as AWS's do.
    pub text: Option<&'a str>,
    /// `$$`
    pub context: &'a Value,
    /// `$name`
    pub variables: &'a Variables,
    /// What `States.UUID` and `States.MathRandom` draw from.
    pub chance: &'a Chance<'a>,
}

impl Scope<'_> {
    /// The input as causes show it.
    pub(crate) fn shown(&self) -> String {
        self.text
            .map_or_else(|| self.input.to_string(), str::to_owned)
    }
}

/// A parsed path (or intrinsic call, where ASL allows one).
#[derive(Clone, Debug, PartialEq)]
pub struct Path {
    text: Arc<str>,
    form: Form,
}

#[derive(Clone, Debug, PartialEq)]
enum Form {
    Query(Query),
    Call(Call),
}

impl Path {
    /// Parses a path: `$.a[0]`, `$$.Execution.Id`.
    ///
    /// # Errors
    /// What is wrong with the text, as a sentence.
    pub fn parse(text: &str) -> Result<Self, String> {
        let mut cursor = Cursor::new(text);
        let query = parse_query_at(&mut cursor, 0)?;
        if !cursor.is_done() {
            return Err(cursor.expected("'.', '[' or the end"));
        }
        Ok(Self {
            text: text.into(),
            form: Form::Query(query),
        })
    }

    /// Parses a path or an intrinsic call: `States.Format('{}', $.a)`.
    ///
    /// # Errors
    /// What is wrong with the text, as a sentence.
    pub fn parse_or_call(text: &str) -> Result<Self, String> {
        if !text.starts_with("States.") {
            return Self::parse(text);
        }
        Ok(Self {
            text: text.into(),
            form: Form::Call(Call::parse(text)?),
        })
    }

    /// The path `$`.
    #[must_use]
    pub fn root() -> Self {
        Self {
            text: "$".into(),
            form: Form::Query(Query::root()),
        }
    }

    /// The path as it was written.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.text
    }

    /// Whether the path is `$`: the whole input, passed on unparsed.
    #[must_use]
    pub fn is_root(&self) -> bool {
        matches!(&self.form, Form::Query(query) if query.is_root())
    }

    /// Whether the path reads the context object (`$$`).
    #[must_use]
    pub fn reads_context(&self) -> bool {
        match &self.form {
            Form::Query(query) => query.reads_context(),
            Form::Call(call) => call.reads_context(),
        }
    }

    /// The value for a template's field `field`. An array that ends before the path's last index gives null (recorded
    /// from AWS); whatever else is missing is an error.
    ///
    /// # Errors
    /// `States.Runtime`.
    pub(crate) fn fill<'a>(
        &self,
        field: &str,
        scope: Scope<'a>,
    ) -> Result<Cow<'a, Value>, EvalError> {
        let query = match &self.form {
            Form::Query(query) => query,
            Form::Call(call) => return call.evaluate(scope).map(Cow::Owned),
        };
        let missing = match query.find(scope) {
            Ok(found) => return Ok(found),
            Err(missing) => missing,
        };
        if query.ends_past_array(&missing) {
            return Ok(Cow::Owned(Value::Null));
        }
        let cause = if missing.is_absence() {
            let searched = match query.root_of(scope) {
                Some(root) if !query.is_of_input() => root.to_string(),
                _ => scope.shown(),
            };
            format!(
                "The JSONPath '{}' specified for the field '{field}' could not be found in the input '{searched}'",
                self.text
            )
        } else {
            format!("Invalid path '{}' : {}", self.text, query.explain(missing))
        };
        Err(EvalError {
            error: "States.Runtime",
            cause,
            location: None,
        })
    }

    /// Names of the variables that the path reads.
    pub(crate) fn variables(&self) -> Vec<&str> {
        match &self.form {
            Form::Query(query) => query.variable().into_iter().collect(),
            Form::Call(call) => call.variables(),
        }
    }

    /// Whether the path looks into nothing but the input, by a query.
    pub(crate) fn is_query_of_input(&self) -> bool {
        matches!(&self.form, Form::Query(query) if query.is_of_input())
    }

    /// The path's value.
    ///
    /// # Errors
    /// `States.Runtime` when a definite path finds nothing, worded as AWS does for `InputPath` and the like; templates,
    /// choice rules and single fields word it themselves, from [`Path::find`]. `States.Runtime` from a call, too.
    pub fn select(&self, scope: Scope<'_>) -> Result<Value, EvalError> {
        match &self.form {
            Form::Query(query) => match query.find(scope) {
                Ok(found) => Ok(found.into_owned()),
                Err(missing) => Err(EvalError {
                    error: "States.Runtime",
                    cause: format!("Invalid path '{}' : {}", self.text, query.explain(missing)),
                    location: None,
                }),
            },
            Form::Call(call) => call.evaluate(scope),
        }
    }

    /// The path's value, borrowed where that is possible; `None` when a definite path finds nothing.
    ///
    /// # Errors
    /// `States.Runtime` from a call, or when the path looks at too many places.
    pub fn find<'a>(&self, scope: Scope<'a>) -> Result<Option<Cow<'a, Value>>, EvalError> {
        match &self.form {
            Form::Query(query) => match query.find(scope) {
                Ok(found) => Ok(Some(found)),
                Err(missing) if missing.is_absence() => Ok(None),
                Err(missing) => Err(EvalError {
                    error: "States.Runtime",
                    cause: format!("Invalid path '{}' : {}", self.text, query.explain(missing)),
                    location: None,
                }),
            },
            Form::Call(call) => call.evaluate(scope).map(|value| Some(Cow::Owned(value))),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::json;

    fn select(path: &str, input: &Value) -> Result<Value, String> {
        let context = json!({"Execution": {"Id": "e"}});
        Path::parse(path)?
            .select(Scope {
                input,
                text: None,
                context: &context,
                variables: &Variables::new(),
                chance: &Chance::new("", 0),
            })
            .map_err(|e| e.to_string())
    }

    #[test]
    fn definite_paths_give_one_value() {
        let input = json!({"a": {"b": [1, 2, {"c d": 3}]}, "delivery-partner": "x", "n": null});
        let check =
            |path: &str, value: Value| assert_eq!(select(path, &input), Ok(value), "{path}");
        check("$", input.clone());
        check("$.a.b[0]", json!(1));
        check("$.a.b[-1]['c d']", json!(3));
        check("$[\"delivery-partner\"]", json!("x"));
        check("$.delivery-partner", json!("x"));
        check("$.n", json!(null));
        check("$['a']['b'][1]", json!(2));
        check(
            "$['n','delivery-partner']",
            json!({"n": null, "delivery-partner": "x"}),
        );
        check("$$.Execution.Id", json!("e"));
    }

    #[test]
    fn indefinite_paths_give_a_list_even_of_nothing() {
        let input = json!({"a": [{"x": 1}, {"x": 2}, {"y": 3}], "o": {"p": 1, "q": [5]}});
        let check =
            |path: &str, value: Value| assert_eq!(select(path, &input), Ok(value), "{path}");
        check("$.a[*].x", json!([1, 2]));
        check("$.a[0:2].x", json!([1, 2]));
        check("$.a[-1:]", json!([{"y": 3}]));
        check("$.a[:1]", json!([{"x": 1}]));
        check("$.a[0,2]", json!([{"x": 1}, {"y": 3}]));
        check("$.o.*", json!([1, [5]]));
        check("$..x", json!([1, 2]));
        check("$..[0]", json!([{"x": 1}, 5]));
        check("$.no.such[*].path", json!([]));
        check("$.a[?(@.x == 2)]", json!([{"x": 2}]));
        check("$.a[?(@.x >= 1 && !(@.x == 2))].x", json!([1]));
        check("$.a[?(@.y || @.x == 1)]", json!([{"x": 1}, {"y": 3}]));
        check("$.a[?(@.x in [2, 7])]", json!([{"x": 2}]));
        check("$.a[?(@.x == $.o.p)]", json!([{"x": 1}]));
        let input = json!({"a": [{"s": "Abc", "l": [1, 2]}, {"s": "abd", "l": []}, {"n": 5}]});
        let names = |filter: &str| {
            let found = select(&format!("$.a[?({filter})].s"), &input).expect(filter);
            found.to_string()
        };
        assert_eq!(names("@.s =~ /ab./"), r#"["abd"]"#);
        assert_eq!(names("@.s =~ /AB.*/i"), r#"["Abc","abd"]"#);
        assert_eq!(names("@.s =~ /b/"), "[]");
        assert_eq!(names("@.l contains 2"), r#"["Abc"]"#);
        assert_eq!(names("@.s contains 'bd'"), r#"["abd"]"#);
        assert_eq!(names("@.l size 2"), r#"["Abc"]"#);
        assert_eq!(names("@.l empty true"), r#"["abd"]"#);
        assert_eq!(names("@.l subsetof [1, 2, 3]"), r#"["Abc","abd"]"#);
        assert_eq!(names("@.l anyof [2, 3]"), r#"["Abc"]"#);
        assert_eq!(names("@.l noneof [2, 3]"), r#"["abd"]"#);
        assert_eq!(names("@.l all [1, 2]"), r#"["Abc"]"#);
        assert_eq!(
            names("@.s === 'Abc' || @.s !== 'Abc' && @.s == 'abd'"),
            r#"["Abc","abd"]"#
        );
    }

    #[test]
    fn what_is_missing_is_said_as_aws_says_it() {
        let input = json!({"a": "text", "b": {"c": 1}});
        let check = |path: &str, cause: &str| {
            assert_eq!(
                select(path, &input),
                Err(format!("States.Runtime: Invalid path '{path}' : {cause}"))
            );
        };
        check(
            "$.NoSuchInputPath",
            "No results for path: $['NoSuchInputPath']",
        );
        check("$.no.such.result.path", "Missing property in path $['no']");
        check("$.b.x", "No results for path: $['b']['x']");
        check(
            "$.b.c[4]",
            "Filter: [4] can only be applied to arrays. Current context is: 1",
        );
    }

    #[test]
    fn an_escape_before_any_other_character_stays() {
        let input = json!({"Test\\\"\"Name\"": "Value", "it's": 1});
        assert_eq!(select("$['Test\\\"\"Name\"']", &input), Ok(json!("Value")));
        assert_eq!(select("$['it\\'s']", &input), Ok(json!(1)));
    }

    #[test]
    fn wrong_paths_are_refused() {
        for path in [
            "",
            "a",
            "$.",
            "$..",
            "$.a[",
            "$.a[]",
            "$.a['b]",
            "$.a[1",
            "$.a[?(@.x =~ /(/)]",
            "$.a[?(@.x =~ 'y')]",
            "$.a[?(@.x type 1)]",
            "$.a.length()",
            "$ .a",
            "$.a b",
            "$[1:2:3]",
        ] {
            assert!(Path::parse(path).is_err(), "{path}");
        }
        assert!(Path::parse(&"$[?(@".repeat(1_000)).is_err());
        assert!(Path::parse(&format!("${}", ".a".repeat(1_000))).is_err());
    }

    #[test]
    fn a_path_that_explodes_is_stopped() {
        let wide: Value = (0..1_000).map(|i| json!([i, [i], [[i]]])).collect();
        let error = select(
            &format!("${}", "..*".repeat(12)),
            &json!([[[[[[[[wide]]]]]]]]),
        )
        .expect_err("stopped");
        assert!(error.contains("more specific"), "{error}");
    }

    proptest! {
        #[test]
        fn parsing_and_evaluating_never_panic(text in "[$@.\\[\\]'\"*?():,0-9a-c =<>!&|\\\\é-]{0,40}") {
            let input = json!({"a": [{"b": 1}, [1, 2, 3]], "b": {"c": "x"}});
            for text in [text.clone(), format!("$.{text}"), format!("$[{text}]"), format!("$.a[?({text})]")] {
                if let Ok(path) = Path::parse(&text) {
                    let _ = path.select(Scope { input: &input, text: None, context: &input, variables: &Variables::new(), chance: &Chance::new("", 0) });
                }
                let _ = ReferencePath::parse(&text);
            }
        }
    }
}
