//! Bodies of the REST API.

mod search;

pub use search::{Attribute, NewJob, SavedView, declared};

use crate::app::error::{ApiError, ErrorCode};
use crate::http;
use axum::body::Body;
use baton_schemas::Payload;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::Value;
use std::collections::BTreeMap;
use utoipa::ToSchema;

/// `POST /v1/state-machines`.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct NewMachine {
    pub name: String,
    /// In the States Language: an object, or its text.
    #[schema(value_type = Value)]
    pub definition: Payload,
    #[serde(default)]
    pub role_arn: Option<String>,
    #[serde(default, rename = "type")]
    pub kind: Option<Kind>,
    #[serde(default)]
    #[schema(value_type = Option<Object>)]
    pub logging_configuration: Option<Value>,
    #[serde(default)]
    #[schema(value_type = Option<Object>)]
    pub tracing_configuration: Option<Value>,
    #[serde(default)]
    #[schema(value_type = Option<Vec<Object>>)]
    pub tags: Option<Value>,
    /// What executions can be searched by, by name.
    #[serde(default)]
    pub search_attributes: Option<BTreeMap<String, Attribute>>,
}

/// Types of machines.
#[derive(Clone, Copy, Default, Deserialize, ToSchema)]
#[serde(rename_all = "UPPERCASE")]
pub enum Kind {
    #[default]
    Standard,
    Express,
}

impl Kind {
    /// As AWS writes it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Standard => "STANDARD",
            Self::Express => "EXPRESS",
        }
    }
}

/// `PUT /v1/state-machines/{machine}`.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct MachineUpdate {
    /// In the States Language: an object, or its text.
    #[serde(default)]
    #[schema(value_type = Option<Value>)]
    pub definition: Option<Payload>,
    #[serde(default)]
    pub role_arn: Option<String>,
    #[serde(default)]
    #[schema(value_type = Option<Object>)]
    pub logging_configuration: Option<Value>,
    #[serde(default)]
    #[schema(value_type = Option<Object>)]
    pub tracing_configuration: Option<Value>,
    /// What executions that start from now on can be searched by, by name: all of them.
    #[serde(default)]
    pub search_attributes: Option<BTreeMap<String, Attribute>>,
}

/// `POST /v1/validate`.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct Validate {
    /// In the States Language: an object, or its text.
    #[schema(value_type = Value)]
    pub definition: Payload,
    #[serde(default, rename = "type")]
    pub kind: Option<Kind>,
    #[serde(default)]
    pub errors_only: bool,
    /// Refuses what Baton adds to the language.
    #[serde(default)]
    pub strict: bool,
    /// Also a text for people.
    #[serde(default)]
    pub human: bool,
}

/// `POST /v1/state-machines/{machine}/executions`.
#[derive(Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Start {
    #[serde(default)]
    pub name: Option<String>,
    /// Any JSON; `{}` if absent.
    #[serde(default)]
    #[schema(value_type = Option<Value>)]
    pub input: Option<Payload>,
}

/// `stop` and `failure`.
#[derive(Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Failure {
    #[serde(default)]
    pub error: Option<String>,
    #[serde(default)]
    pub cause: Option<String>,
}

/// `success`.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Success {
    /// Any JSON.
    #[schema(value_type = Value)]
    pub output: Payload,
}

/// `heartbeat`.
#[derive(Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Nothing {}

/// Reads a body that must be there.
///
/// # Errors
/// ValidationException or SerializationException with line and column.
pub async fn read<T: DeserializeOwned>(body: Body) -> Result<T, ApiError> {
    let bytes = http::body(body).await?;
    parse(&bytes)
}

/// Reads a body that may be left out.
///
/// # Errors
/// As [`read`].
pub async fn read_or_default<T: DeserializeOwned + Default>(body: Body) -> Result<T, ApiError> {
    let bytes = http::body(body).await?;
    if bytes.is_empty() {
        return Ok(T::default());
    }
    parse(&bytes)
}

fn parse<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, ApiError> {
    serde_json::from_slice(bytes).map_err(|e| {
        let code = if e.is_data() {
            ErrorCode::ValidationException
        } else {
            ErrorCode::SerializationException
        };
        ApiError::new(code, format!("the request body: {e}"))
    })
}

/// A definition's text: an object as it was written, or the content of a text.
pub fn definition_text(definition: &Payload) -> String {
    serde_json::from_str::<String>(definition.as_str())
        .unwrap_or_else(|_| definition.as_str().to_owned())
}
