//! Taking a `where` apart: a name, an operator, a value at a time.

use super::wrong;
use crate::app::error::ApiError;
use baton_engine::search::Op;

/// The name at the beginning, and what follows it.
///
/// # Errors
/// ValidationException.
pub fn word(text: &str) -> Result<(&str, &str), ApiError> {
    let end = text
        .find(|c: char| !c.is_ascii_alphanumeric() && c != '_')
        .unwrap_or(text.len());
    match text.split_at(end) {
        ("", _) => Err(wrong(&format!(
            "expected a name (machine, status, name, started, error, or a search attribute) before '{text}'"
        ))),
        split => Ok(split),
    }
}

/// The operator at the beginning, and what follows it.
///
/// # Errors
/// ValidationException.
pub fn operator<'t>(name: &str, text: &'t str) -> Result<(Op, &'t str), ApiError> {
    const OPERATORS: [(&str, Op); 6] = [
        ("!=", Op::Unequal),
        ("<=", Op::LessOrEqual),
        (">=", Op::GreaterOrEqual),
        ("=", Op::Equal),
        ("<", Op::Less),
        (">", Op::Greater),
    ];
    OPERATORS
        .iter()
        .find_map(|(sign, op)| Some((*op, text.strip_prefix(sign)?)))
        .ok_or_else(|| wrong(&format!("expected =, !=, <, <=, > or >= behind {name}")))
}

/// A quoted text (a quote in it is written twice), or all up to the next blank.
///
/// # Errors
/// ValidationException.
pub fn value<'t>(name: &str, text: &'t str) -> Result<(String, &'t str), ApiError> {
    let Some(quote) = text.chars().next().filter(|c| ['\'', '"'].contains(c)) else {
        let end = text.find(char::is_whitespace).unwrap_or(text.len());
        return match text.split_at(end) {
            ("", _) => Err(wrong(&format!("expected a value for {name}"))),
            (value, rest) => Ok((value.to_owned(), rest)),
        };
    };
    let mut value = String::new();
    let mut rest = &text[1..];
    while let Some(at) = rest.find(quote) {
        value.push_str(&rest[..at]);
        rest = &rest[at + 1..];
        match rest.strip_prefix(quote) {
            Some(behind) => {
                value.push(quote);
                rest = behind;
            }
            None => return Ok((value, rest)),
        }
    }
    Err(wrong(&format!("the text for {name} has no end: {text}")))
}
