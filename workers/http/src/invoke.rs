//! The HTTP Task: parameters of `arn:aws:states:::http:invoke` (Step Functions developer guide, "Call HTTPS APIs").

use crate::encode::{ArrayFormat, text};
use crate::request::{Request, bad};
use baton_worker::{Task, TaskError};
use serde::Deserialize;
use serde_json::{Map, Value};

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Parameters {
    api_endpoint: String,
    method: String,
    authentication: Option<ByConnection>,
    invocation_config: Option<ByConnection>,
    #[serde(default)]
    headers: Map<String, Value>,
    #[serde(default)]
    query_parameters: Map<String, Value>,
    request_body: Option<Value>,
    transform: Option<Transform>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct ByConnection {
    connection_arn: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Transform {
    request_body_encoding: Option<String>,
    request_encoding_options: Option<EncodingOptions>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct EncodingOptions {
    array_format: Option<String>,
}

/// The call that a task asks for.
///
/// # Errors
/// What is wrong with its parameters.
pub fn request(task: &Task) -> Result<Request, TaskError> {
    let parameters: Parameters = task.input()?;
    let mut request = Request::new(&parameters.api_endpoint, &parameters.method)?;
    for (name, value) in &parameters.headers {
        let value = match value {
            Value::Array(several) => several.iter().map(text).collect::<Vec<_>>().join(","),
            one => text(one),
        };
        request.header(name, &value)?;
    }
    for (name, value) in &parameters.query_parameters {
        request.query(name, value);
    }
    request.form = parameters.transform.map_or(Ok(None), form_of)?;
    request.body = parameters.request_body;
    let connection = parameters.authentication.or(parameters.invocation_config);
    request.connection = connection.map(|by| name_of(&by.connection_arn).to_owned());
    Ok(request)
}

fn form_of(transform: Transform) -> Result<Option<ArrayFormat>, TaskError> {
    match transform.request_body_encoding.as_deref() {
        None | Some("NONE") => return Ok(None),
        Some("URL_ENCODED") => {}
        Some(other) => {
            return Err(bad(format!(
                "RequestBodyEncoding {other:?}: use NONE or URL_ENCODED"
            )));
        }
    }
    let format = transform
        .request_encoding_options
        .and_then(|options| options.array_format);
    Ok(Some(match format.as_deref() {
        None | Some("INDICES") => ArrayFormat::Indices,
        Some("REPEAT") => ArrayFormat::Repeat,
        Some("COMMAS") => ArrayFormat::Commas,
        Some("BRACKETS") => ArrayFormat::Brackets,
        Some(other) => {
            return Err(bad(format!(
                "ArrayFormat {other:?}: use INDICES, REPEAT, COMMAS or BRACKETS"
            )));
        }
    }))
}

/// `arn:aws:events:REGION:ACCOUNT:connection/NAME/ID` names a connection; so does its name.
fn name_of(arn: &str) -> &str {
    let behind = arn
        .split_once(":connection/")
        .map_or(arn, |(_, behind)| behind);
    behind.split('/').next().unwrap_or(behind)
}

#[cfg(test)]
mod tests {
    use super::name_of;

    #[test]
    fn a_connection_is_known_by_arn_or_name() {
        assert_eq!(
            name_of("arn:aws:events:us-east-1:123456789012:connection/Stripe/81210c42"),
            "Stripe"
        );
        assert_eq!(name_of("Stripe"), "Stripe");
    }
}
