//! What every request goes through: admission, request id, trace context, span, who calls,
//! metrics.
//!
//! Owns: the order of these, and reading bodies within their bound.

use crate::app::App;
use crate::app::error::{ApiError, ErrorCode};
use crate::auth::{self, sigv4};
use crate::{aws, ids, limits, rest};
use axum::body::{Body, Bytes};
use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue, header};
use axum::middleware::Next;
use axum::response::Response;
use std::sync::Arc;
use std::time::Instant;
use tracing::Instrument;

/// Who calls, as the operations need it.
#[derive(Clone, Debug)]
pub struct Caller {
    /// New for each request; in every answer and log line.
    pub request_id: Arc<str>,
    /// The caller's trace context, or a new one.
    pub traceparent: Arc<str>,
}

/// What a handler says of its answer, for metrics and logs.
#[derive(Clone, Copy, Debug)]
pub struct Outcome {
    /// `aws` or `rest`.
    pub protocol: &'static str,
    /// Operation, as AWS names it where AWS has it.
    pub operation: &'static str,
    /// `ok`, or the name of the error.
    pub result: &'static str,
}

/// AWS's name for the request id.
pub const REQUEST_ID: HeaderName = HeaderName::from_static("x-amzn-requestid");

/// Paths that must answer whatever the load: another node has admitted the call already, or it is cheap.
const ALWAYS: [&str; 4] = ["/internal/v1/calls", "/livez", "/readyz", "/metrics"];

/// Admits a request or refuses it at once; nothing waits in a queue here.
pub async fn admit(State(app): State<Arc<App>>, mut request: Request, next: Next) -> Response {
    let begun = Instant::now();
    let always = ALWAYS.contains(&request.uri().path());
    let permit = if always {
        None
    } else {
        match app.admission.try_acquire() {
            Ok(permit) => Some(permit),
            Err(_) => return refuse(&app, &request),
        }
    };
    let caller = caller(request.headers());
    let credential = credential(request.headers());
    let span = tracing::info_span!(
        "http.request",
        http.request_id = %caller.request_id,
        http.method = %request.method(),
        http.path = %request.uri().path(),
        trace.parent = %caller.traceparent,
        aws.access_key_id = credential.as_ref().map(|(key, _)| key),
        aws.region = credential.as_ref().map(|(_, region)| region),
        execution.arn = tracing::field::Empty,
        state_machine.name = tracing::field::Empty,
    );
    let request_id = HeaderValue::from_str(&caller.request_id);
    request.extensions_mut().insert(caller);
    let answered = async {
        let response = match authenticated(&app, request).await {
            Ok(request) => next.run(request).await,
            Err((error, is_aws)) => refused(&error, is_aws),
        };
        log(&app, &response, begun);
        response
    };
    let mut response = answered.instrument(span).await;
    if let Ok(id) = request_id {
        response.headers_mut().insert(REQUEST_ID, id);
    }
    drop(permit);
    response
}

/// Reads a body up to [`limits::BODY_BYTES_MAX`].
///
/// # Errors
/// RequestEntityTooLarge; SerializationException when the connection broke.
pub async fn body(body: Body) -> Result<Bytes, ApiError> {
    axum::body::to_bytes(body, limits::BODY_BYTES_MAX)
        .await
        .map_err(|e| {
            let source = std::error::Error::source(&e).map(ToString::to_string);
            if source.is_some_and(|s| s.contains("length limit")) {
                let message = format!(
                    "the request body is larger than {} bytes: pass large data by reference",
                    limits::BODY_BYTES_MAX
                );
                ApiError::new(ErrorCode::RequestEntityTooLarge, message)
            } else {
                let message = format!("the request body did not arrive whole: {e}");
                ApiError::new(ErrorCode::SerializationException, message)
            }
        })
}

/// The request, if it shows a key where one is asked for; else why not, and whether it spoke AWS's protocol.
async fn authenticated(app: &App, request: Request) -> Result<Request, (ApiError, bool)> {
    let keys = &app.settings.access_keys;
    let path = request.uri().path();
    if keys.is_empty() || auth::is_open(path) {
        return Ok(request);
    }
    let is_aws = path == "/";
    let (parts, whole) = request.into_parts();
    let bytes = body(whole).await.map_err(|error| (error, is_aws))?;
    auth::check(keys, &parts, &bytes, ids::now_ms()).map_err(|error| (error, is_aws))?;
    Ok(Request::from_parts(parts, Body::from(bytes)))
}

/// The answer to a caller that is not let in.
fn refused(error: &ApiError, is_aws: bool) -> Response {
    let (mut response, protocol) = if is_aws {
        (aws::error(error), "aws")
    } else {
        (rest::problem(error), "rest")
    };
    response.extensions_mut().insert(Outcome {
        protocol,
        operation: "unknown",
        result: error.code.name(),
    });
    response
}

/// Key and region that a signature names, checked or not: for logs.
fn credential(headers: &HeaderMap) -> Option<(String, String)> {
    let text = headers.get(header::AUTHORIZATION)?.to_str().ok()?;
    let signature = sigv4::Signature::parse(text).ok()?;
    Some((signature.key.to_owned(), signature.region.to_owned()))
}

fn caller(headers: &HeaderMap) -> Caller {
    let traceparent = headers.get("traceparent").and_then(|v| v.to_str().ok());
    Caller {
        request_id: ids::uuid().into(),
        traceparent: ids::traceparent(traceparent),
    }
}

fn refuse(app: &App, request: &Request) -> Response {
    let message = format!(
        "this node handles {} requests at a time and has that many: try again later",
        app.settings.requests_max
    );
    let error = ApiError::new(ErrorCode::ThrottlingException, message);
    let response = if request.uri().path() == "/" {
        aws::error(&error)
    } else {
        rest::problem(&error)
    };
    app.metrics.throttled();
    response
}

/// Counts the answer; says what went wrong here, once.
fn log(app: &App, response: &Response, begun: Instant) {
    let Some(outcome) = response.extensions().get::<Outcome>() else {
        return;
    };
    let took = begun.elapsed();
    app.metrics.answered(*outcome, took);
    let (status, ms) = (response.status().as_u16(), took.as_millis() as u64);
    if status >= 500 {
        tracing::warn!(
            http.operation = outcome.operation,
            http.status = status,
            http.duration_ms = ms,
            error.name = outcome.result,
            "request failed"
        );
    } else {
        tracing::debug!(
            http.operation = outcome.operation,
            http.status = status,
            http.duration_ms = ms,
            error.name = outcome.result,
            "request answered"
        );
    }
}
