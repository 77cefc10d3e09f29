//! The RFC 9535 compliance suite against our JSONPath, which is AWS's dialect (Jayway's).
//!
//! Owns: reading a path's answer as the RFC's list of nodes, and writing the RFC's filters as Jayway wants them. Where the dialects differ by design the case is listed in
//! known-gaps-jsonpath with the reason.

use crate::verdict::Check;
use baton_language::path::{Path, Scope};
use baton_language::{Chance, Variables};
use serde_json::Value;

/// Runs one case of `cts.json`.
///
/// # Errors
/// What differs.
pub fn run(case: &Value) -> Check {
    let selector = with_parentheses(case["selector"].as_str().unwrap_or(""));
    let parsed = Path::parse(&selector);
    if case["invalid_selector"] == Value::Bool(true) {
        return match parsed {
            Err(_) => Ok(()),
            Ok(_) => Err(format!("{selector}: taken, though it is no path")),
        };
    }
    let path = parsed.map_err(|why| format!("{selector}: refused: {why}"))?;
    let found = nodes(&path, &case["document"]).map_err(|why| format!("{selector}: {why}"))?;
    let one = case.get("result").into_iter();
    let any = case["results"].as_array().into_iter().flatten();
    let allowed: Vec<&Value> = one.chain(any).collect();
    if allowed.iter().any(|wanted| equal(wanted, &found)) {
        return Ok(());
    }
    Err(format!(
        "{selector}: expected {}, found {found}",
        allowed[0]
    ))
}

/// The selector with each filter `?expression` in the parentheses that Jayway asks for.
fn with_parentheses(selector: &str) -> String {
    let mut out = String::with_capacity(selector.len() + 8);
    // Of each open bracket: whether it is a filter's, and how many parentheses are open in it.
    let (mut open, mut quote, mut escaped): (Vec<(bool, u32)>, _, _) = (Vec::new(), None, false);
    for c in selector.chars() {
        if let Some(end) = quote {
            quote = (escaped || c != end).then_some(end);
            escaped = c == '\\' && !escaped;
            out.push(c);
            continue;
        }
        match c {
            '\'' | '"' => quote = Some(c),
            '[' => open.push((false, 0)),
            '(' => open
                .last_mut()
                .into_iter()
                .for_each(|(_, depth)| *depth += 1),
            ')' => open
                .last_mut()
                .into_iter()
                .for_each(|(_, depth)| *depth = depth.saturating_sub(1)),
            ']' if open.pop().is_some_and(|(filter, _)| filter) => out.push(')'),
            ',' if open.last() == Some(&(true, 0)) => {
                out.push(')');
                open.last_mut()
                    .into_iter()
                    .for_each(|(filter, _)| *filter = false);
            }
            _ => {}
        }
        out.push(c);
        if c == '?'
            && let Some(last @ (false, 0)) = open.last_mut()
        {
            out.push('(');
            last.0 = true;
        }
    }
    out
}

/// What the path finds, as a list of nodes: a definite path gives its one value, or none.
fn nodes(path: &Path, document: &Value) -> Result<Value, String> {
    let select = |input| {
        let scope = Scope {
            input,
            text: None,
            context: &Value::Null,
            variables: &Variables::new(),
            chance: &Chance::new("", 0),
        };
        path.find(scope)
            .map(|found| found.map(|value| value.into_owned()))
            .map_err(|e| e.to_string())
    };
    // Only a definite path finds nothing where there is nothing; others find an empty list.
    let definite = path.is_root() || select(&Value::Null)?.is_none();
    Ok(match select(document)? {
        Some(value) if definite => Value::Array(vec![value]),
        Some(list) => list,
        None => Value::Array(Vec::new()),
    })
}

/// Equality by value, numbers as numbers.
fn equal(a: &Value, b: &Value) -> bool {
    match (a, b) {
        (Value::Number(a), Value::Number(b)) => a == b || a.as_f64() == b.as_f64(),
        (Value::Array(a), Value::Array(b)) => {
            a.len() == b.len() && a.iter().zip(b).all(|(a, b)| equal(a, b))
        }
        (Value::Object(a), Value::Object(b)) => {
            a.len() == b.len()
                && a.iter()
                    .all(|(key, a)| b.get(key).is_some_and(|b| equal(a, b)))
        }
        _ => a == b,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn filters_get_parentheses() {
        assert_eq!(with_parentheses("$[?@.a==']'][0]"), "$[?(@.a==']')][0]");
        assert_eq!(with_parentheses("$[?@.a[?@.b],1]"), "$[?(@.a[?(@.b)]),1]");
        assert_eq!(with_parentheses(r"$['?\'[?'].a"), r"$['?\'[?'].a");
    }

    #[test]
    fn one_value_and_no_value_are_lists_of_nodes() {
        let run = |selector, result| {
            run(&json!({"selector": selector, "document": {"a": [1]}, "result": result}))
        };
        assert_eq!(run("$.a", json!([[1]])), Ok(()));
        assert_eq!(run("$.b", json!([])), Ok(()));
        assert_eq!(run("$.a[*]", json!([1.0])), Ok(()));
        assert!(run("$.a", json!([1])).is_err());
    }
}
