//! Comparing a call's answer with the recorded one.
//!
//! Owns: where the recorded value is and where the answer's part is, errors as SDKs show them, and notes. Must not: know
//! how a call is made.

use crate::values::Bindings;
use crate::verdict::Check;
use serde_json::{Map, Value, json};

/// An answer over HTTP.
#[derive(Debug)]
pub struct Answer {
    /// Status.
    pub status: u16,
    /// Body.
    pub body: Value,
}

/// What botocore says before it sends anything; a server's counterpart is any refusal.
const CLIENT_REFUSED: [&str; 2] = ["ParamValidationError", "Parameter validation failed"];

/// Fields that AWS has added to answers, and since when: the days of the announcements of redrive, of customer managed
/// keys and of variables.
const ADDED: [(&str, &str); 3] = [
    ("redriveCount", "2023-11-15"),
    ("encryptionConfiguration", "2024-07-25"),
    ("variableReferences", "2024-11-20"),
];

/// The answer without what AWS did not have yet on the day of the recording (`YYYY-MM-DD...`).
pub fn as_of(mut answer: Answer, day: &str) -> Answer {
    let later = ADDED
        .iter()
        .filter(|(_, since)| !day.is_empty() && day < *since);
    later.for_each(|(field, _)| without(&mut answer.body, field));
    answer
}

fn without(value: &mut Value, field: &str) {
    match value {
        Value::Array(items) => items.iter_mut().for_each(|item| without(item, field)),
        Value::Object(fields) => {
            fields.shift_remove(field);
            fields.values_mut().for_each(|value| without(value, field));
        }
        _ => {}
    }
}

/// Whether the answer is as the step recorded it; `None` if it recorded nothing.
pub fn check(
    step: &Value,
    answer: Result<Answer, String>,
    bindings: &mut Bindings<'_>,
) -> Option<Check> {
    let expected = ["expect", "expect_note"]
        .into_iter()
        .flat_map(|key| step[key].as_array().into_iter().flatten())
        .collect::<Vec<_>>();
    if expected.is_empty() {
        return None;
    }
    let answer = match answer {
        Ok(answer) => answer,
        Err(why) => return Some(Err(why)),
    };
    let mut check = Ok(());
    for one in expected {
        check = check.and(match one.get("of") {
            Some(of) => value(one, of, &answer, bindings),
            None => note(&one["value"], &answer, bindings),
        });
    }
    Some(check)
}

/// A recorded part of the answer, or its error.
fn value(one: &Value, of: &Value, answer: &Answer, bindings: &mut Bindings<'_>) -> Check {
    let wanted = at(&one["value"], &one["path"])?;
    if of[0] == "$error" {
        let found =
            error(answer).ok_or_else(|| format!("expected {wanted}, found {}", answer.body))?;
        return same(wanted, &found, bindings);
    }
    if answer.status != 200 {
        return Err(format!("expected {wanted}, found {}", answer.body));
    }
    same(wanted, &at(&answer.body, of)?.clone(), bindings)
}

/// What was noted of a step: its exception, or the list of its answer.
fn note(noted: &Value, answer: &Answer, bindings: &mut Bindings<'_>) -> Check {
    let (kind, words) = match noted {
        Value::String(words) => ("", words.as_str()),
        other => (
            other["exception_typename"].as_str().unwrap_or(""),
            other["exception_value"].as_str().unwrap_or(""),
        ),
    };
    if CLIENT_REFUSED
        .iter()
        .any(|text| kind == *text || words.starts_with(text))
    {
        return match error(answer) {
            Some(_) if answer.status < 500 => Ok(()),
            _ => Err(format!("expected a refusal, found {}", answer.body)),
        };
    }
    if let Some((code, message)) = exception(words) {
        let wanted = json!({"Code": code, "Message": message});
        let found = error(answer).map(|error| error["Error"].clone());
        return match found {
            Some(found) => same(&wanted, &found, bindings),
            None => Err(format!("expected {wanted}, found {}", answer.body)),
        };
    }
    let lists = answer.body.as_object().into_iter().flat_map(Map::values);
    match lists.filter(|value| value.is_array()).collect::<Vec<_>>()[..] {
        [list] if noted.is_array() => same(noted, list, bindings),
        _ => Err(format!("noted {noted}, found {}", answer.body)),
    }
}

/// Code and message of `An error occurred (CODE) when calling the X operation: MESSAGE`.
fn exception(words: &str) -> Option<(&str, &str)> {
    let rest = words.strip_prefix("An error occurred (")?;
    let (code, rest) = rest.split_once(')')?;
    Some((code, rest.split_once(" operation: ")?.1))
}

/// The error of an answer as boto3 shows it: code and message, and the members of its shape.
fn error(answer: &Answer) -> Option<Value> {
    if answer.status == 200 {
        return None;
    }
    let mut found = answer.body.as_object()?.clone();
    let code = found.shift_remove("__type")?;
    let code = code.as_str()?.rsplit('#').next()?.to_owned();
    let message = found.get("message").cloned().unwrap_or_default();
    found.insert(
        "Error".to_owned(),
        json!({"Code": code, "Message": message}),
    );
    Some(Value::Object(found))
}

/// The part that a path of keys and indexes leads to.
fn at<'v>(value: &'v Value, path: &Value) -> Result<&'v Value, String> {
    let mut part = value;
    for step in path.as_array().into_iter().flatten() {
        let next = match step {
            Value::String(key) => part.get(key),
            other => other.as_u64().and_then(|index| part.get(index as usize)),
        };
        part = next.ok_or_else(|| format!("{value} has nothing at {path}"))?;
    }
    Ok(part)
}

fn same(wanted: &Value, found: &Value, bindings: &mut Bindings<'_>) -> Check {
    let before = bindings.clone();
    if bindings.matches(wanted, &payloads_parsed(found)) {
        return Ok(());
    }
    *bindings = before;
    Err(format!("expected {wanted}, found {found}"))
}

/// AWS writes payloads as JSON text; the recordings hold them parsed.
fn payloads_parsed(found: &Value) -> Value {
    match found {
        Value::Array(items) => items.iter().map(payloads_parsed).collect(),
        Value::Object(fields) => fields
            .iter()
            .map(|(key, value)| {
                let parsed = match (key.as_str(), value) {
                    ("input" | "output" | "parameters", Value::String(text)) => {
                        serde_json::from_str(text).unwrap_or_else(|_| value.clone())
                    }
                    _ => payloads_parsed(value),
                };
                (key.clone(), parsed)
            })
            .collect(),
        other => other.clone(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn judged(step: Value, status: u16, body: Value) -> Option<bool> {
        let answer = Ok(Answer { status, body });
        check(&step, answer, &mut Bindings::new("")).map(|check| check.is_ok())
    }

    #[test]
    fn parts_are_compared_where_the_step_says() {
        let step =
            json!({"expect": [{"path": [1], "of": ["list", 0], "value": ["a", {"input": 1}]}]});
        assert_eq!(
            judged(step.clone(), 200, json!({"list": [{"input": "1"}]})),
            Some(true)
        );
        assert_eq!(
            judged(step.clone(), 200, json!({"list": [{"input": "2"}]})),
            Some(false)
        );
        assert_eq!(judged(step, 200, json!({"list": []})), Some(false));
        assert_eq!(judged(json!({}), 200, json!({})), None);
    }

    #[test]
    fn errors_are_compared_as_sdks_show_them() {
        let body = json!({"__type": "ns#Bad", "message": "no"});
        let expect = json!({"Error": {"Code": "Bad", "Message": "no"}, "message": "no"});
        let step = json!({"expect": [{"path": [], "of": ["$error"], "value": expect}]});
        assert_eq!(judged(step.clone(), 400, body.clone()), Some(true));
        assert_eq!(judged(step, 200, body.clone()), Some(false));
        let note = |text: &str| json!({"expect_note": [{"value": {"exception_value": text}}]});
        let said = "An error occurred (Bad) when calling the X operation: no";
        assert_eq!(judged(note(said), 400, body.clone()), Some(true));
        assert_eq!(
            judged(
                note("An error occurred (Bad) when calling the X operation: yes"),
                400,
                body.clone()
            ),
            Some(false)
        );
        assert_eq!(
            judged(note("Parameter validation failed:\nx"), 400, body),
            Some(true)
        );
        assert_eq!(
            judged(note("Parameter validation failed:\nx"), 200, json!({})),
            Some(false)
        );
    }
}
