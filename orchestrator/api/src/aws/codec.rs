//! How bodies are encoded.

use crate::app::error::{ApiError, ErrorCode};
use axum::http::HeaderValue;
use serde_json::{Map, Value};

/// An encoding of the protocol's bodies.
pub trait Codec: Sync {
    /// Its media type.
    fn content_type(&self) -> HeaderValue;

    /// Reads the parameters; an empty body has none.
    ///
    /// # Errors
    /// SerializationException, when `bytes` are not an object in this encoding.
    fn decode(&self, bytes: &[u8]) -> Result<Map<String, Value>, ApiError>;

    /// Writes an answer.
    fn encode(&self, value: &Value) -> Vec<u8>;
}

/// AWS JSON 1.0.
pub struct Json;

/// The one codec so far.
pub const JSON: Json = Json;

impl Codec for Json {
    fn content_type(&self) -> HeaderValue {
        HeaderValue::from_static("application/x-amz-json-1.0")
    }

    fn decode(&self, bytes: &[u8]) -> Result<Map<String, Value>, ApiError> {
        if bytes.is_empty() {
            return Ok(Map::new());
        }
        serde_json::from_slice(bytes).map_err(|e| {
            let message = format!("the body must be a JSON object: {e}");
            ApiError::new(ErrorCode::SerializationException, message)
        })
    }

    fn encode(&self, value: &Value) -> Vec<u8> {
        serde_json::to_vec(value).expect("a Value serialises")
    }
}
