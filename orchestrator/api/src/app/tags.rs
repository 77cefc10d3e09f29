//! Tags of state machines and activities.
//!
//! Those of the creation stand with the resource; once changed, all stand in a registry entry of their own, so that
//! tagging makes no revision.

use super::App;
use super::error::{ApiError, ErrorCode};
use super::names::{self, machine_ref};
use super::write::Decision;
use crate::limits;
use baton_engine::Definitions;
use baton_schemas::registry::{RegistryBody, Tag, TagsEntry};
use serde_json::Value;
use std::sync::Arc;

impl App {
    /// The tags of a machine or activity, in the order in which they were set.
    ///
    /// # Errors
    /// InvalidArn; ResourceNotFound (AWS's words), also for versions and aliases, which have none.
    pub(crate) async fn tags(&self, resource: &str) -> Result<Vec<Tag>, ApiError> {
        self.tagged(resource).await.map(|(_, tags)| tags)
    }

    /// TagResource: new values of tags that are there take the place of the old ones.
    pub(crate) async fn tag(&self, resource: &str, new: &[Tag]) -> Result<(), ApiError> {
        self.retag(resource, |tags| {
            for tag in new {
                match tags.iter_mut().find(|old| old.key == tag.key) {
                    Some(old) => old.value = tag.value.clone(),
                    None => tags.push(tag.clone()),
                }
            }
        })
        .await
    }

    /// UntagResource: keys that are not there are no error.
    pub(crate) async fn untag(&self, resource: &str, keys: &[&str]) -> Result<(), ApiError> {
        self.retag(resource, |tags| {
            tags.retain(|tag| !keys.contains(&&*tag.key));
        })
        .await
    }

    async fn retag(&self, resource: &str, change: impl Fn(&mut Vec<Tag>)) -> Result<(), ApiError> {
        let (of, before) = self.tagged(resource).await?;
        let arn: Arc<str> = tags_arn(resource).into();
        self.change_held(&arn, |held| {
            let old = match held {
                Some(RegistryBody::Tags(entry)) if entry.of == of => &entry.tags,
                _ => &before,
            };
            let mut tags = old.clone();
            change(&mut tags);
            if tags == *old {
                return Ok(Decision::Keep);
            }
            if tags.len() > limits::TAGS_MAX {
                let message = format!(
                    "'{resource}' would have more than {} tags",
                    limits::TAGS_MAX
                );
                return Err(ApiError::new(ErrorCode::TooManyTags, message));
            }
            Ok(Decision::Put(RegistryBody::Tags(TagsEntry { of, tags })))
        })
        .await?;
        Ok(())
    }

    /// The offset that created the resource, and its tags.
    async fn tagged(&self, resource: &str) -> Result<(i64, Vec<Tag>), ApiError> {
        self.read_registry().await?;
        let missing = || {
            ApiError::new(
                ErrorCode::ResourceNotFound,
                format!("Resource not found: '{resource}'"),
            )
        };
        let registry = &self.parts.registry;
        let settings = if names::activity_name(resource).is_ok() {
            match registry.held(resource).map(|held| held.body.clone()) {
                Some(RegistryBody::Activity(entry)) => entry.settings,
                _ => return Err(missing()),
            }
        } else {
            let parts = machine_ref(resource)?;
            let found = registry.current(parts.machine);
            let found = found.filter(|_| parts.qualifier.is_none());
            found.ok_or_else(missing)?.entry.settings.clone()
        };
        let of = registry.born(resource).ok_or_else(missing)?;
        let held = registry.held(&tags_arn(resource));
        Ok(match held.as_ref().map(|held| &held.body) {
            Some(RegistryBody::Tags(entry)) if entry.of == of => (of, entry.tags.clone()),
            _ => (of, given(&settings["tags"])),
        })
    }
}

/// Tags as AWS's API gives them: a list of `{"key", "value"}`. A key that comes again counts once, with its last value.
pub fn given(list: &Value) -> Vec<Tag> {
    let mut tags: Vec<Tag> = Vec::new();
    for item in list.as_array().into_iter().flatten() {
        let text = |name: &str| -> Arc<str> { item[name].as_str().unwrap_or_default().into() };
        let (key, value) = (text("key"), text("value"));
        match tags.iter_mut().find(|tag| tag.key == key) {
            Some(tag) => tag.value = value,
            None => tags.push(Tag { key, value }),
        }
    }
    tags
}

fn tags_arn(resource: &str) -> String {
    format!("{resource}#tags")
}
