//! Functions of expressions that JSONata itself lacks, or that would read a clock or a generator.
//!
//! Owns: `$partition`, `$range`, `$hash`, `$random`, `$uuid`, `$parse` (AWS: "JSONata functions provided by Step
//! Functions") and `$now`, `$millis`, `$shuffle`, `$toMillis`, `$eval`, which take time and chance from the
//! surroundings. Only those that the state's texts name are installed.

use super::engine::from_value;
use super::{Reads, Surroundings, guard};
use crate::chance::{Chance, seeded, unit};
use crate::definition::strict_json;
use crate::digest::hash;
use crate::limits;
use crate::timestamp::rfc3339_ms;
use jsonata_core::evaluator::{Evaluator, EvaluatorError};
use jsonata_core::parser;
use jsonata_core::value::JValue;
use std::cell::Cell;

type Answer = Result<JValue, EvaluatorError>;

/// The functions of JSONata 2.0.6, but for `$eval`, which AWS disables.
pub(crate) const STANDARD: &[&str] = &[
    "abs",
    "append",
    "assert",
    "average",
    "base64decode",
    "base64encode",
    "boolean",
    "ceil",
    "contains",
    "count",
    "decodeUrl",
    "decodeUrlComponent",
    "distinct",
    "each",
    "encodeUrl",
    "encodeUrlComponent",
    "error",
    "exists",
    "filter",
    "floor",
    "formatBase",
    "formatInteger",
    "formatNumber",
    "fromMillis",
    "join",
    "keys",
    "length",
    "lookup",
    "lowercase",
    "map",
    "match",
    "max",
    "merge",
    "millis",
    "min",
    "not",
    "now",
    "number",
    "pad",
    "parseInteger",
    "power",
    "random",
    "reduce",
    "replace",
    "reverse",
    "round",
    "shuffle",
    "sift",
    "single",
    "sort",
    "split",
    "spread",
    "sqrt",
    "string",
    "substring",
    "substringAfter",
    "substringBefore",
    "sum",
    "toMillis",
    "trim",
    "type",
    "uppercase",
    "zip",
];
/// The functions that Step Functions adds; `$random` takes a seed there.
pub(crate) const OF_STEP_FUNCTIONS: &[&str] =
    &["hash", "parse", "partition", "random", "range", "uuid"];
/// Functions whose value can be larger than what they are given, or that loop.
const GROWING: &[&str] = &[
    "append",
    "each",
    "filter",
    "fromMillis",
    "join",
    "map",
    "merge",
    "pad",
    "partition",
    "range",
    "reduce",
    "replace",
    "sift",
    "single",
    "spread",
    "string",
    "zip",
];

/// Whether there is a function of this name.
pub(crate) fn is_known(name: &str) -> bool {
    STANDARD.contains(&name) || OF_STEP_FUNCTIONS.contains(&name) || name == "eval"
}

/// Whether the function can make a large value of small ones.
pub(super) fn is_growing(name: &str) -> bool {
    GROWING.contains(&name)
}

/// Installs what `reads` names.
pub(super) fn install(evaluator: &mut Evaluator, surroundings: &Surroundings<'_>, reads: &Reads) {
    let now_ms = surroundings.now_ms;
    for (name, function) in [
        ("partition", partition as fn(&[JValue]) -> Answer),
        ("range", range),
        ("hash", hashed),
        ("parse", parse),
        ("eval", eval),
    ] {
        if reads.has(name) {
            add(evaluator, name, function);
        }
    }
    if reads.has("now") {
        add(evaluator, "now", move |args: &[JValue]| now(args, now_ms));
    }
    if reads.has("millis") {
        let millis = move |_: &[JValue]| Ok(JValue::Number(now_ms as f64));
        add(evaluator, "millis", millis);
    }
    if reads.has("toMillis") {
        let to_millis = move |args: &[JValue]| to_millis(args, now_ms);
        add(evaluator, "toMillis", to_millis);
    }
    if reads.has("uuid") {
        let draw = drawer(surroundings.chance);
        add(evaluator, "uuid", move |_: &[JValue]| {
            Ok(JValue::string(Chance::new("uuid", draw()).next_uuid()))
        });
    }
    if reads.has("random") {
        let draw = drawer(surroundings.chance);
        add(evaluator, "random", move |args: &[JValue]| match args {
            [] => Ok(JValue::Number(unit(draw()))),
            // Cut to an integer, as AWS does.
            [JValue::Number(seed), ..] => Ok(JValue::Number(seeded(*seed as i64))),
            [JValue::Undefined, ..] => Ok(JValue::Undefined),
            _ => Err(unsigned("random", 1)),
        });
    }
    if reads.has("shuffle") {
        let draw = drawer(surroundings.chance);
        add(evaluator, "shuffle", move |args: &[JValue]| {
            Ok(shuffle(args, &draw))
        });
    }
}

fn add(evaluator: &mut Evaluator, name: &str, function: impl Fn(&[JValue]) -> Answer + 'static) {
    // Refused only for names that the crate compiles, and none of these is one.
    let added = evaluator.register_fn_override(name, function);
    debug_assert!(added.is_ok(), "{name}");
}

/// Numbers of a sequence of its own, begun by the next number of `chance`.
fn drawer(chance: &Chance<'_>) -> impl Fn() -> u64 + 'static {
    let next = Cell::new(chance.next_u64());
    move || {
        let drawn = next.get();
        next.set(Chance::new("draw", drawn).next_u64());
        drawn
    }
}

/// `$partition(array, size)`: one chunk where no size is given; undefined for a size of 0 or an empty array (all recorded
/// from AWS, as is what follows).
fn partition(args: &[JValue]) -> Answer {
    let items = match args.first() {
        None | Some(JValue::Undefined) => return Ok(JValue::Undefined),
        Some(JValue::Array(items)) => items,
        Some(_) => return Err(not_an_array("partition")),
    };
    let size = match args.get(1) {
        None | Some(JValue::Undefined) => items.len() as f64,
        Some(JValue::Number(size)) => size.trunc(),
        Some(_) => return Err(unsigned("partition", 2)),
    };
    if size < 0.0 {
        return Err(thrown("D3137: Second argument must be zero or greater"));
    }
    if size == 0.0 || items.is_empty() {
        return Ok(JValue::Undefined);
    }
    let chunks = items
        .chunks(size.min(items.len() as f64) as usize)
        .map(|chunk| JValue::array(chunk.to_vec()))
        .collect();
    Ok(JValue::array(chunks))
}

/// `$range(first, last, step)`: each number is cut to an integer; a sequence, so one number alone is that number, and none
/// is undefined.
fn range(args: &[JValue]) -> Answer {
    let mut numbers = [0.0; 3];
    for (i, number) in numbers.iter_mut().enumerate() {
        *number = match args.get(i) {
            Some(JValue::Number(given)) => given.trunc(),
            Some(JValue::Undefined) => return Ok(JValue::Undefined),
            None if i == 2 => return Ok(JValue::Undefined),
            _ => return Err(unsigned("range", i + 1)),
        };
    }
    let [first, last, step] = numbers;
    let length = ((last - first) / step).floor() + 1.0;
    if step == 0.0 || length.is_nan() || length < 1.0 {
        return Ok(JValue::Undefined);
    }
    if length > limits::JSONATA_RANGE_LENGTH_MAX as f64 {
        return Err(guard::too_large());
    }
    let mut values: Vec<JValue> = (0..length as usize)
        .map(|i| JValue::Number(first + i as f64 * step))
        .collect();
    Ok(if values.len() == 1 {
        values.swap_remove(0)
    } else {
        JValue::array(values)
    })
}

/// `$hash(text, algorithm)`
fn hashed(args: &[JValue]) -> Answer {
    let (text, algorithm) = match args {
        [] | [JValue::Undefined, ..] => return Ok(JValue::Undefined),
        [JValue::String(_)] | [JValue::String(_), JValue::Undefined, ..] => {
            return Ok(JValue::Undefined);
        }
        [JValue::String(text), JValue::String(algorithm), ..] => (text, &**algorithm),
        [JValue::String(_), ..] => return Err(unsigned("hash", 2)),
        _ => return Err(unsigned("hash", 1)),
    };
    hash(text, algorithm)
        .map(JValue::string)
        .ok_or_else(|| thrown("D3137: Invalid hashing algorithm"))
}

/// `$parse(text)`
fn parse(args: &[JValue]) -> Answer {
    let text = match args {
        [] | [JValue::Undefined, ..] => return Ok(JValue::Undefined),
        [JValue::String(text), ..] => text,
        _ => return Err(unsigned("parse", 1)),
    };
    strict_json(text)
        .map(|value| from_value(&value))
        .map_err(|_| thrown("D3137: Invalid JSON"))
}

fn eval(_: &[JValue]) -> Answer {
    Err(thrown("T1006: Attempted to invoke a non-function"))
}

/// `$now([picture [, timezone]])`
fn now(args: &[JValue], now_ms: i64) -> Answer {
    if matches!(args, [] | [JValue::Undefined]) {
        return Ok(JValue::string(rfc3339_ms(now_ms)));
    }
    let mut all = vec![JValue::Number(now_ms as f64)];
    all.extend_from_slice(args);
    call("fromMillis", &all)
}

/// `$toMillis(timestamp [, picture])`: what a picture lacks before its first part is today's.
fn to_millis(args: &[JValue], now_ms: i64) -> Answer {
    let [JValue::String(text), JValue::String(picture), rest @ ..] = args else {
        return call("toMillis", args);
    };
    let has = |parts: &str| {
        parts
            .chars()
            .any(|part| picture.contains(&format!("[{part}")))
    };
    let today = rfc3339_ms(now_ms);
    let (date, form) = if has("YXEd") {
        (String::new(), "")
    } else if has("MxW") {
        (format!("{} ", &today[..4]), "[Y0001] ")
    } else if has("DF") {
        (format!("{} ", &today[..7]), "[Y0001]-[M01] ")
    } else {
        (format!("{} ", &today[..10]), "[Y0001]-[M01]-[D01] ")
    };
    let mut all = vec![
        JValue::string(format!("{date}{text}")),
        JValue::string(format!("{form}{picture}")),
    ];
    all.extend_from_slice(rest);
    call("toMillis", &all)
}

/// The crate's own function. Arguments are functions that return them, since an evaluator that exists takes no
/// variables.
fn call(name: &str, args: &[JValue]) -> Answer {
    let mut evaluator = Evaluator::new();
    let mut list = Vec::new();
    for (i, arg) in args.iter().enumerate() {
        let value = arg.clone();
        let getter = format!("argument{i}");
        add(&mut evaluator, &getter, move |_: &[JValue]| {
            Ok(value.clone())
        });
        list.push(format!("${getter}()"));
    }
    let text = format!("${name}({})", list.join(","));
    let parsed =
        parser::parse(&text).map_err(|error| EvaluatorError::EvaluationError(error.to_string()))?;
    evaluator.evaluate(&parsed, &JValue::Undefined)
}

/// Fisher-Yates.
fn shuffle(args: &[JValue], draw: &impl Fn() -> u64) -> JValue {
    let mut items: Vec<JValue> = match args.first() {
        Some(JValue::Array(items)) => items.to_vec(),
        Some(JValue::Undefined) | None => return JValue::Undefined,
        Some(one) => vec![one.clone()],
    };
    for last in (1..items.len()).rev() {
        items.swap(last, (draw() % (last as u64 + 1)) as usize);
    }
    JValue::array(items)
}

/// AWS's words for an argument that a function's signature doesn't have.
pub(super) fn unsigned(name: &str, argument: usize) -> EvaluatorError {
    thrown(&format!(
        "T0410: Argument {argument} of function \"{name}\" does not match function signature"
    ))
}

fn not_an_array(name: &str) -> EvaluatorError {
    thrown(&format!(
        "T0412: Argument 1 of function \"{name}\" must be an array"
    ))
}

fn thrown(message: &str) -> EvaluatorError {
    EvaluatorError::EvaluationError(message.to_owned())
}
