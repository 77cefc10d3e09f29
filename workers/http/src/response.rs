//! What the workflow sees of a response.

use baton_worker::TaskError;
use reqwest::StatusCode;
use reqwest::header::{CONTENT_TYPE, HeaderMap};
use serde_json::{Map, Value, json};

/// A response that has been read.
#[derive(Debug)]
pub struct Answer {
    pub status: StatusCode,
    pub headers: HeaderMap,
    pub body: Value,
}

impl Answer {
    /// Of a response's parts: the body is JSON if it says so and is, else text.
    pub fn new(status: StatusCode, headers: HeaderMap, bytes: &[u8]) -> Self {
        let kind = headers
            .get(CONTENT_TYPE)
            .and_then(|kind| kind.to_str().ok());
        let is_json = kind.is_some_and(|kind| kind.contains("json"));
        let parsed = is_json
            .then(|| serde_json::from_slice(bytes).ok())
            .flatten();
        let body = parsed.unwrap_or_else(|| String::from_utf8_lossy(bytes).into());
        Self {
            status,
            headers,
            body,
        }
    }

    /// A status of 300 or more is a failure.
    ///
    /// # Errors
    /// `States.Http.StatusCode.<code>`, as Step Functions names it; the cause is the body.
    pub fn or_failure(self) -> Result<Self, TaskError> {
        if self.status.as_u16() < 300 {
            return Ok(self);
        }
        let cause = match &self.body {
            Value::String(text) if text.is_empty() => self.status.to_string(),
            Value::String(text) => text.clone(),
            body => body.to_string(),
        };
        Err(TaskError::new(
            format!("States.Http.StatusCode.{}", self.status.as_u16()),
            cause,
        ))
    }

    /// The output of an HTTP Task.
    pub fn into_output(self) -> Value {
        let mut headers = Map::new();
        for (name, value) in &self.headers {
            let value = String::from_utf8_lossy(value.as_bytes());
            let values = headers.entry(name.as_str()).or_insert_with(|| json!([]));
            if let Some(values) = values.as_array_mut() {
                values.push(value.into());
            }
        }
        json!({
            "Headers": headers,
            "ResponseBody": self.body,
            "StatusCode": self.status.as_u16(),
            "StatusText": self.status.canonical_reason().unwrap_or_default(),
        })
    }
}
