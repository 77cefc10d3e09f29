//! Saved views: filters of executions with a name, the same on every node.
//!
//! They stand in the registry as the text of their `where`. What that text means can't change behind a name: it is read
//! when it is saved and again each time that it is used.

use super::error::{ApiError, ErrorCode};
use super::filter::Filter;
use super::write::Decision;
use super::{App, names};
use crate::{ids, limits};
use baton_schemas::registry::{RegistryBody, SAVED_VIEWS, SavedViewEntry, saved_view_arn};

impl App {
    /// Saves a filter under a name, in the place of what had the name before.
    ///
    /// # Errors
    /// InvalidName, ValidationException, ServiceQuotaExceededException.
    pub(crate) async fn save_view(
        &self,
        name: &str,
        filter: &str,
        description: &str,
    ) -> Result<SavedViewEntry, ApiError> {
        names::check_name(name)?;
        Filter::parse(filter)?;
        if description.chars().count() > limits::DESCRIPTION_LENGTH_MAX {
            return Err(ApiError::validation(format!(
                "description: longer than {} characters",
                limits::DESCRIPTION_LENGTH_MAX
            )));
        }
        let (arn, now_ms) = (saved_view_arn(name), ids::now_ms());
        let saved = self
            .change_held(&arn, |held| {
                let before = match held {
                    Some(RegistryBody::SavedView(before)) => Some(before),
                    _ => None,
                };
                if before.is_none() && self.count_saved_views() >= limits::SAVED_VIEWS_MAX {
                    return Err(ApiError::new(
                        ErrorCode::ServiceQuotaExceededException,
                        format!(
                            "there are {} saved views, as many as may be: delete one",
                            limits::SAVED_VIEWS_MAX
                        ),
                    ));
                }
                Ok(Decision::Put(RegistryBody::SavedView(SavedViewEntry {
                    name: name.into(),
                    filter: filter.into(),
                    description: description.into(),
                    created_ms: before.map_or(now_ms, |before| before.created_ms),
                    updated_ms: now_ms,
                })))
            })
            .await?;
        match saved {
            Some(RegistryBody::SavedView(entry)) => Ok(entry),
            _ => Err(no_view(name)),
        }
    }

    /// A saved view by its name.
    ///
    /// # Errors
    /// ResourceNotFound.
    pub(crate) async fn saved_view(&self, name: &str) -> Result<SavedViewEntry, ApiError> {
        let arn = saved_view_arn(name);
        if self.parts.registry.held(&arn).is_none() {
            self.read_registry().await?;
        }
        let held = self.parts.registry.held(&arn);
        match held.as_ref().map(|held| &held.body) {
            Some(RegistryBody::SavedView(entry)) => Ok(entry.clone()),
            _ => Err(no_view(name)),
        }
    }

    /// All saved views, by name.
    pub(crate) async fn saved_views(&self) -> Result<Vec<SavedViewEntry>, ApiError> {
        self.read_registry().await?;
        let held = self.parts.registry.held_under(SAVED_VIEWS);
        let entry = |body: &RegistryBody| match body {
            RegistryBody::SavedView(entry) => Some(entry.clone()),
            _ => None,
        };
        Ok(held
            .iter()
            .filter_map(|(_, held)| entry(&held.body))
            .collect())
    }

    /// Deletes a saved view; one that does not exist is deleted already.
    pub(crate) async fn delete_saved_view(&self, name: &str) -> Result<(), ApiError> {
        names::check_name(name)?;
        self.delete_held(&saved_view_arn(name)).await
    }

    fn count_saved_views(&self) -> usize {
        self.parts.registry.held_under(SAVED_VIEWS).len()
    }
}

fn no_view(name: &str) -> ApiError {
    ApiError::new(
        ErrorCode::ResourceNotFound,
        format!("there is no saved view '{name}'"),
    )
}
