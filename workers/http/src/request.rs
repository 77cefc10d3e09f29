//! A call before it is authorised and sent.

use crate::encode::{ArrayFormat, form, text};
use baton_worker::TaskError;
use reqwest::header::{AUTHORIZATION, CONTENT_TYPE, COOKIE, HeaderMap, HeaderName, HeaderValue};
use reqwest::{Method, Url};
use serde_json::Value;

const JSON: &str = "application/json";
const FORM: &str = "application/x-www-form-urlencoded";

/// One call.
#[derive(Clone, Debug)]
pub struct Request {
    pub url: Url,
    pub method: Method,
    pub headers: HeaderMap,
    pub body: Option<Value>,
    /// `Some`: the body is a form.
    pub form: Option<ArrayFormat>,
    /// Name of the connection that authorises it.
    pub connection: Option<String>,
}

impl Request {
    /// A call without anything but its address.
    ///
    /// # Errors
    /// Not a method, or not an `http` or `https` URL.
    pub fn new(url: &str, method: &str) -> Result<Self, TaskError> {
        let parsed =
            Url::parse(url).map_err(|error| bad(format!("{url:?} is not a URL: {error}")))?;
        if !matches!(parsed.scheme(), "http" | "https") || parsed.host_str().is_none() {
            return Err(bad(format!("{url:?} is not an http or https URL")));
        }
        if !parsed.username().is_empty() || parsed.password().is_some() {
            return Err(bad("a URL must hold no password: use a connection"));
        }
        Ok(Self {
            url: parsed,
            method: method
                .parse()
                .map_err(|_| bad(format!("{method:?} is not an HTTP method")))?,
            headers: HeaderMap::new(),
            body: None,
            form: None,
            connection: None,
        })
    }

    /// Adds a header; one of that name is replaced.
    ///
    /// # Errors
    /// No header can be that.
    pub fn header(&mut self, name: &str, value: &str) -> Result<(), TaskError> {
        let name: HeaderName = name
            .parse()
            .map_err(|_| bad(format!("{name:?} is not the name of a header")))?;
        let value = HeaderValue::from_str(value)
            .map_err(|_| bad(format!("the value of header {name} can't be sent")))?;
        self.headers.insert(name, value);
        Ok(())
    }

    /// Adds to the query.
    pub fn query(&mut self, name: &str, value: &Value) {
        let mut pairs = self.url.query_pairs_mut();
        match value {
            Value::Array(items) => items.iter().for_each(|item| {
                pairs.append_pair(name, &text(item));
            }),
            value => {
                pairs.append_pair(name, &text(value));
            }
        }
    }

    /// Whether it holds what another host must not see.
    pub fn has_credentials(&self) -> bool {
        self.connection.is_some()
            || self.headers.contains_key(AUTHORIZATION)
            || self.headers.contains_key(COOKIE)
    }

    /// The body as it is sent; the content type is set if nobody has.
    pub fn take_body(&mut self) -> Option<String> {
        let body = self.body.take()?;
        if let Some(arrays) = self.form {
            self.headers
                .insert(CONTENT_TYPE, HeaderValue::from_static(FORM));
            return Some(form(&body, arrays));
        }
        let kind = self
            .headers
            .entry(CONTENT_TYPE)
            .or_insert(HeaderValue::from_static(JSON));
        let is_json = kind.to_str().is_ok_and(|kind| kind.contains("json"));
        Some(match body {
            Value::String(text) if !is_json => text,
            body => body.to_string(),
        })
    }
}

/// What the definition or the input has wrong.
pub fn bad(what: impl std::fmt::Display) -> TaskError {
    TaskError::new("Worker.BadInput", what)
}
