//! Expressions end to end: what they see, what they answer, how they fail.

use super::*;
use serde_json::json;

fn evaluate(form: Value) -> Result<Value, EvalError> {
    let input = json!({"a": 1, "b": [1, 2, 3], "s": "text", "n": null, "one": [7], "f": 2.0, "id": 1_234_567_890_123_456_789_i64,
        "o": [{"p": 1}, {"p": 2}]});
    let context = json!({"Execution": {"Id": "arn"}});
    let variables: Variables = [(Arc::from("v"), json!({"w": true}))].into_iter().collect();
    let chance = Chance::new("arn", 1);
    let fields = [("Output".to_owned(), form.clone())];
    let reads = Reads::of_fields(
        &fields.into_iter().collect(),
        crate::program::Language::Jsonata,
    );
    let parsed = Form::parse(&form, "Output", false)
        .ok()
        .expect("a right form");
    let surroundings = Surroundings {
        input: Source::Value(&input),
        result: Some(Source::Text("{\"r\": 2.5}")),
        error_output: None,
        context: &context,
        variables: &variables,
        now_ms: 1_700_000_000_123,
        chance: &chance,
    };
    let mut warm = Warm::default();
    parsed.evaluate(&mut Session::new(surroundings, &reads, &mut warm))
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
fn names_alone_are_followed_without_the_engine_and_alike() {
    check("$states.input.id", json!(1_234_567_890_123_456_789_i64));
    check("$states.input.f", json!(2));
    check("$states.input.one", json!([7]));
    check("$states.input.o.p", json!([1, 2]));
    check("$states.input.n", Value::Null);
    check("$v", json!({"w": true}));
    let nothing = |text: &str| {
        let error = evaluate(json!(format!("{{% {text} %}}"))).expect_err(text);
        assert!(
            error.cause.ends_with("returned nothing (undefined)."),
            "{error}"
        );
    };
    nothing("$states.input.none");
    nothing("$states.input.a.b");
    nothing("$states.errorOutput2");
    nothing("$v.none");
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
    check("$random(42)", json!(0.727_563_680_032_868_1));
    check("$random(0.9) = $random(0)", json!(true));
    check("$partition([1,2,3])", json!([[1, 2, 3]]));
    check("$partition([1,2,3,4,5], 2.9)", json!([[1, 2], [3, 4], [5]]));
    check("$range(-1.7, 2, 1)", json!([-1, 0, 1, 2]));
    check("$range(5, 1, -1.5)", json!([5, 4, 3, 2, 1]));
    check("$exists($parse('null'))", json!(true));
    check("$map(['{\"a\":1}', '{\"a\":2}'], $parse).a", json!([1, 2]));
    check("[1/0, -1/0]", json!(["Infinity", "-Infinity"]));
    check("$length($uuid())", json!(36));
    check("$uuid() = $uuid()", json!(false));
}

#[test]
fn every_function_of_jsonata_answers() {
    let calls = [
        "$abs(-1)",
        "$append([1], [2])",
        "$exists($assert(true, 'm')) = false",
        "$average([1, 2])",
        "$base64decode('YQ==')",
        "$base64encode('a')",
        "$boolean(1)",
        "$ceil(1.2)",
        "$contains('ab', 'b')",
        "$count([1])",
        "$decodeUrl('a')",
        "$decodeUrlComponent('a')",
        "$distinct([1, 1])",
        "$each({'a': 1}, function($v){$v})",
        "$encodeUrl('a')",
        "$encodeUrlComponent('a')",
        "false and $error('m')",
        "$exists(1)",
        "$filter([1, 2], function($v){$v > 1})",
        "$floor(1.2)",
        "$formatBase(10, 2)",
        "$formatInteger(3, 'w')",
        "$formatNumber(1234.5, '#,##0.00')",
        "$fromMillis(0)",
        "$join(['a', 'b'], '-')",
        "$keys({'a': 1})",
        "$length('a')",
        "$lookup({'a': 1}, 'a')",
        "$lowercase('A')",
        "$map([1], function($v){$v})",
        "$match('ab', /b/)",
        "$max([1])",
        "$merge([{'a': 1}, {'b': 2}])",
        "$millis()",
        "$min([1])",
        "$not(true)",
        "$now()",
        "$number('1')",
        "$pad('a', 3)",
        "$parseInteger('3', '0')",
        "$power(2, 3)",
        "$random()",
        "$reduce([1, 2], function($a, $b){$a + $b})",
        "$replace('ab', 'a', 'c')",
        "$reverse([1, 2])",
        "$round(1.5)",
        "$shuffle([1])",
        "$sift({'a': 1}, function($v){$v = 1})",
        "$single([1], function($v){$v = 1})",
        "$sort([2, 1])",
        "$split('a b', ' ')",
        "$spread({'a': 1})",
        "$sqrt(4)",
        "$string(1)",
        "$substring('abc', 1)",
        "$substringAfter('abc', 'b')",
        "$substringBefore('abc', 'b')",
        "$sum([1])",
        "$toMillis('1970-01-01T00:00:00Z')",
        "$trim(' a ')",
        "$type(1)",
        "$uppercase('a')",
        "$zip([1], [2])",
    ];
    for name in STANDARD {
        let call = calls
            .iter()
            .find(|call| call.contains(&format!("${name}(")));
        let call = call.unwrap_or_else(|| panic!("no call of ${name}"));
        evaluate(json!(format!("{{% {call} %}}"))).unwrap_or_else(|why| panic!("{call}: {why}"));
    }
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
    let sized = "threw an error during evaluation: Expression evaluation memory limit exceeded: Check for excessive memory usage";
    fails("$count([1..873783])", sized);
    fails("$range(1, 360146, 1)", sized);
    fails("$pad('x', 1000000000)", sized);
    fails(
        "($f := function($n){1 + $f($n + 1)}; $f(1))",
        "threw an error during evaluation: Stack overflow error: Check for non-terminating recursive function. Consider \
         rewriting as tail-recursive",
    );
    fails(
        "($f := function($n){$f($n + 1)}; $f(1))",
        "threw an error during evaluation: Expression evaluation timeout: Check for infinite loop",
    );
    fails(
        "$eval('1')",
        "threw an error during evaluation. T1006: Attempted to invoke a non-function",
    );
    for undefined in [
        "$range(1, 5)",
        "$range(5, 1, 1)",
        "$range(1, 5, 0)",
        "$partition([], 2)",
        "$partition([1], 0)",
        "$hash('a')",
        "$parse()",
    ] {
        fails(undefined, "returned nothing (undefined).");
    }
    for (text, thrown) in [
        (
            "$partition([1], -1)",
            "D3137: Second argument must be zero or greater",
        ),
        ("$parse('{')", "D3137: Invalid JSON"),
        ("$parse('{\"a\":1,\"a\":2}')", "D3137: Invalid JSON"),
        (
            "$parse(null)",
            "T0410: Argument 1 of function \"parse\" does not match function signature",
        ),
        (
            "$uuid(1)",
            "T0410: Argument 1 of function \"uuid\" does not match function signature",
        ),
        (
            "$random(1, 2)",
            "T0410: Argument 2 of function \"random\" does not match function signature",
        ),
        (
            "$hash('a', 5)",
            "T0410: Argument 2 of function \"hash\" does not match function signature",
        ),
        (
            "$sqrt(-1)",
            "D3060: The sqrt function cannot be applied to a negative number: -1",
        ),
        (
            "1 + {}",
            "T2002: The right side of the \"+\" operator must evaluate to a number",
        ),
    ] {
        fails(text, &format!("threw an error during evaluation. {thrown}"));
    }
    fails(
        "$nothing(1)",
        "threw an error during evaluation. T1006: Attempted to invoke a non-function",
    );
}

#[test]
fn wrong_expressions_are_refused() {
    // The messages are recorded from AWS.
    for (text, message) in [
        ("", "Unexpected end of expression"),
        ("1 +", "Unexpected end of expression"),
        ("$x :=", "Unexpected end of expression"),
        ("$a[1,2)", "Expected \"]\", got \",\""),
        (
            "\"unterminated",
            "String literal must be terminated by a matching quote",
        ),
        (
            "{\"a\":}",
            "The symbol \"}\" cannot be used as a unary operator",
        ),
        (
            "$match(\"a\", /abc",
            "No terminating / in regular expression",
        ),
    ] {
        let faults = Expression::parse(text, "Output", false).expect_err(text);
        let found: Vec<_> = faults
            .iter()
            .map(|f| (f.code, f.message.as_str()))
            .collect();
        assert_eq!(found, [("INVALID_JSONATA_EXPRESSION", message)], "{text}");
    }
    for (text, message) in [
        (
            "phone",
            "Reference to 'phone' at the top level is not supported.",
        ),
        ("$$", "Reference to '$$' is not supported."),
        (
            "$states.errorOutput",
            "Field '$states.errorOutput' does not exist.",
        ),
    ] {
        let faults = Expression::parse(text, "Output", false).expect_err(text);
        let found: Vec<_> = faults
            .iter()
            .map(|f| (f.code, f.message.as_str()))
            .collect();
        assert_eq!(
            found,
            [("UNSUPPORTED_JSONATA_EXPRESSION", message)],
            "{text}"
        );
    }
    assert!(Expression::parse("$states.errorOutput", "Output", true).is_ok());
    assert!(Expression::text_within("{% 1 %} ").is_none());
}
