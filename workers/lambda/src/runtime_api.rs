//! The Lambda Runtime API of one child process, on a loopback port of its own.
//!
//! Owns: the routes of version 2018-06-01 (AWS Lambda developer guide, "Using the Lambda runtime API") and which
//! invocation the child has. A port for each child, since the API has no other way to tell children apart.

use crate::answer::Report;
use crate::invocation::Invocation;
use crate::limits::{ERROR_BYTES_MAX, RESPONSE_BYTES_MAX};
use axum::Router;
use axum::body::{Body, to_bytes};
use axum::extract::{Path, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use serde_json::json;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};
use tokio::net::TcpListener;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;

/// Invocations offered to one child at a time.
const OFFERS_MAX: usize = 1;
/// What a child has said and nobody has heard yet.
const NEWS_MAX: usize = 16;

/// The server of one child. Dropping it closes the port.
pub struct RuntimeApi {
    address: SocketAddr,
    server: JoinHandle<()>,
    offers: mpsc::Sender<Offer>,
    news: mpsc::Receiver<News>,
}

/// An invocation and how long it may take once the child has it.
struct Offer {
    invocation: Invocation,
    timeout: Duration,
}

/// What the child says.
#[derive(Debug, PartialEq, Eq)]
pub enum News {
    /// It took the invocation offered.
    Taken,
    /// It answers the invocation that it has, or says that it can't start.
    Report(Report),
}

struct Shared {
    offers: tokio::sync::Mutex<mpsc::Receiver<Offer>>,
    /// Request id of the invocation that the child has.
    current: Mutex<Option<Arc<str>>>,
    news: mpsc::Sender<News>,
}

impl RuntimeApi {
    /// Opens a port and serves it.
    ///
    /// # Errors
    /// No port could be opened.
    pub async fn open() -> std::io::Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let address = listener.local_addr()?;
        let (offers, offered) = mpsc::channel(OFFERS_MAX);
        let (tell, news) = mpsc::channel(NEWS_MAX);
        let shared = Arc::new(Shared {
            offers: tokio::sync::Mutex::new(offered),
            current: Mutex::default(),
            news: tell,
        });
        let router = routes(shared);
        let server = tokio::spawn(async move {
            if let Err(error) = axum::serve(listener, router).await {
                tracing::error!(%error, "the runtime API of a function ended");
            }
        });
        Ok(Self {
            address,
            server,
            offers,
            news,
        })
    }

    /// What the child finds in `AWS_LAMBDA_RUNTIME_API`.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Offers an invocation; the child takes it when it next asks. What it said of an earlier one is forgotten.
    pub fn offer(&mut self, invocation: Invocation, timeout: Duration) {
        while self.news.try_recv().is_ok() {}
        let offer = Offer {
            invocation,
            timeout,
        };
        if self.offers.try_send(offer).is_err() {
            tracing::error!(
                "a second invocation was offered to a child that has not taken its first"
            );
        }
    }

    /// The next thing that the child says.
    pub async fn hear(&mut self) -> News {
        match self.news.recv().await {
            Some(news) => news,
            // The server holds the sender for as long as this lives.
            None => std::future::pending().await,
        }
    }

    /// What the child has said already.
    pub fn heard(&mut self) -> Option<News> {
        self.news.try_recv().ok()
    }
}

impl Drop for RuntimeApi {
    fn drop(&mut self) {
        self.server.abort();
    }
}

fn routes(shared: Arc<Shared>) -> Router {
    Router::new()
        .route("/2018-06-01/runtime/invocation/next", get(next))
        .route(
            "/2018-06-01/runtime/invocation/{id}/response",
            post(response),
        )
        .route("/2018-06-01/runtime/invocation/{id}/error", post(error))
        .route("/2018-06-01/runtime/init/error", post(init_error))
        .with_state(shared)
}

async fn next(State(shared): State<Arc<Shared>>) -> Response {
    let mut offers = shared.offers.lock().await;
    let Some(offer) = offers.recv().await else {
        return StatusCode::GONE.into_response();
    };
    let invocation = offer.invocation;
    *lock(&shared.current) = Some(Arc::clone(&invocation.request_id));
    shared.tell(News::Taken).await;
    let headers = headers(&invocation, deadline_ms(&invocation, offer.timeout));
    (headers, invocation.payload.as_str().to_owned()).into_response()
}

async fn response(
    State(shared): State<Arc<Shared>>,
    Path(id): Path<String>,
    body: Body,
) -> Response {
    if !shared.has(&id) {
        return unknown(&id);
    }
    match to_bytes(body, RESPONSE_BYTES_MAX).await {
        Ok(bytes) => shared.end(Report::Response(bytes)).await,
        Err(_) => {
            shared.end(Report::TooLarge).await;
            problem(
                StatusCode::PAYLOAD_TOO_LARGE,
                "RequestEntityTooLarge",
                &format!("Exceeded maximum allowed payload size ({RESPONSE_BYTES_MAX} bytes)."),
            )
        }
    }
}

async fn error(State(shared): State<Arc<Shared>>, Path(id): Path<String>, body: Body) -> Response {
    if !shared.has(&id) {
        return unknown(&id);
    }
    shared.end(report(body).await).await
}

async fn init_error(State(shared): State<Arc<Shared>>, body: Body) -> Response {
    let report = report(body).await;
    shared.end(report).await
}

/// An error report, cut where it is longer than anyone would read.
async fn report(body: Body) -> Report {
    match to_bytes(body, ERROR_BYTES_MAX).await {
        Ok(bytes) => Report::Error(bytes),
        Err(_) => Report::TooLarge,
    }
}

impl Shared {
    fn has(&self, id: &str) -> bool {
        lock(&self.current).as_deref() == Some(id)
    }

    async fn end(&self, report: Report) -> Response {
        *lock(&self.current) = None;
        self.tell(News::Report(report)).await;
        (StatusCode::ACCEPTED, axum::Json(json!({"status": "OK"}))).into_response()
    }

    async fn tell(&self, news: News) {
        // Nobody listens to a child that is being ended.
        let _ = self.news.send(news).await;
    }
}

fn unknown(id: &str) -> Response {
    problem(
        StatusCode::BAD_REQUEST,
        "InvalidRequestID",
        &format!("Invalid request ID: {id} is not the invocation that this runtime has."),
    )
}

fn problem(status: StatusCode, kind: &str, message: &str) -> Response {
    let body = json!({"errorType": kind, "errorMessage": message});
    (status, axum::Json(body)).into_response()
}

fn headers(invocation: &Invocation, deadline_ms: i64) -> HeaderMap {
    let deadline = deadline_ms.to_string();
    let values = [
        (
            "lambda-runtime-aws-request-id",
            Some(invocation.request_id.as_ref()),
        ),
        ("lambda-runtime-deadline-ms", Some(deadline.as_str())),
        (
            "lambda-runtime-invoked-function-arn",
            Some(invocation.function_arn.as_str()),
        ),
        ("lambda-runtime-trace-id", invocation.trace_id.as_deref()),
        (
            "lambda-runtime-client-context",
            invocation.client_context.as_deref(),
        ),
    ];
    let mut headers = HeaderMap::with_capacity(values.len() + 1);
    headers.insert(
        header::CONTENT_TYPE,
        HeaderValue::from_static("application/json"),
    );
    for (name, value) in values {
        // A value that no header can hold is left out, as if it had not been given.
        if let Some(Ok(value)) = value.map(|text| HeaderValue::from_bytes(text.as_bytes())) {
            headers.insert(HeaderName::from_static(name), value);
        }
    }
    headers
}

/// When the child will be ended: its own time is over, or the workflow's.
fn deadline_ms(invocation: &Invocation, timeout: Duration) -> i64 {
    let now = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default();
    let own = i64::try_from((now + timeout).as_millis()).unwrap_or(i64::MAX);
    invocation.deadline_ms.map_or(own, |theirs| own.min(theirs))
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
