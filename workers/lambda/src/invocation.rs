//! One invocation of a function, made of a task.
//!
//! Owns: how `lambda:invoke` and a plain function ARN differ in what the function gets and in what the workflow gets back,
//! and the headers of an invocation.

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use baton_schemas::arn::ExecutionArn;
use baton_worker::{Payload, Task, TaskError};
use serde::Deserialize;
use serde_json::value::RawValue;
use sha2::{Digest, Sha256};
use std::sync::Arc;

/// What a child is given, and how the workflow wants to be told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Invocation {
    /// `Lambda-Runtime-Aws-Request-Id`: of the form of a UUID, and the same whenever the same task is delivered.
    pub request_id: Arc<str>,
    /// `Lambda-Runtime-Invoked-Function-Arn`
    pub function_arn: String,
    /// `Lambda-Runtime-Trace-Id`, if the task has a trace.
    pub trace_id: Option<String>,
    /// `Lambda-Runtime-Client-Context`: JSON.
    pub client_context: Option<String>,
    /// When the workflow gives up, milliseconds since the epoch.
    pub deadline_ms: Option<i64>,
    /// The event.
    pub payload: Payload,
    /// What the completion says.
    pub form: Form,
}

/// What the workflow sees of the function's answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Form {
    /// The answer itself (a function ARN as `Resource`).
    Payload,
    /// The answer of Lambda's Invoke operation with the payload in it (`lambda:invoke`).
    Invoke {
        /// `$LATEST`, or the version that was asked for.
        version: String,
        /// `InvocationType: Event`: only that it was taken.
        event: bool,
        /// `.waitForTaskToken`: this answer leaves the task open.
        callback: bool,
    },
}

/// Parameters of `lambda:invoke`. `LogType` and others change nothing here.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Parameters<'a> {
    #[serde(default)]
    function_name: String,
    #[serde(borrow)]
    payload: Option<&'a RawValue>,
    invocation_type: Option<String>,
    client_context: Option<String>,
    qualifier: Option<String>,
}

impl Invocation {
    /// The invocation of `function` that `task` asks for.
    ///
    /// # Errors
    /// `Lambda.InvalidParameterValueException` with what is wrong.
    pub fn of_task(function: &str, task: &Task) -> Result<Self, TaskError> {
        let resource = task.resource().unwrap_or_default();
        let form = Form::Payload;
        let mut invocation = Self {
            request_id: request_id(task.token().as_str()),
            function_arn: arn_of(function, task),
            trace_id: task.traceparent().and_then(xray),
            client_context: None,
            deadline_ms: task.deadline_ms(),
            payload: task.raw_input().clone(),
            form,
        };
        if let Some(action) = resource.strip_prefix("arn:aws:states:::lambda:invoke") {
            invocation.apply_parameters(task, action == ".waitForTaskToken")?;
        } else if resource.contains(":function:") {
            invocation.function_arn = resource.to_owned();
        }
        Ok(invocation)
    }

    fn apply_parameters(&mut self, task: &Task, callback: bool) -> Result<(), TaskError> {
        let parameters: Parameters<'_> =
            serde_json::from_str(task.raw_input().as_str()).map_err(invalid)?;
        self.payload = match parameters.payload {
            Some(given) => Payload::from_text(given.get()).map_err(invalid)?,
            None => Payload::empty_object(),
        };
        if parameters.function_name.starts_with("arn:") {
            self.function_arn.clone_from(&parameters.function_name);
        }
        let mut version = "$LATEST".to_owned();
        if let Some(qualifier) = parameters.qualifier {
            self.function_arn.push(':');
            self.function_arn.push_str(&qualifier);
            if qualifier.bytes().all(|byte| byte.is_ascii_digit()) {
                version = qualifier;
            }
        }
        self.client_context = parameters
            .client_context
            .map(|text| decode(&text))
            .transpose()?;
        let event = match parameters.invocation_type.as_deref() {
            None | Some("RequestResponse") => false,
            Some("Event") => true,
            Some(other) => {
                return Err(invalid(format!(
                    "InvocationType {other:?} is not served here: use RequestResponse or Event"
                )));
            }
        };
        self.form = Form::Invoke {
            version,
            event,
            callback,
        };
        Ok(())
    }
}

/// `ClientContext` is base64 in the call and JSON in the header.
fn decode(text: &str) -> Result<String, TaskError> {
    let json = BASE64_STANDARD.decode(text).ok();
    let json = json.and_then(|bytes| String::from_utf8(bytes).ok());
    // A header can't hold line ends; JSON needs none.
    json.and_then(|text| serde_json::from_str::<serde_json::Value>(&text).ok())
        .map(|value| value.to_string())
        .ok_or_else(|| invalid("ClientContext must be JSON in base64"))
}

fn invalid(what: impl std::fmt::Display) -> TaskError {
    TaskError::new("Lambda.InvalidParameterValueException", what)
}

/// ARN of the function in the region and account of the execution.
fn arn_of(function: &str, task: &Task) -> String {
    let (region, account) = ExecutionArn::parse(task.execution())
        .map_or(("us-east-1", "000000000000"), |arn| {
            (arn.region, arn.account)
        });
    format!("arn:aws:lambda:{region}:{account}:function:{function}")
}

/// A UUID (RFC 9562, version 8: of our own making) of the token, so that a repeat of the task has the same one.
fn request_id(token: &str) -> Arc<str> {
    let digest = Sha256::digest(token.as_bytes());
    let mut bytes = [0; 16];
    bytes.copy_from_slice(&digest[..16]);
    uuid::Builder::from_custom_bytes(bytes)
        .into_uuid()
        .to_string()
        .into()
}

/// A W3C `traceparent` as AWS X-Ray writes it; trace ids agree but for the dashes.
fn xray(traceparent: &str) -> Option<String> {
    let mut parts = traceparent.split('-');
    let (_, trace, span, flags) = (parts.next()?, parts.next()?, parts.next()?, parts.next()?);
    let (time, rest) = trace.split_at_checked(8)?;
    let sampled = i32::from(u8::from_str_radix(flags, 16).is_ok_and(|flags| flags & 1 == 1));
    Some(format!(
        "Root=1-{time}-{rest};Parent={span};Sampled={sampled}"
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_traceparent_becomes_an_x_ray_header() {
        let header = xray("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01");
        assert_eq!(
            header.as_deref(),
            Some("Root=1-0af76519-16cd43dd8448eb211c80319c;Parent=b7ad6b7169203331;Sampled=1")
        );
        assert_eq!(xray("nonsense"), None);
    }

    #[test]
    fn a_repeated_task_has_the_same_request_id() {
        assert_eq!(request_id("a"), request_id("a"));
        assert_ne!(request_id("a"), request_id("b"));
        assert_eq!(
            uuid::Uuid::parse_str(&request_id("a"))
                .unwrap()
                .get_version_num(),
            8
        );
    }

    #[test]
    fn a_client_context_is_base64_of_json() {
        assert_eq!(decode("eyJhIjogMX0=").unwrap(), r#"{"a":1}"#);
        for wrong in ["***", "YQ=="] {
            assert_eq!(
                decode(wrong).unwrap_err().error,
                "Lambda.InvalidParameterValueException"
            );
        }
    }
}
