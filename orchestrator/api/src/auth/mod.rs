//! Who calls: the caller's signature (AWS Signature Version 4), or a key over HTTP Basic.
//!
//! Owns: the access keys, and what a request must show when there are any. Without keys nothing is asked for, and a
//! signature only tells whose it is. Must not: decide who may do what: whoever has a key may do everything.
//!
//! Health, metrics and the pages that describe the API stay open.

mod basic;
mod keys;
pub(crate) mod sigv4;

pub use keys::AccessKeys;

use crate::app::error::{ApiError, ErrorCode};
use axum::http::{header, request};

/// Paths that need no key: probes and scrapers have none, and nothing of a user's is there.
const OPEN: [&str; 6] = [
    "/livez",
    "/readyz",
    "/healthz",
    "/metrics",
    "/openapi.json",
    "/docs",
];

/// Whether a path needs no key.
pub fn is_open(path: &str) -> bool {
    OPEN.contains(&path) || path.starts_with("/errors/")
}

/// Checks a request against the keys, at `now_ms` (milliseconds since the epoch).
///
/// # Errors
/// AWS's errors for a missing, unknown, wrong or outdated signature.
pub fn check(
    keys: &AccessKeys,
    parts: &request::Parts,
    body: &[u8],
    now_ms: i64,
) -> Result<(), ApiError> {
    let given = parts.headers.get(header::AUTHORIZATION);
    let Some(given) = given else {
        return Err(ApiError::new(
            ErrorCode::MissingAuthenticationTokenException,
            "Missing Authentication Token: sign the request with an access key of this server (SigV4), or give the key \
             over HTTP Basic",
        ));
    };
    let text = given.to_str().unwrap_or_default();
    if let Some(encoded) = text.strip_prefix("Basic ") {
        return basic::check(keys, encoded);
    }
    let signature = sigv4::Signature::parse(text)?;
    sigv4::verify(keys, &signature, parts, body, now_ms)
}

/// No such key (AWS's words).
fn unknown_key() -> ApiError {
    ApiError::new(
        ErrorCode::UnrecognizedClientException,
        "The security token included in the request is invalid.",
    )
}

/// Compares without telling by the time it takes where they differ.
fn same(a: &[u8], b: &[u8]) -> bool {
    a.len() == b.len() && a.iter().zip(b).fold(0, |all, (a, b)| all | (a ^ b)) == 0
}
