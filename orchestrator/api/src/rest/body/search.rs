//! Bodies about what executions are found by, and what is done with those that are.

use crate::app::machines::Declared;
use baton_schemas::registry::{AttributeType, JobAction, SearchAttribute};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use utoipa::ToSchema;

/// A search attribute.
#[derive(Deserialize, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Attribute {
    #[serde(rename = "type")]
    #[schema(value_type = String, example = "string")]
    pub kind: AttributeType,
    /// A path or JSONata that looks into the input or one variable.
    #[schema(example = "$.customer.id")]
    pub value: String,
}

/// Declarations as they are stored.
pub fn declared(given: BTreeMap<String, Attribute>) -> Declared {
    let stored = |(name, attribute): (String, Attribute)| {
        let (kind, value) = (attribute.kind, attribute.value.into());
        (name.into(), SearchAttribute { kind, value })
    };
    given.into_iter().map(stored).collect()
}

/// `PUT /v1/views/{view}`.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct SavedView {
    /// Which executions, as in the parameter `where` of a list.
    #[serde(rename = "where")]
    #[schema(example = "machine = orders and status = FAILED")]
    pub filter: String,
    #[serde(default)]
    pub description: Option<String>,
}

/// `POST /v1/jobs`.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct NewJob {
    /// `stop`, `redrive` or `start-again`.
    #[schema(value_type = String, example = "redrive")]
    pub action: JobAction,
    /// With which executions, as in the parameter `where` of a list.
    #[serde(default, rename = "where")]
    #[schema(example = "machine = orders and status = FAILED")]
    pub filter: Option<String>,
    /// Name of a saved view: what it says holds too.
    #[serde(default)]
    pub view: Option<String>,
    /// Error that executions are stopped with.
    #[serde(default)]
    pub error: Option<String>,
    /// Cause that executions are stopped with.
    #[serde(default)]
    pub cause: Option<String>,
    /// Most executions a second, 1 to 1,000; 50 if absent.
    #[serde(default)]
    pub per_second: Option<u32>,
}
