//! Functions of expressions that JSONata itself lacks, or that would read a clock or a generator.
//!
//! Owns: `$partition`, `$range`, `$hash`, `$random`, `$uuid`, `$parse` (AWS: "JSONata functions provided by Step
//! Functions") and `$now`, `$millis`, `$shuffle`, `$toMillis`, `$eval`, which take time and chance from the
//! surroundings. Only those that the state's texts name are installed.

use super::engine::from_value;
use super::{Reads, Surroundings};
use crate::chance::{Chance, seeded};
use crate::digest::hash;
use crate::limits;
use crate::timestamp::rfc3339_ms;
use jsonata_core::evaluator::{Evaluator, EvaluatorError};
use jsonata_core::parser;
use jsonata_core::value::JValue;
use std::cell::Cell;

type Answer = Result<JValue, EvaluatorError>;

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
        add(evaluator, "random", move |args: &[JValue]| {
            Ok(JValue::Number(seeded(match args.first() {
                Some(JValue::Number(seed)) => seed.to_bits(),
                _ => draw(),
            })))
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

/// `$partition(array, size)`
fn partition(args: &[JValue]) -> Answer {
    let [JValue::Array(items), JValue::Number(size)] = args else {
        return undefined_or(args, "partition", "an array and a number");
    };
    if *size < 1.0 || size.fract() != 0.0 {
        let wanted = "a positive integer as its second argument";
        return Err(wrong("partition", wanted));
    }
    let chunks = items
        .chunks(*size as usize)
        .map(|chunk| JValue::array(chunk.to_vec()))
        .collect();
    Ok(JValue::array(chunks))
}

/// `$range(first, last, step)`: a sequence, so one number alone is that number (recorded from AWS).
fn range(args: &[JValue]) -> Answer {
    let [
        JValue::Number(first),
        JValue::Number(last),
        JValue::Number(step),
    ] = args
    else {
        return undefined_or(args, "range", "three numbers");
    };
    if *step == 0.0 {
        return Err(wrong("range", "a step that is not 0"));
    }
    let length = ((last - first) / step).floor() + 1.0;
    if length > limits::JSONATA_SEQUENCE_LENGTH_MAX as f64 || !length.is_finite() {
        return Err(wrong("range", "fewer values"));
    }
    let mut values: Vec<JValue> = (0..length.max(0.0) as usize)
        .map(|i| JValue::Number(first + i as f64 * step))
        .collect();
    Ok(match values.len() {
        0 => JValue::Undefined,
        1 => values.swap_remove(0),
        _ => JValue::array(values),
    })
}

/// `$hash(text, algorithm)`, `SHA-256` if none is named.
fn hashed(args: &[JValue]) -> Answer {
    let (text, algorithm) = match args {
        [JValue::String(text)] => (text, "SHA-256"),
        [JValue::String(text), JValue::String(algorithm)] => (text, &**algorithm),
        _ => return undefined_or(args, "hash", "a text and the name of an algorithm"),
    };
    let wanted = "MD5, SHA-1, SHA-256, SHA-384 or SHA-512 as its second argument";
    hash(text, algorithm)
        .map(JValue::string)
        .ok_or_else(|| wrong("hash", wanted))
}

/// `$parse(text)`
fn parse(args: &[JValue]) -> Answer {
    let [JValue::String(text)] = args else {
        return undefined_or(args, "parse", "a text");
    };
    serde_json::from_str(text)
        .map(|value| from_value(&value))
        .map_err(|_| wrong("parse", "a text that is JSON"))
}

fn eval(_: &[JValue]) -> Answer {
    let message = "T1006: Attempted to invoke a non-function";
    Err(EvaluatorError::EvaluationError(message.to_owned()))
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

/// A function of something undefined is undefined, as JSONata has it; of anything else that it doesn't take, an error.
fn undefined_or(args: &[JValue], name: &str, wanted: &str) -> Answer {
    if matches!(args.first(), Some(JValue::Undefined)) {
        Ok(JValue::Undefined)
    } else {
        Err(wrong(name, wanted))
    }
}

fn wrong(name: &str, wanted: &str) -> EvaluatorError {
    EvaluatorError::EvaluationError(format!("T0410: The function ${name} needs {wanted}"))
}
