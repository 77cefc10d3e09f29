//! Expressions end to end: what they see, what they answer, how they fail.

use super::*;
use serde_json::json;

fn evaluate(form: Value) -> Result<Value, EvalError> {
    let input = json!({"a": 1, "b": [1, 2, 3], "s": "text"});
    let context = json!({"Execution": {"Id": "arn"}});
    let variables: Variables = [(Arc::from("v"), json!({"w": true}))].into_iter().collect();
    let chance = Chance::new("arn", 1);
    let fields = [("Output".to_owned(), form.clone())];
    let reads = Reads::of_fields(
        &fields.into_iter().collect(),
        crate::program::Language::Jsonata,
    );
    let parsed = Form::parse(&form, "Output").ok().expect("a right form");
    let surroundings = Surroundings {
        input: Source::Value(&input),
        result: Some(Source::Text("{\"r\": 2.5}")),
        error_output: None,
        context: &context,
        variables: &variables,
        now_ms: 1_700_000_000_123,
        chance: &chance,
    };
    parsed.evaluate(&mut Session::new(&surroundings, &reads))
}

fn check(text: &str, expected: Value) {
    assert_eq!(
        evaluate(json!(format!("{{% {text} %}}"))),
        Ok(expected),
        "{text}"
    );
}

#[test]
fn expressions_see_states_and_variables() {
    check("$states.input.a + $states.result.r", json!(3.5));
    check("$states.context.Execution.Id", json!("arn"));
    check("$v.w", json!(true));
    check("$sum($states.input.b)", json!(6));
    check("($x := 2; $x * 2)", json!(4));
    assert_eq!(
        evaluate(json!({"a": ["{% 1 %}", " {% 1 %}", {"b": "{% [] %}"}]})),
        Ok(json!({"a": [1, " {% 1 %}", {"b": []}]}))
    );
}

#[test]
fn functions_of_aws_answer() {
    check("$partition([1,2,3], 2)", json!([[1, 2], [3]]));
    check("$partition([0], 2)", json!([[0]]));
    check("$range(1, 9, 2)", json!([1, 3, 5, 7, 9]));
    check("$range(1, 9, 9)", json!(1));
    check(
        "$hash('abc', 'MD5')",
        json!("900150983cd24fb0d6963f7d28e17f72"),
    );
    check("$parse('{\"a\": [1]}').a[0]", json!(1));
    check("$random(7) = $random(7)", json!(true));
    check("$length($uuid())", json!(36));
    check("$uuid() = $uuid()", json!(false));
}

#[test]
fn time_is_that_of_the_decision() {
    check("$now()", json!("2023-11-14T22:13:20.123Z"));
    check("$now('[Y0001]')", json!("2023"));
    check("$millis()", json!(1_700_000_000_123_i64));
    check("$toMillis('1970-01-01T00:00:01Z')", json!(1000));
    check(
        "$fromMillis($toMillis('10:00', '[H01]:[m01]'), '[Y0001]-[M01]-[D01] [H01]')",
        json!("2023-11-14 10"),
    );
    check("$count($shuffle([1,2,3]))", json!(3));
}

#[test]
fn failures_are_worded_as_aws_words_them() {
    let fails = |text: &str, what: &str| {
        let error = evaluate(json!({"f": format!("{{% {text} %}}")})).expect_err(text);
        let cause =
            format!("The JSONata expression '{text}' specified for the field 'Output/f' {what}");
        assert_eq!(error.cause, cause);
        assert_eq!(error.location.as_deref(), Some("Output/f"));
        assert_eq!(error.error, QUERY_EVALUATION_ERROR);
    };
    fails("$nothing", "returned nothing (undefined).");
    fails("function($x){$x}", "returned an unsupported result type.");
    fails(
        "$nothing(1)",
        "threw an error during evaluation. T1006: Attempted to invoke a non-function",
    );
}

#[test]
fn nothing_runs_for_ever_or_fills_the_memory() {
    for text in [
        "($f := function($n){1 + $f($n + 1)}; $f(1))",
        "$map([1..100000000], function($x){$x})",
        "($f := function($n){$f($n + 1)}; $f(1))",
    ] {
        let evaluated = evaluate(json!(format!("{{% {text} %}}")));
        assert!(evaluated.is_err(), "{text}");
    }
}

#[test]
fn wrong_expressions_are_refused() {
    for text in ["", "1 +", "$eval('1')", "{"] {
        assert!(Expression::parse(text, "Output").is_err(), "{text}");
    }
    assert!(Expression::text_within("{% 1 %} ").is_none());
}
