//! Expressions that would run for ever or fill the memory end with an error instead, and soon.

#![expect(
    clippy::disallowed_methods,
    reason = "a test measures time; it decides nothing"
)]

use baton_language::jsonata::{Session, Source, Surroundings, Warm};
use baton_language::{Chance, Variables, compile};
use serde_json::{Value, json};
use std::time::{Duration, Instant};

/// Far over what the slowest may take, far under what any took before it was bounded.
const LONGEST: Duration = Duration::from_secs(10);

fn evaluate(text: &str) -> Result<Value, String> {
    let machine = json!({"QueryLanguage": "JSONata", "StartAt": "S", "States": {
        "S": {"Type": "Pass", "Output": format!("{{% {text} %}}"), "End": true}}});
    let (program, _) = compile(&machine.to_string()).expect("a right definition");
    let state = program.state(program.start);
    let (variables, chance, input) = (Variables::new(), Chance::new("arn", 1), json!({}));
    let surroundings = Surroundings {
        input: Source::Value(&input),
        result: None,
        error_output: None,
        context: &Value::Null,
        variables: &variables,
        now_ms: 0,
        chance: &chance,
    };
    let mut warm = Warm::default();
    let output = state.output.as_ref().expect("an output");
    let value = output.evaluate(&mut Session::new(surroundings, &state.reads, &mut warm));
    value.map_err(|error| error.cause)
}

#[test]
fn nothing_runs_for_ever_or_fills_the_memory() {
    for text in [
        "($f := function($n){1 + $f($n + 1)}; $f(1))",
        "$map([1..100000000], function($x){$x})",
        "($f := function($n){$f($n + 1)}; $f(1))",
        "$reduce([1..10000000], function($a, $x){$a + $x})",
        "$reduce([1..800000], function($a, $x){$append($a, [$x, $x])})",
        "($f := function($s, $n){$n = 0 ? $s : $f($s & $s, $n - 1)}; $f('x', 40))",
        "($f := function($s, $n){$n = 0 ? $s : $f([$s, $s], $n - 1)}; $string($f('x', 40)))",
        "($f := function($s, $n){$n = 0 ? $s : $f({'a': $s, 'b': $s}, $n - 1)}; $f('x', 60))",
        "($f := function($s, $n){$n = 0 ? $s : $f($zip($s, $s), $n - 1)}; $f([1], 60))",
        "$map([1..10000], function($x){[1..800000]})",
        "[1..800000].[1..800000]",
        "$join([1..800000].$pad('x', 100000))",
        "$replace($pad('', 100000, 'x'), 'x', $pad('', 100000, 'y'))",
        "$string($map([1..300000], function($x){$pad('x', 1000)}))",
    ] {
        let began = Instant::now();
        let evaluated = evaluate(text);
        assert!(evaluated.is_err(), "{text}");
        assert!(
            began.elapsed() < LONGEST,
            "{text} took {:?}",
            began.elapsed()
        );
    }
}

#[test]
fn what_is_large_and_right_is_not_refused() {
    for (text, expected) in [
        ("$count([1..873782])", json!(873_782)),
        (
            "$sum($map([1..200000], function($v){$v * 2}))",
            json!(40_000_200_000_i64),
        ),
        (
            "$length($join($map([1..10000], $string), ','))",
            json!(48_893),
        ),
        (
            "$count($reduce([1..2000], function($a, $x){$append($a, $x)}, []))",
            json!(2_000),
        ),
        (
            "($f := function($s, $n){$n = 0 ? $s : $f($s & $s, $n - 1)}; $length($f('x', 22)))",
            json!(4_194_304),
        ),
        ("[[1, 2], [3]] ~> $string()", json!("[[1,2],[3]]")),
        (
            "($x := [1, 2]; [[$x, 3], [$x]])",
            json!([[1, 2, 3], [1, 2]]),
        ),
    ] {
        assert_eq!(evaluate(text), Ok(expected), "{text}");
    }
}
