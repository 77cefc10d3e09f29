//! Text of a filter to its tree.

use super::filter::{Filter, Operand, Operator, Pattern};
use super::parse::{parse_query_at, parse_quoted, parse_steps};
use super::query::Root;
use crate::cursor::Cursor;
use crate::limits;
use serde_json::Value;

/// Operators, longest first where one begins another.
const OPERATORS: [(&str, Operator); 17] = [
    ("===", Operator::SameAs),
    ("!==", Operator::NotSameAs),
    ("==", Operator::Equal),
    ("!=", Operator::NotEqual),
    ("<=", Operator::LessOrEqual),
    (">=", Operator::GreaterOrEqual),
    ("<", Operator::Less),
    (">", Operator::Greater),
    ("in ", Operator::In),
    ("nin ", Operator::NotIn),
    ("contains ", Operator::Contains),
    ("all ", Operator::All),
    ("subsetof ", Operator::SubsetOf),
    ("anyof ", Operator::AnyOf),
    ("noneof ", Operator::NoneOf),
    ("size ", Operator::Size),
    ("empty ", Operator::Empty),
];

/// Reads `(...)` after `?`; `depth` counts the filters and brackets around it.
pub(super) fn parse_filter(cursor: &mut Cursor<'_>, depth: usize) -> Result<Filter, String> {
    cursor.skip_blanks();
    if cursor.peek() != Some('(') {
        return Err(cursor.expected("'(' after '?'"));
    }
    parse_unary(cursor, depth)
}

fn parse_any(cursor: &mut Cursor<'_>, depth: usize) -> Result<Filter, String> {
    let mut parts = vec![parse_all(cursor, depth)?];
    while eat_word(cursor, "||") {
        parts.push(parse_all(cursor, depth)?);
    }
    Ok(if parts.len() == 1 {
        parts.swap_remove(0)
    } else {
        Filter::Any(parts)
    })
}

fn parse_all(cursor: &mut Cursor<'_>, depth: usize) -> Result<Filter, String> {
    let mut parts = vec![parse_unary(cursor, depth)?];
    while eat_word(cursor, "&&") {
        parts.push(parse_unary(cursor, depth)?);
    }
    Ok(if parts.len() == 1 {
        parts.swap_remove(0)
    } else {
        Filter::All(parts)
    })
}

fn parse_unary(cursor: &mut Cursor<'_>, depth: usize) -> Result<Filter, String> {
    if depth > limits::FILTER_DEPTH_MAX {
        return Err(format!(
            "filters can be nested at most {} deep",
            limits::FILTER_DEPTH_MAX
        ));
    }
    cursor.skip_blanks();
    if cursor.eat("!") {
        return Ok(Filter::Not(Box::new(parse_unary(cursor, depth + 1)?)));
    }
    if cursor.eat("(") {
        let inner = parse_any(cursor, depth + 1)?;
        return if eat_word(cursor, ")") {
            Ok(inner)
        } else {
            Err(cursor.expected("')'"))
        };
    }
    parse_comparison(cursor, depth)
}

fn parse_comparison(cursor: &mut Cursor<'_>, depth: usize) -> Result<Filter, String> {
    let left = parse_operand(cursor, depth)?;
    cursor.skip_blanks();
    if cursor.eat("=~") {
        cursor.skip_blanks();
        return Ok(Filter::Matches(left, parse_pattern(cursor)?));
    }
    if let Some((_, operator)) = OPERATORS.iter().find(|(word, _)| cursor.eat(word)) {
        cursor.skip_blanks();
        return Ok(Filter::Compare(
            left,
            *operator,
            parse_operand(cursor, depth)?,
        ));
    }
    match left {
        Operand::Query(query) => Ok(Filter::Exists(query)),
        Operand::Fixed(_) => Err(cursor.expected("an operator such as '=='")),
    }
}

/// `/pattern/flags`; a backslash keeps a slash within the pattern.
fn parse_pattern(cursor: &mut Cursor<'_>) -> Result<Pattern, String> {
    if !cursor.eat("/") {
        return Err(cursor.expected("a regular expression between slashes after '=~'"));
    }
    let mut text = String::new();
    loop {
        match (cursor.next(), cursor.peek()) {
            (None, _) => return Err("the closing / is missing".to_owned()),
            (Some('/'), _) => break,
            (Some('\\'), Some('/')) => {}
            (Some('\\'), Some(escaped)) => {
                text.push('\\');
                text.push(escaped);
                cursor.next();
            }
            (Some(c), _) => text.push(c),
        }
    }
    let flags = cursor.take_while(|c| c.is_ascii_alphabetic());
    Pattern::parse(&text, flags)
}

fn parse_operand(cursor: &mut Cursor<'_>, depth: usize) -> Result<Operand, String> {
    match cursor.peek() {
        Some('@') => {
            cursor.next();
            parse_steps(cursor, Root::Current, depth).map(Operand::Query)
        }
        // `$` in a filter is what the whole path begins at, as in Jayway.
        Some('$') => parse_query_at(cursor, depth).map(Operand::Query),
        _ => parse_fixed(cursor, depth).map(Operand::Fixed),
    }
}

fn parse_fixed(cursor: &mut Cursor<'_>, depth: usize) -> Result<Value, String> {
    if depth > limits::FILTER_DEPTH_MAX {
        return Err(format!(
            "filters can be nested at most {} deep",
            limits::FILTER_DEPTH_MAX
        ));
    }
    match cursor.peek() {
        Some('\'' | '"') => parse_quoted(cursor).map(Value::String),
        Some('[') => {
            cursor.next();
            let mut list = Vec::new();
            while !eat_word(cursor, "]") {
                if !list.is_empty() && !eat_word(cursor, ",") {
                    return Err(cursor.expected("',' or ']'"));
                }
                cursor.skip_blanks();
                list.push(parse_fixed(cursor, depth + 1)?);
            }
            Ok(Value::Array(list))
        }
        _ => {
            let word = cursor.take_while(|c| c.is_ascii_alphanumeric() || "+-.".contains(c));
            match serde_json::from_str(word) {
                Ok(value @ (Value::Null | Value::Bool(_) | Value::Number(_))) => Ok(value),
                _ => {
                    Err(cursor
                        .expected("'@', '$', a text in quotes, a number, true, false or null"))
                }
            }
        }
    }
}

fn eat_word(cursor: &mut Cursor<'_>, word: &str) -> bool {
    cursor.skip_blanks();
    cursor.eat(word)
}
