//! Intrinsic functions on texts.

use super::text_of;
use crate::limits;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;

/// `States.Hash`: of a text, or of any other value as JSON.
pub(super) fn hash(value: &Value, algorithm: &Value) -> Result<Value, String> {
    let algorithm = text_of(algorithm)?;
    let text = match value {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    };
    if text.chars().count() > limits::INTRINSIC_TEXT_LENGTH_MAX {
        return Err(format!(
            "the data has more than {} characters",
            limits::INTRINSIC_TEXT_LENGTH_MAX
        ));
    }
    crate::digest::hash(&text, algorithm)
        .map(Value::String)
        .ok_or_else(|| {
            format!(
                "there is no algorithm '{algorithm}': use MD5, SHA-1, SHA-256, SHA-384 or SHA-512"
            )
        })
}

/// `States.Format`: each `{}` of the template becomes the next argument.
pub(super) fn format(template: &Value, arguments: &[Value]) -> Result<Value, String> {
    let mut text = String::new();
    let mut arguments = arguments.iter();
    let mut rest = text_of(template)?.chars().peekable();
    while let Some(c) = rest.next() {
        match (c, rest.peek()) {
            ('\\', Some(escaped @ ('{' | '}' | '\\' | '\''))) => {
                text.push(*escaped);
                rest.next();
            }
            ('{', Some('}')) => {
                rest.next();
                let argument = arguments
                    .next()
                    .ok_or("there are more '{}' than arguments")?;
                show(argument, &mut text);
            }
            _ => text.push(c),
        }
        if text.len() > limits::INTRINSIC_RESULT_BYTES_MAX {
            return Err(format!(
                "the text is longer than {} bytes",
                limits::INTRINSIC_RESULT_BYTES_MAX
            ));
        }
    }
    if arguments.next().is_some() {
        return Err("there are more arguments than '{}'".to_owned());
    }
    Ok(Value::String(text))
}

/// Writes a value as AWS's `States.Format` does: objects as `{name=value, ...}`.
fn show(value: &Value, text: &mut String) {
    let mut separator = "";
    match value {
        Value::String(inner) => text.push_str(inner),
        Value::Array(items) => {
            text.push('[');
            for item in items {
                text.push_str(separator);
                show(item, text);
                separator = ", ";
            }
            text.push(']');
        }
        Value::Object(fields) => {
            text.push('{');
            for (name, field) in fields {
                text.push_str(separator);
                text.push_str(name);
                text.push('=');
                show(field, text);
                separator = ", ";
            }
            text.push('}');
        }
        other => text.push_str(&other.to_string()),
    }
}

/// `States.StringSplit`: at any of the characters of `splitters`; empty parts are left out, as AWS does.
pub(super) fn split(text: &Value, splitters: &Value) -> Result<Value, String> {
    let splitters = text_of(splitters)?;
    let parts = text_of(text)?
        .split(|c| splitters.contains(c))
        .filter(|part| !part.is_empty());
    Ok(parts.map(Value::from).collect())
}

/// `States.Base64Encode`.
pub(super) fn base64_encode(text: &Value) -> Result<Value, String> {
    Ok(Value::String(STANDARD.encode(short_text(text)?)))
}

/// `States.Base64Decode`: as lenient as AWS, which skips what is not of either alphabet, stops at the padding, needs none,
/// and shows bytes that are not UTF-8 as U+FFFD.
pub(super) fn base64_decode(text: &Value) -> Result<Value, String> {
    let text = short_text(text)?;
    let (mut bytes, mut bits, mut held) = (Vec::with_capacity(text.len() / 4 * 3), 0_u32, 0_u32);
    for byte in text.bytes().take_while(|byte| *byte != b'=') {
        let Some(value) = sextet(byte) else {
            continue;
        };
        bits = (bits << 6 | value) & 0xff_ffff;
        held += 6;
        if held >= 8 {
            held -= 8;
            bytes.push((bits >> held & 0xff) as u8);
        }
    }
    Ok(Value::String(String::from_utf8_lossy(&bytes).into_owned()))
}

/// The six bits of a character, in the standard alphabet or the one for URLs.
fn sextet(byte: u8) -> Option<u32> {
    let value = match byte {
        b'A'..=b'Z' => byte - b'A',
        b'a'..=b'z' => byte - b'a' + 26,
        b'0'..=b'9' => byte - b'0' + 52,
        b'+' | b'-' => 62,
        b'/' | b'_' => 63,
        _ => return None,
    };
    Some(u32::from(value))
}

fn short_text(value: &Value) -> Result<&str, String> {
    let text = text_of(value)?;
    if text.chars().count() > limits::INTRINSIC_TEXT_LENGTH_MAX {
        return Err(format!(
            "the text is longer than {} characters",
            limits::INTRINSIC_TEXT_LENGTH_MAX
        ));
    }
    Ok(text)
}
