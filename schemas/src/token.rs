//! Task tokens: opaque to workers, URL-safe, stable across redelivery.
//!
//! Owns: the token's inside. `base64url("1" 0x1F event-id 0x1F execution ARN)`: it names the execution (hence the
//! partition) and the event that scheduled the task (hence the attempt).

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use std::sync::Arc;

/// Longest token that is accepted, bytes.
pub const TOKEN_LENGTH_MAX: usize = 1024;

/// A task token.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct TaskToken(Arc<str>);

impl TaskToken {
    /// The token of the task that event `event_id` of `execution` scheduled.
    #[must_use]
    pub fn new(execution: &str, event_id: u64) -> Self {
        Self(URL_SAFE_NO_PAD.encode(format!("1\u{1f}{event_id}\u{1f}{execution}")).into())
    }

    /// Takes a token as somebody sent it; its inside is looked at by [`Self::parts`].
    #[must_use]
    pub fn from_opaque(text: &str) -> Self {
        Self(text.into())
    }

    /// The token's text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// `(execution ARN, event id)`; `None` if the token is not one of ours.
    #[must_use]
    pub fn parts(&self) -> Option<(Arc<str>, u64)> {
        if self.0.len() > TOKEN_LENGTH_MAX {
            return None;
        }
        let text = String::from_utf8(URL_SAFE_NO_PAD.decode(self.0.as_bytes()).ok()?).ok()?;
        let mut parts = text.splitn(3, '\u{1f}');
        if parts.next()? != "1" {
            return None;
        }
        let event_id = parts.next()?.parse().ok()?;
        Some((parts.next()?.into(), event_id))
    }
}
