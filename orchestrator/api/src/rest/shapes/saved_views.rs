//! Saved views, as they are shown.

use baton_schemas::registry::SavedViewEntry;
use baton_schemas::time::rfc3339;
use serde::Serialize;
use utoipa::ToSchema;

/// A saved view.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct SavedView {
    /// Name.
    pub name: String,
    /// Which executions, as in the parameter `where` of a list.
    #[serde(rename = "where")]
    pub filter: String,
    /// What it is for.
    pub description: String,
    /// When it was created (RFC 3339).
    pub creation_date: String,
    /// When it was last changed (RFC 3339).
    pub update_date: String,
}

impl SavedView {
    /// As it is stored.
    pub fn of(entry: &SavedViewEntry) -> Self {
        Self {
            name: entry.name.to_string(),
            filter: entry.filter.to_string(),
            description: entry.description.to_string(),
            creation_date: rfc3339(entry.created_ms),
            update_date: rfc3339(entry.updated_ms),
        }
    }
}

/// All saved views, by name.
#[derive(Serialize, ToSchema)]
pub struct SavedViewList {
    pub views: Vec<SavedView>,
}
