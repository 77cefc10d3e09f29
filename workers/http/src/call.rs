//! Making a call: authorise, send, follow redirects, read.

use crate::config::{Bound, Config, ConfigError};
use crate::connection::Authorizer;
use crate::guard::{Guard, Refused};
use crate::limits::{CALL_MAX, REDIRECTS_MAX, RESPONSE_BYTES_MAX};
use crate::request::{Request, bad};
use crate::response::Answer;
use crate::{bound, invoke};
use baton_worker::{Task, TaskError};
use reqwest::header::{CONTENT_LENGTH, CONTENT_TYPE, LOCATION};
use reqwest::{Client, Method, Response, StatusCode, Url};
use serde_json::Value;
use std::collections::BTreeMap;
use std::sync::Arc;

const USER_AGENT: &str = concat!("baton-worker-http/", env!("CARGO_PKG_VERSION"));

/// Makes the calls of a worker. Cheap to clone.
#[derive(Clone)]
pub struct Caller(Arc<Inner>);

struct Inner {
    transport: Transport,
    connections: BTreeMap<String, Authorizer>,
    queues: BTreeMap<String, Bound>,
}

/// The HTTP client within its guard.
pub struct Transport {
    client: Client,
    guard: Guard,
}

impl Caller {
    /// Checks the configuration; connects to nobody yet.
    ///
    /// # Errors
    /// A wrong entry, or no TLS.
    pub fn new(config: Config) -> Result<Self, ConfigError> {
        let guard = Guard::new(&config.allow)?;
        let client = Client::builder()
            .user_agent(USER_AGENT)
            .timeout(CALL_MAX)
            // Redirects are followed here, where each is checked. A proxy would connect for us, past the guard.
            .redirect(reqwest::redirect::Policy::none())
            .no_proxy()
            .dns_resolver(Arc::new(guard.clone()))
            .build()
            .map_err(|error| ConfigError(format!("no HTTP client: {error}")))?;
        let connections = config.connections.into_iter();
        Ok(Self(Arc::new(Inner {
            transport: Transport { client, guard },
            connections: connections
                .map(|one| (one.name.clone(), Authorizer::new(one)))
                .collect(),
            queues: config.queues,
        })))
    }

    /// The queues bound to a URL, with their calls at a time.
    pub fn queues(&self) -> impl Iterator<Item = (&str, Option<usize>)> {
        self.0
            .queues
            .iter()
            .map(|(name, bound)| (name.as_str(), bound.concurrency))
    }

    /// Does the task of an HTTP Task state.
    ///
    /// # Errors
    /// The failure that the workflow sees.
    pub async fn invoke(&self, task: Task) -> Result<Value, TaskError> {
        let answer = self.call(invoke::request(&task)?).await?;
        Ok(answer.into_output())
    }

    /// Does the task of a queue bound to a URL.
    ///
    /// # Errors
    /// The failure that the workflow sees.
    pub async fn bound(&self, task: Task) -> Result<Value, TaskError> {
        let queue = self.0.queues.get(task.queue());
        let bound =
            queue.ok_or_else(|| bad(format!("queue {:?} is bound to no URL", task.queue())))?;
        let answer = self.call(bound::request(bound, &task)?).await?;
        bound::output(bound, answer)
    }

    async fn call(&self, request: Request) -> Result<Answer, TaskError> {
        let Inner {
            transport,
            connections,
            ..
        } = &*self.0;
        let Some(name) = &request.connection else {
            return transport.send(request).await?.or_failure();
        };
        let connection = connections.get(name).ok_or_else(|| {
            let cause = format!("there is no connection {name:?} in the worker's configuration");
            TaskError::new("Http.AuthorizationFailed", cause)
        })?;
        let mut authorized = request.clone();
        connection.authorize(transport, &mut authorized).await?;
        let mut answer = transport.send(authorized).await?;
        if answer.status == StatusCode::UNAUTHORIZED && connection.refused().await {
            let mut again = request;
            connection.authorize(transport, &mut again).await?;
            answer = transport.send(again).await?;
        }
        answer.or_failure()
    }
}

impl Transport {
    /// Sends a call and follows its redirects: within the origin, and to others if the call has no credentials. Each
    /// address is checked.
    ///
    /// # Errors
    /// `States.Http.Socket` if no response came, `Http.AddressRefused` if the guard refused.
    pub async fn send(&self, mut request: Request) -> Result<Answer, TaskError> {
        let is_private = request.has_credentials();
        let mut body = request.take_body();
        for _ in 0..=REDIRECTS_MAX {
            if request.url.scheme() == "https" {
                return Err(no_tls(&request.url));
            }
            self.guard.check_literal(&request.url).map_err(refused)?;
            let mut call = self
                .client
                .request(request.method.clone(), request.url.clone());
            call = call.headers(request.headers.clone());
            if let Some(body) = &body {
                call = call.body(body.clone());
            }
            let response = call.send().await.map_err(|error| failed(&error))?;
            match target(&response, &request.url) {
                Some(next) if !is_private || next.origin() == request.url.origin() => {
                    // As browsers do (Fetch standard, HTTP-redirect fetch): all but 307 and 308 become a GET.
                    let keeps = matches!(response.status().as_u16(), 307 | 308);
                    if !keeps && request.method != Method::HEAD {
                        (request.method, body) = (Method::GET, None);
                        request.headers.remove(CONTENT_TYPE);
                        request.headers.remove(CONTENT_LENGTH);
                    }
                    request.url = next;
                }
                _ => return read(response).await,
            }
        }
        Err(TaskError::new(
            "Http.TooManyRedirects",
            format!("more than {REDIRECTS_MAX}, the last to {}", request.url),
        ))
    }
}

/// Where a response sends the caller.
fn target(response: &Response, from: &Url) -> Option<Url> {
    if !matches!(response.status().as_u16(), 301 | 302 | 303 | 307 | 308) {
        return None;
    }
    let location = response.headers().get(LOCATION)?.to_str().ok()?;
    let next = from.join(location).ok()?;
    matches!(next.scheme(), "http" | "https").then_some(next)
}

async fn read(mut response: Response) -> Result<Answer, TaskError> {
    let (status, headers) = (response.status(), response.headers().clone());
    let mut bytes = Vec::new();
    while let Some(chunk) = response.chunk().await.map_err(|error| failed(&error))? {
        bytes.extend_from_slice(&chunk);
        if bytes.len() > RESPONSE_BYTES_MAX {
            let cause = format!("the response has more than {RESPONSE_BYTES_MAX} bytes");
            return Err(TaskError::new("States.DataLimitExceeded", cause));
        }
    }
    Ok(Answer::new(status, headers, &bytes))
}

fn no_tls(url: &Url) -> TaskError {
    let host = url.host_str().unwrap_or_default();
    let cause = format!(
        "https://{host}: this version speaks no TLS; call it through a proxy that does, over http"
    );
    TaskError::new("Http.NoTls", cause)
}

fn refused(error: Refused) -> TaskError {
    TaskError::new("Http.AddressRefused", error)
}

/// No response: the guard refused the address, or the network did not carry it.
fn failed(error: &reqwest::Error) -> TaskError {
    let mut words = error.to_string();
    let mut source = std::error::Error::source(error);
    while let Some(cause) = source {
        if let Some(by_guard) = cause.downcast_ref::<Refused>() {
            return TaskError::new("Http.AddressRefused", by_guard);
        }
        words = format!("{words}: {cause}");
        source = cause.source();
    }
    TaskError::new("States.Http.Socket", words)
}
