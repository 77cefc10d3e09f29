//! Text of a path to its steps.

use super::filter_parse::parse_filter;
use super::query::{Query, Root, Step};
use crate::cursor::Cursor;
use crate::limits;
use std::sync::Arc;

/// Reads a path that begins at `cursor` and ends where no step follows; `depth` counts the filters around it.
pub(crate) fn parse_query_at(cursor: &mut Cursor<'_>, depth: usize) -> Result<Query, String> {
    if !cursor.eat("$") {
        return Err(cursor.expected("'$'"));
    }
    let root = if cursor.eat("$") {
        Root::Context
    } else {
        Root::Input
    };
    let name = if root == Root::Input {
        cursor.take_while(|c| c.is_alphanumeric() || c == '_')
    } else {
        ""
    };
    let root = match name {
        "" => root,
        _ if name.starts_with(|c: char| c.is_numeric()) => {
            return Err(format!("'${name}' is not the name of a variable"));
        }
        _ => Root::Variable(name.into()),
    };
    if root != Root::Input && depth > 0 {
        return Err("the context object ('$$') and variables can't be used in a filter".to_owned());
    }
    parse_steps(cursor, root, depth)
}

/// Reads the steps after `$`, `$$` or `@`.
pub(super) fn parse_steps(
    cursor: &mut Cursor<'_>,
    root: Root,
    depth: usize,
) -> Result<Query, String> {
    let mut steps = Vec::new();
    loop {
        if cursor.eat("..") {
            steps.push(Step::Descend);
            steps.push(if cursor.peek() == Some('[') {
                parse_brackets(cursor, depth)?
            } else {
                parse_name(cursor, depth)?
            });
        } else if cursor.eat(".") {
            steps.push(parse_name(cursor, depth)?);
        } else if cursor.peek() == Some('[') {
            steps.push(parse_brackets(cursor, depth)?);
        } else {
            return Ok(Query::new(root, steps));
        }
        if steps.len() > limits::PATH_STEPS_MAX {
            return Err(format!(
                "a path can have at most {} steps",
                limits::PATH_STEPS_MAX
            ));
        }
    }
}

/// `name` or `*` after a dot.
fn parse_name(cursor: &mut Cursor<'_>, depth: usize) -> Result<Step, String> {
    if cursor.eat("*") {
        return Ok(Step::All);
    }
    // Inside a filter a name ends before an operator; outside, Jayway lets it hold nearly anything.
    let ends = if depth > 0 {
        ".[]()=!<>&|,'\""
    } else {
        ".[](),'\""
    };
    let name = cursor.take_while(|c| !c.is_whitespace() && !ends.contains(c));
    if name.is_empty() {
        return Err(cursor.expected("a name or '*' after '.'"));
    }
    if cursor.peek() == Some('(') {
        return Err(format!(
            "the path function '{name}()' isn't supported; use an intrinsic function, such as States.ArrayLength"
        ));
    }
    Ok(Step::Name(name.into()))
}

/// `[...]`.
fn parse_brackets(cursor: &mut Cursor<'_>, depth: usize) -> Result<Step, String> {
    cursor.eat("[");
    cursor.skip_blanks();
    let step = match cursor.peek() {
        Some('*') => {
            cursor.next();
            Step::All
        }
        Some('?') => {
            cursor.next();
            Step::Filter(Box::new(parse_filter(cursor, depth + 1)?))
        }
        Some('\'' | '"') => parse_names(cursor)?,
        _ => parse_indexes(cursor)?,
    };
    cursor.skip_blanks();
    if cursor.eat("]") {
        Ok(step)
    } else {
        Err(cursor.expected("']'"))
    }
}

/// `'a', 'b'`.
fn parse_names(cursor: &mut Cursor<'_>) -> Result<Step, String> {
    let mut names: Vec<Arc<str>> = Vec::new();
    loop {
        cursor.skip_blanks();
        names.push(parse_quoted(cursor)?.into());
        cursor.skip_blanks();
        if !cursor.eat(",") {
            break;
        }
    }
    Ok(if names.len() == 1 {
        Step::Name(names.swap_remove(0))
    } else {
        Step::Names(names)
    })
}

/// `'text'` or `"text"`. A backslash escapes the quote and itself; before anything else it stays (recorded from AWS).
pub(super) fn parse_quoted(cursor: &mut Cursor<'_>) -> Result<String, String> {
    let Some(quote @ ('\'' | '"')) = cursor.next() else {
        return Err("expected a name in quotes".to_owned());
    };
    let mut text = String::new();
    while let Some(c) = cursor.next() {
        if c == quote {
            return Ok(text);
        }
        match (c, cursor.peek()) {
            ('\\', Some(escaped)) if escaped == quote || escaped == '\\' => {
                text.push(escaped);
                cursor.next();
            }
            _ => text.push(c),
        }
    }
    Err(format!("the closing {quote} is missing"))
}

/// `1`, `-1`, `0,2`, `1:3`, `1:`, `:3`.
fn parse_indexes(cursor: &mut Cursor<'_>) -> Result<Step, String> {
    let first = parse_integer(cursor)?;
    cursor.skip_blanks();
    if cursor.eat(":") {
        cursor.skip_blanks();
        let last = parse_integer(cursor)?;
        cursor.skip_blanks();
        if cursor.peek() == Some(':') {
            return Err("a slice is '[from:to]'; a step isn't supported".to_owned());
        }
        return Ok(Step::Slice(first, last));
    }
    let mut indexes =
        vec![first.ok_or_else(|| cursor.expected("a name in quotes, a number, '*' or '?'"))?];
    while cursor.eat(",") {
        cursor.skip_blanks();
        indexes.push(parse_integer(cursor)?.ok_or_else(|| cursor.expected("a number"))?);
        cursor.skip_blanks();
    }
    Ok(if indexes.len() == 1 {
        Step::Index(indexes[0])
    } else {
        Step::Indexes(indexes)
    })
}

fn parse_integer(cursor: &mut Cursor<'_>) -> Result<Option<i64>, String> {
    let text = cursor.take_while(|c| c == '-' || c.is_ascii_digit());
    if text.is_empty() {
        return Ok(None);
    }
    text.parse()
        .map(Some)
        .map_err(|_| format!("'{text}' is not an array index"))
}
