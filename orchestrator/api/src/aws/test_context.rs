//! Which context objects TestState takes.
//!
//! Source: AWS's context object (`$$`, `$states.context`) and the service's own refusals.

use crate::app::error::ApiError;
use serde_json::Value;

/// Fields of the context object, and what each must be; `any` is anything.
const FIELDS: [(&str, &[(&str, &str)]); 4] = [
    (
        "Execution",
        &[
            ("Id", "a string"),
            ("Input", "any"),
            ("Name", "a string"),
            ("RoleArn", "a string"),
            ("StartTime", "a string"),
            ("RedriveCount", "a number"),
            ("RedriveTime", "a string"),
        ],
    ),
    (
        "State",
        &[
            ("EnteredTime", "a string"),
            ("Name", "a string"),
            ("RetryCount", "a number"),
        ],
    ),
    ("StateMachine", &[("Id", "a string"), ("Name", "a string")]),
    ("Task", &[("Token", "a string")]),
];

/// Refuses a context with fields that it does not have, or of the wrong type; what is not an object at all is refused
/// where it is read.
///
/// # Errors
/// ValidationException in AWS's words.
pub fn check(context: &str) -> Result<(), ApiError> {
    let Ok(Value::Object(context)) = serde_json::from_str(context) else {
        return Ok(());
    };
    let refused = |what: String| {
        Err(ApiError::validation(format!(
            "Invalid Context object provided: {what}"
        )))
    };
    for (name, value) in &context {
        if name == "Map" {
            let what = "'Map' field is not supported when mocking a Context object";
            return refused(what.to_owned());
        }
        let Some((_, fields)) = FIELDS.iter().find(|(known, _)| known == name) else {
            return refused(format!("Field '{name}' is not allowed"));
        };
        let Value::Object(value) = value else {
            return refused(format!("{name} must be an object"));
        };
        for (field, value) in value {
            let Some((_, wanted)) = fields.iter().find(|(known, _)| known == field) else {
                return refused(format!("Field '{field}' is not allowed"));
            };
            let fits = match *wanted {
                "a string" => value.is_string(),
                "a number" => value.is_number(),
                _ => true,
            };
            if !fits {
                return refused(format!("{name}.{field} must be {wanted}"));
            }
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn contexts_are_refused_in_awss_words() {
        for (context, words) in [
            (
                r#"{"Map": {}}"#,
                "'Map' field is not supported when mocking a Context object",
            ),
            (r#"{"Other": 1}"#, "Field 'Other' is not allowed"),
            (
                r#"{"Execution": {"other": 1}}"#,
                "Field 'other' is not allowed",
            ),
            (
                r#"{"Execution": {"Id": 1}}"#,
                "Execution.Id must be a string",
            ),
            (r#"{"State": []}"#, "State must be an object"),
        ] {
            let message = check(context).unwrap_err().message;
            assert_eq!(message, format!("Invalid Context object provided: {words}"));
        }
        assert_eq!(
            check(r#"{"Execution": {"Input": [1]}, "Task": {"Token": "t"}}"#),
            Ok(())
        );
    }
}
