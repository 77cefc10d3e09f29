//! Text of an intrinsic call to its tree.

use super::{Argument, Call, Function};
use crate::cursor::Cursor;
use crate::limits;
use crate::path::parse_query_at;
use serde_json::Value;

/// Each function with its least and most arguments.
const FUNCTIONS: [(&str, Function, usize, usize); 18] = [
    ("Array", Function::Array, 0, usize::MAX),
    ("ArrayContains", Function::ArrayContains, 2, 2),
    ("ArrayGetItem", Function::ArrayGetItem, 2, 2),
    ("ArrayLength", Function::ArrayLength, 1, 1),
    ("ArrayPartition", Function::ArrayPartition, 2, 2),
    ("ArrayRange", Function::ArrayRange, 3, 3),
    ("ArrayUnique", Function::ArrayUnique, 1, 1),
    ("Base64Decode", Function::Base64Decode, 1, 1),
    ("Base64Encode", Function::Base64Encode, 1, 1),
    ("Format", Function::Format, 1, usize::MAX),
    ("Hash", Function::Hash, 2, 2),
    ("JsonMerge", Function::JsonMerge, 3, 3),
    ("JsonToString", Function::JsonToString, 1, 1),
    ("MathAdd", Function::MathAdd, 2, 2),
    ("MathRandom", Function::MathRandom, 2, 3),
    ("StringSplit", Function::StringSplit, 2, 2),
    ("StringToJson", Function::StringToJson, 1, 1),
    ("UUID", Function::Uuid, 0, 0),
];

/// Names of all functions, without `States.`.
pub(crate) fn names() -> impl Iterator<Item = &'static str> {
    FUNCTIONS.iter().map(|(name, ..)| *name)
}

/// Parses a call that is the whole of `text`.
pub(super) fn parse_call(text: &str) -> Result<Call, String> {
    let mut cursor = Cursor::new(text);
    let call = parse_call_at(&mut cursor, 1)?;
    cursor.skip_blanks();
    if cursor.is_done() {
        Ok(call)
    } else {
        Err(cursor.expected("the end"))
    }
}

fn parse_call_at(cursor: &mut Cursor<'_>, depth: usize) -> Result<Call, String> {
    if depth > limits::INTRINSIC_DEPTH_MAX {
        return Err(format!(
            "intrinsic functions can be nested at most {} deep",
            limits::INTRINSIC_DEPTH_MAX
        ));
    }
    let start = cursor.offset();
    if !cursor.eat("States.") {
        return Err(cursor.expected("'States.'"));
    }
    let name = cursor.take_while(|c| c.is_ascii_alphanumeric());
    let Some(&(_, function, least, most)) = FUNCTIONS.iter().find(|(known, ..)| *known == name)
    else {
        return Err(format!("there is no intrinsic function 'States.{name}'"));
    };
    let arguments = parse_arguments(cursor, depth)?;
    if arguments.len() < least || arguments.len() > most {
        return Err(format!(
            "States.{name} takes {least} arguments, not {}",
            arguments.len()
        ));
    }
    Ok(Call {
        text: cursor.since(start).into(),
        function,
        arguments,
    })
}

fn parse_arguments(cursor: &mut Cursor<'_>, depth: usize) -> Result<Vec<Argument>, String> {
    cursor.skip_blanks();
    if !cursor.eat("(") {
        return Err(cursor.expected("'('"));
    }
    let mut arguments = Vec::new();
    cursor.skip_blanks();
    if cursor.eat(")") {
        return Ok(arguments);
    }
    loop {
        cursor.skip_blanks();
        arguments.push(parse_argument(cursor, depth)?);
        cursor.skip_blanks();
        if cursor.eat(")") {
            return Ok(arguments);
        }
        if !cursor.eat(",") {
            return Err(cursor.expected("',' or ')'"));
        }
    }
}

fn parse_argument(cursor: &mut Cursor<'_>, depth: usize) -> Result<Argument, String> {
    match cursor.peek() {
        Some('\'') => parse_text(cursor).map(|text| Argument::Fixed(Value::String(text))),
        Some('$') => {
            let start = cursor.offset();
            let query = parse_query_at(cursor, 0)?;
            Ok(Argument::Path(query, cursor.since(start).into()))
        }
        Some('S') => parse_call_at(cursor, depth + 1).map(Argument::Call),
        _ => {
            let word = cursor.take_while(|c| c.is_ascii_alphanumeric() || "+-.".contains(c));
            match serde_json::from_str(word) {
                Ok(value @ (Value::Null | Value::Bool(_) | Value::Number(_))) => Ok(Argument::Fixed(value)),
                _ => Err(cursor.expected("a path, a text in single quotes, a number, true, false, null or an intrinsic function")),
            }
        }
    }
}

/// `'text'`; a backslash escapes `'` and itself. `\{` and `\}` stay, for `States.Format`, as does any other.
fn parse_text(cursor: &mut Cursor<'_>) -> Result<String, String> {
    cursor.eat("'");
    let mut text = String::new();
    while let Some(c) = cursor.next() {
        match (c, cursor.peek()) {
            ('\'', _) => return Ok(text),
            ('\\', Some(escaped @ ('\'' | '\\'))) => {
                text.push(escaped);
                cursor.next();
            }
            _ => text.push(c),
        }
    }
    Err("the closing ' is missing".to_owned())
}
