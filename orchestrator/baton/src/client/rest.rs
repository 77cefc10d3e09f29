//! Calls of the REST API.

use crate::cli::Asking;
use crate::config::Error;
use serde_json::Value;
use std::time::Duration;

/// Longest wait for a connection.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// Longest wait for the next piece of an answer; a stream says at least every ten seconds that it is alive.
const READ_TIMEOUT: Duration = Duration::from_secs(60);

/// A node.
pub struct Rest {
    client: reqwest::Client,
    base: String,
    /// Id and secret of an access key.
    key: Option<(String, String)>,
}

impl Rest {
    /// Connects with the first call.
    pub fn new(asking: &Asking) -> Result<Self, Error> {
        let client = reqwest::Client::builder()
            .connect_timeout(CONNECT_TIMEOUT)
            .read_timeout(READ_TIMEOUT)
            .build()
            .map_err(|e| Error(format!("no HTTP client: {e}")))?;
        let base = asking.base();
        let key = match &asking.access_key {
            None => None,
            Some(text) => Some(
                text.split_once(':')
                    .ok_or_else(|| Error("--access-key must be ID:SECRET".to_owned()))?,
            ),
        };
        let key = key.map(|(id, secret)| (id.to_owned(), secret.to_owned()));
        Ok(Self { client, base, key })
    }

    /// A request with what the server may ask for.
    fn request(&self, method: reqwest::Method, path: &str) -> reqwest::RequestBuilder {
        let request = self.client.request(method, format!("{}{path}", self.base));
        match &self.key {
            Some((id, secret)) => request.basic_auth(id, Some(secret)),
            None => request,
        }
    }

    pub async fn get(&self, path: &str) -> Result<Value, Error> {
        let answer = self
            .open(path, None)
            .await
            .map_err(|e| self.unreachable(&e))?;
        self.json(answer).await
    }

    /// What is there; `None` if there is nothing.
    pub async fn find(&self, path: &str) -> Result<Option<Value>, Error> {
        let answer = self.open(path, None).await;
        let answer = answer.map_err(|e| self.unreachable(&e))?;
        match answer.status() {
            reqwest::StatusCode::NOT_FOUND => Ok(None),
            _ => self.json(answer).await.map(Some),
        }
    }

    pub async fn put(&self, path: &str, body: &Value) -> Result<Value, Error> {
        let request = self.request(reqwest::Method::PUT, path);
        self.sent(request.json(body)).await
    }

    pub async fn post(&self, path: &str, body: &Value) -> Result<Value, Error> {
        let request = self.request(reqwest::Method::POST, path);
        self.sent(request.json(body)).await
    }

    pub async fn delete(&self, path: &str) -> Result<Value, Error> {
        self.sent(self.request(reqwest::Method::DELETE, path)).await
    }

    async fn sent(&self, request: reqwest::RequestBuilder) -> Result<Value, Error> {
        let answer = request.send().await.map_err(|e| self.unreachable(&e))?;
        self.json(answer).await
    }

    /// The answer as it comes; of events, behind the id `after`.
    pub async fn open(
        &self,
        path: &str,
        after: Option<&str>,
    ) -> Result<reqwest::Response, reqwest::Error> {
        let mut request = self.request(reqwest::Method::GET, path);
        if let Some(after) = after {
            request = request.header("last-event-id", after);
        }
        request.send().await
    }

    /// An answer's JSON; a problem becomes an error in its words.
    pub async fn json(&self, answer: reqwest::Response) -> Result<Value, Error> {
        let status = answer.status();
        let text = answer.text().await.map_err(|e| self.unreachable(&e))?;
        let body: Value = serde_json::from_str(&text).unwrap_or_default();
        if status.is_success() {
            return Ok(body);
        }
        let field = |name: &str| body[name].as_str().unwrap_or_default();
        Err(Error(match field("title") {
            "" => format!("{} answered {status}: is that a Baton node?", self.base),
            title => format!("{title}: {}", field("detail")),
        }))
    }

    /// No node answers.
    pub fn unreachable(&self, error: &reqwest::Error) -> Error {
        let mut why = error.to_string();
        let mut source = std::error::Error::source(error);
        while let Some(cause) = source {
            why = cause.to_string();
            source = cause.source();
        }
        Error(format!(
            "no node answers at {}: {why}; say --endpoint URL, or start one",
            self.base
        ))
    }
}

/// A segment of a path or a value of a query, percent-encoded (RFC 3986, 2.1).
pub fn encoded(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~:".contains(&byte) {
            out.push(char::from(byte));
        } else {
            out.push_str(&format!("%{byte:02X}"));
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::encoded;

    #[test]
    fn names_survive_a_path() {
        assert_eq!(encoded("m:orders-0-1"), "m:orders-0-1");
        assert_eq!(encoded("a/b?c=é"), "a%2Fb%3Fc%3D%C3%A9");
    }
}
