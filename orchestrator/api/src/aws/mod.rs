//! The AWS JSON 1.0 protocol of Step Functions, on `POST /` by `X-Amz-Target`.
//!
//! Owns: which operations there are, their parameters, and AWS's shapes of answers and errors. A body is taken apart
//! and put together by a [`codec::Codec`], so that another encoding is another codec. Must not: decide anything.

mod activities;
mod aliases;
mod codec;
mod executions;
mod machines;
pub(crate) mod map_runs;
mod params;
mod redrive;
mod tags;
mod tasks;
mod test_context;
mod test_state;
mod versions;

use crate::app::App;
use crate::app::error::{ApiError, ErrorCode};
use crate::http::{self, Caller, Outcome};
use axum::extract::{Request, State};
use axum::http::{HeaderName, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use codec::{Codec, JSON};
use params::Params;
use serde_json::{Value, json};
use std::sync::Arc;

/// Service prefix in `X-Amz-Target`.
const SERVICE: &str = "AWSStepFunctions.";

const ERROR_TYPE: HeaderName = HeaderName::from_static("x-amzn-errortype");

/// Operations that are served; in docs/http.md.
const OPERATIONS: &[&str] = &[
    "CreateActivity",
    "CreateStateMachine",
    "CreateStateMachineAlias",
    "DeleteActivity",
    "DeleteStateMachine",
    "DeleteStateMachineAlias",
    "DeleteStateMachineVersion",
    "DescribeActivity",
    "DescribeExecution",
    "DescribeMapRun",
    "DescribeStateMachine",
    "DescribeStateMachineAlias",
    "DescribeStateMachineForExecution",
    "GetActivityTask",
    "GetExecutionHistory",
    "ListActivities",
    "ListExecutions",
    "ListMapRuns",
    "ListStateMachineAliases",
    "ListStateMachineVersions",
    "ListStateMachines",
    "ListTagsForResource",
    "PublishStateMachineVersion",
    "RedriveExecution",
    "SendTaskFailure",
    "SendTaskHeartbeat",
    "SendTaskSuccess",
    "StartExecution",
    "StartSyncExecution",
    "StopExecution",
    "TagResource",
    "TestState",
    "UntagResource",
    "UpdateMapRun",
    "UpdateStateMachine",
    "UpdateStateMachineAlias",
    "ValidateStateMachineDefinition",
];

/// Answers one call.
pub async fn handle(State(app): State<Arc<App>>, request: Request) -> Response {
    let (parts, body) = request.into_parts();
    let target = parts
        .headers
        .get("x-amz-target")
        .and_then(|v| v.to_str().ok());
    let operation = target
        .and_then(|target| target.strip_prefix(SERVICE))
        .and_then(|name| OPERATIONS.iter().copied().find(|op| *op == name));
    let result = match (operation, parts.extensions.get::<Caller>()) {
        (Some(operation), Some(caller)) => match http::body(body).await {
            Ok(bytes) => dispatch(&app, caller, operation, &bytes, &JSON).await,
            Err(error) => Err(error),
        },
        _ => Err(unknown(target)),
    };
    let mut response = match &result {
        Ok(value) => success(value, &JSON),
        Err(problem) => error(problem),
    };
    response.extensions_mut().insert(Outcome {
        protocol: "aws",
        operation: operation.unwrap_or("unknown"),
        result: result.as_ref().err().map_or("ok", |e| e.code.name()),
    });
    response
}

async fn dispatch(
    app: &App,
    caller: &Caller,
    operation: &str,
    bytes: &[u8],
    codec: &dyn Codec,
) -> Result<Value, ApiError> {
    let body = codec.decode(bytes)?;
    let params = Params::new(&body);
    match operation {
        "CreateStateMachine" => machines::create(app, params).await,
        "DeleteStateMachine" => machines::delete(app, params).await,
        "DescribeStateMachine" => machines::describe(app, params).await,
        "DescribeStateMachineForExecution" => machines::describe_for_execution(app, params).await,
        "ListStateMachines" => machines::list(app, params).await,
        "UpdateStateMachine" => machines::update(app, params).await,
        "ValidateStateMachineDefinition" => machines::validate(params),
        "DescribeExecution" => executions::describe(app, params).await,
        "GetExecutionHistory" => executions::history(app, params).await,
        "ListExecutions" => executions::list(app, params).await,
        "StartExecution" => executions::start(app, caller, params).await,
        "StopExecution" => executions::stop(app, params).await,
        "TestState" => test_state::test(app, params),
        "SendTaskFailure" => tasks::failure(app, params).await,
        "SendTaskHeartbeat" => tasks::heartbeat(app, params).await,
        "SendTaskSuccess" => tasks::success(app, params).await,
        "StartSyncExecution" => executions::start_sync(app, caller, params).await,
        "PublishStateMachineVersion" => versions::publish(app, params).await,
        "ListStateMachineVersions" => versions::list(app, params).await,
        "DeleteStateMachineVersion" => versions::delete(app, params).await,
        "CreateStateMachineAlias" => aliases::create(app, params).await,
        "DescribeStateMachineAlias" => aliases::describe(app, params).await,
        "UpdateStateMachineAlias" => aliases::update(app, params).await,
        "DeleteStateMachineAlias" => aliases::delete(app, params).await,
        "ListStateMachineAliases" => aliases::list(app, params).await,
        "TagResource" => tags::tag(app, params).await,
        "UntagResource" => tags::untag(app, params).await,
        "ListTagsForResource" => tags::list(app, params).await,
        "CreateActivity" => activities::create(app, params).await,
        "DescribeActivity" => activities::describe(app, params).await,
        "DeleteActivity" => activities::delete(app, params).await,
        "ListActivities" => activities::list(app, params).await,
        "GetActivityTask" => activities::task(app, params).await,
        "RedriveExecution" => redrive::redrive(app, params).await,
        "DescribeMapRun" => map_runs::describe(app, params).await,
        "UpdateMapRun" => map_runs::update(app, params).await,
        "ListMapRuns" => map_runs::list(app, params).await,
        other => Err(unknown(Some(other))),
    }
}

/// An error in AWS's shape: 400, or 413, 500 and 503 for what SDKs treat as such.
pub fn error(error: &ApiError) -> Response {
    let status = match error.code.status() {
        status @ (413 | 500..) => StatusCode::from_u16(status).unwrap_or(StatusCode::BAD_REQUEST),
        _ => StatusCode::BAD_REQUEST,
    };
    let body = json!({"__type": qualified(error.code), "message": error.message});
    let mut response = (status, JSON.encode(&body)).into_response();
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, JSON.content_type());
    headers.insert(ERROR_TYPE, HeaderValue::from_static(error.code.name()));
    response
}

fn success(value: &Value, codec: &dyn Codec) -> Response {
    let mut response = codec.encode(value).into_response();
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, codec.content_type());
    response
}

fn unknown(target: Option<&str>) -> ApiError {
    let message = match target {
        Some(target) => format!(
            "{target} is not an operation of this server; docs/http.md lists those that are"
        ),
        None => "the header X-Amz-Target is missing: POST / speaks the AWS JSON protocol, the REST API is under /v1"
            .to_owned(),
    };
    ApiError::new(ErrorCode::UnknownOperationException, message)
}

/// The name as AWS's own services qualify it; SDKs take what follows the `#`.
fn qualified(code: ErrorCode) -> String {
    let namespace = match code {
        ErrorCode::ValidationException => "com.amazon.coral.validate",
        ErrorCode::SerializationException
        | ErrorCode::UnknownOperationException
        | ErrorCode::ThrottlingException
        | ErrorCode::MissingAuthenticationTokenException
        | ErrorCode::UnrecognizedClientException
        | ErrorCode::InvalidSignatureException
        | ErrorCode::IncompleteSignatureException
        | ErrorCode::ServiceUnavailable
        | ErrorCode::InternalFailure => "com.amazon.coral.service",
        _ => "com.amazonaws.swf.service.v2.model",
    };
    format!("{namespace}#{}", code.name())
}

/// Milliseconds since the epoch as AWS's JSON protocol writes times: seconds.
fn seconds(ms: i64) -> Value {
    json!(ms as f64 / 1_000.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_operation_is_documented() {
        let page = include_str!("../../../../docs/http.md");
        let missing: Vec<_> = OPERATIONS
            .iter()
            .filter(|op| !page.contains(&format!("`{op}`")))
            .collect();
        assert!(missing.is_empty(), "not in docs/http.md: {missing:?}");
    }
}
