//! What the workflow is told of an invocation's end.
//!
//! Owns: error names and causes as Step Functions gives them (recorded from AWS), and the answer of Lambda's Invoke.

use crate::invocation::{Form, Invocation};
use baton_worker::{Answer, Payload, TaskError};
use bytes::Bytes;
use serde::Deserialize;
use serde_json::{Map, Value, json};
use std::time::Duration;

/// How an invocation ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Report {
    /// The function answered.
    Response(Bytes),
    /// The function, or its start, failed: `{"errorMessage", "errorType", "stackTrace"}`.
    Error(Bytes),
    /// The child ended in the middle.
    Exited(String),
    /// The function took longer than it may.
    TimedOut(Duration),
    /// The child did not ask for an invocation in time after it was started.
    InitTimedOut(Duration),
    /// The response is larger than Lambda allows.
    TooLarge,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Failure {
    error_type: Option<String>,
}

impl Report {
    /// The task's outcome.
    ///
    /// # Errors
    /// The function's failure, named by its `errorType`.
    pub fn into_answer(self, invocation: &Invocation) -> Result<Answer, TaskError> {
        let is_event = matches!(invocation.form, Form::Invoke { event: true, .. });
        let output = match self.into_output(&invocation.request_id) {
            // The caller of an Event never learns how it ended.
            Err(error) if is_event => {
                tracing::warn!(
                    error = error.error,
                    cause = error.cause,
                    "an event's invocation failed"
                );
                Payload::empty_object()
            }
            output => output?,
        };
        Ok(match &invocation.form {
            Form::Payload => Answer::Done(output),
            Form::Invoke { callback, .. } => {
                let answer = Payload::from_value(&invoke_answer(invocation, &output));
                if *callback {
                    Answer::Submitted(answer)
                } else {
                    Answer::Done(answer)
                }
            }
        })
    }

    fn into_output(self, request: &str) -> Result<Payload, TaskError> {
        match self {
            Self::Response(bytes) if bytes.is_empty() => Ok(Payload::from_value(&Value::Null)),
            Self::Response(bytes) => Payload::from_bytes(&bytes).map_err(|error| {
                failure(
                    "Runtime.MalformedResponse",
                    &format!("RequestId: {request} Error: the response is not JSON: {error}"),
                )
            }),
            Self::Error(bytes) => Err(reported(&bytes)),
            Self::Exited(status) => Err(failure(
                "Runtime.ExitError",
                &format!("RequestId: {request} Error: Runtime exited with error: {status}"),
            )),
            Self::TimedOut(after) => Err(failure(
                "Sandbox.Timedout",
                &format!(
                    "RequestId: {request} Error: Task timed out after {:.2} seconds",
                    after.as_secs_f64()
                ),
            )),
            Self::InitTimedOut(after) => Err(failure(
                "Sandbox.Timedout",
                &format!(
                    "RequestId: {request} Error: the runtime asked for no invocation within {:.2} seconds of its start",
                    after.as_secs_f64()
                ),
            )),
            Self::TooLarge => Err(failure(
                "Function.ResponseSizeTooLarge",
                &format!(
                    "Response payload size exceeded maximum allowed payload size ({} bytes).",
                    crate::limits::RESPONSE_BYTES_MAX
                ),
            )),
        }
    }
}

/// The failure that a runtime reported. The cause is its report; without a type, AWS says `Lambda.Unknown` and why.
fn reported(bytes: &Bytes) -> TaskError {
    let text = String::from_utf8_lossy(bytes);
    let found = serde_json::from_str::<Failure>(&text).ok();
    match found
        .and_then(|failure| failure.error_type)
        .filter(|name| !name.is_empty())
    {
        Some(name) => TaskError::new(name, text),
        None => TaskError::new(
            "Lambda.Unknown",
            format!(
                "The cause could not be determined because Lambda did not return an error type. Returned payload: {text}"
            ),
        ),
    }
}

fn failure(name: &str, message: &str) -> TaskError {
    TaskError::new(name, json!({"errorType": name, "errorMessage": message}))
}

/// The answer of Lambda's Invoke operation, with the members that Step Functions shows.
fn invoke_answer(invocation: &Invocation, output: &Payload) -> Value {
    let Form::Invoke { version, event, .. } = &invocation.form else {
        return output.to_value();
    };
    let request = invocation.request_id.as_ref();
    let length = if *event {
        "0".to_owned()
    } else {
        output.len().to_string()
    };
    let status = if *event { 202 } else { 200 };
    let headers = [
        ("Content-Length", length.as_str()),
        ("Content-Type", "application/json"),
        ("X-Amz-Executed-Version", version),
        ("x-amzn-RequestId", request),
    ];
    let each = headers.map(|(name, value)| (name.to_owned(), Value::from(value)));
    let all = headers.map(|(name, value)| (name.to_owned(), json!([value])));
    json!({
        "ExecutedVersion": version,
        "Payload": if *event { Value::from("") } else { output.to_value() },
        "SdkHttpMetadata": {
            "AllHttpHeaders": Map::from_iter(all),
            "HttpHeaders": Map::from_iter(each),
            "HttpStatusCode": status,
        },
        "SdkResponseMetadata": {"RequestId": request},
        "StatusCode": status,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn invocation(form: Form) -> Invocation {
        Invocation {
            request_id: "r".into(),
            function_arn: "arn:aws:lambda:us-east-1:1:function:f".to_owned(),
            trace_id: None,
            client_context: None,
            deadline_ms: None,
            payload: Payload::empty_object(),
            form,
        }
    }

    fn invoke(event: bool, callback: bool) -> Invocation {
        let version = "$LATEST".to_owned();
        invocation(Form::Invoke {
            version,
            event,
            callback,
        })
    }

    #[test]
    fn a_function_s_answer_is_the_output_or_within_that_of_invoke() {
        let answer = Report::Response(Bytes::from_static(b"[1]"));
        assert_eq!(
            answer.clone().into_answer(&invocation(Form::Payload)),
            Ok(Answer::Done(Payload::from_text("[1]").unwrap()))
        );
        let Ok(Answer::Done(output)) = answer.clone().into_answer(&invoke(false, false)) else {
            panic!("not done");
        };
        let output = output.to_value();
        assert_eq!(output["Payload"], json!([1]));
        assert_eq!(output["StatusCode"], 200);
        assert_eq!(output["ExecutedVersion"], "$LATEST");
        assert_eq!(output["SdkResponseMetadata"]["RequestId"], "r");
        assert!(matches!(
            answer.into_answer(&invoke(false, true)),
            Ok(Answer::Submitted(_))
        ));
    }

    #[test]
    fn an_error_is_named_by_its_type_and_its_report_is_the_cause() {
        let text = r#"{"errorMessage": "no", "errorType": "Refused", "stackTrace": ["line 1"]}"#;
        let error = |report: Report| report.into_answer(&invoke(false, false)).unwrap_err();
        assert_eq!(
            error(Report::Error(text.into())),
            TaskError::new("Refused", text)
        );
        let unknown = error(Report::Error("{\"errorMessage\": \"no\"}".into()));
        assert_eq!(unknown.error, "Lambda.Unknown");
        assert!(
            unknown
                .cause
                .ends_with("Returned payload: {\"errorMessage\": \"no\"}")
        );
        assert_eq!(
            error(Report::Exited("signal 9".to_owned())).error,
            "Runtime.ExitError"
        );
        let late = error(Report::TimedOut(Duration::from_secs(3)));
        assert_eq!(late.error, "Sandbox.Timedout");
        assert!(
            late.cause.contains("Task timed out after 3.00 seconds"),
            "{late}"
        );
        assert_eq!(
            error(Report::Response("{".into())).error,
            "Runtime.MalformedResponse"
        );
    }

    #[test]
    fn an_event_is_taken_however_it_ends() {
        let Ok(Answer::Done(output)) =
            Report::Exited("1".to_owned()).into_answer(&invoke(true, false))
        else {
            panic!("not done");
        };
        assert_eq!(output.to_value()["StatusCode"], 202);
        assert_eq!(output.to_value()["Payload"], "");
    }
}
