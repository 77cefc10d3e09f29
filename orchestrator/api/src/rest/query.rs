//! Query strings of the REST API.

use crate::app::cursor;
use crate::app::error::ApiError;
use crate::limits;
use axum::extract::Query as Raw;
use axum::http::Uri;
use baton_schemas::time::parse_rfc3339;
use serde::de::DeserializeOwned;
use std::collections::BTreeMap;

/// The parameters of one request.
pub struct Query(BTreeMap<String, String>);

impl Query {
    /// Takes the query of `uri` apart.
    ///
    /// # Errors
    /// ValidationException for a parameter that is not one of `known`; one that ends in a dot stands for all that begin so.
    pub fn of(uri: &Uri, known: &[&str]) -> Result<Self, ApiError> {
        let Raw(found) = Raw::<BTreeMap<String, String>>::try_from_uri(uri)
            .map_err(|e| ApiError::validation(format!("the query: {e}")))?;
        let is_known = |name: &String| {
            known.iter().any(|known| match known.strip_suffix('.') {
                Some(_) => name.starts_with(known),
                None => name == known,
            })
        };
        if let Some(name) = found.keys().find(|name| !is_known(name)) {
            return Err(ApiError::validation(format!(
                "the query has no parameter '{name}'; it has: {}",
                known.join(", ")
            )));
        }
        Ok(Self(found))
    }

    /// A parameter's text; an empty one counts as absent.
    pub fn text(&self, name: &str) -> Option<&str> {
        self.0
            .get(name)
            .map(String::as_str)
            .filter(|text| !text.is_empty())
    }

    /// The parameters that begin with `prefix`: what follows it, and their texts.
    pub fn beginning(&self, prefix: &str) -> impl Iterator<Item = (&str, &str)> {
        self.0
            .iter()
            .filter_map(move |(name, text)| Some((name.strip_prefix(prefix)?, text.as_str())))
    }

    /// `limit`: 1 to [`limits::PAGE_MAX`].
    pub fn limit(&self) -> Result<usize, ApiError> {
        let Some(text) = self.text("limit") else {
            return Ok(limits::PAGE_DEFAULT);
        };
        match text.parse() {
            Ok(limit) if (1..=limits::PAGE_MAX).contains(&limit) => Ok(limit),
            _ => Err(bad(
                "limit",
                text,
                &format!("a number from 1 to {}", limits::PAGE_MAX),
            )),
        }
    }

    /// A time, milliseconds since the epoch.
    pub fn time(&self, name: &str) -> Result<Option<i64>, ApiError> {
        let Some(text) = self.text(name) else {
            return Ok(None);
        };
        let expected = "a time such as 2026-01-31T12:00:00Z";
        parse_rfc3339(text)
            .map(Some)
            .ok_or_else(|| bad(name, text, expected))
    }

    /// `true` or `false`.
    pub fn flag(&self, name: &str, default: bool) -> Result<bool, ApiError> {
        match self.text(name) {
            None => Ok(default),
            Some("true") => Ok(true),
            Some("false") => Ok(false),
            Some(other) => Err(bad(name, other, "true or false")),
        }
    }

    /// `cursor`: where the page before ended.
    pub fn cursor<T: DeserializeOwned>(&self) -> Result<Option<T>, ApiError> {
        self.text("cursor").map(cursor::decode).transpose()
    }
}

/// A parameter that is not as it should be.
pub fn bad(name: &str, found: &str, expected: &str) -> ApiError {
    ApiError::validation(format!("{name}={found}: must be {expected}"))
}
