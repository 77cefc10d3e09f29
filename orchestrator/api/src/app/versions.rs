//! Versions: publish, list, delete, and what a start with a version or alias runs.
//!
//! Owns: which number a version gets, and which version an alias leads to. A version is a number for a revision; it
//! counts as long as the machine that it was published of has not been deleted.

use super::error::{ApiError, ErrorCode};
use super::names::{MachineRef, Qualifier, machine_ref};
use super::write::Decision;
use super::{App, machines};
use crate::{ids, limits};
use baton_engine::{Definition, Definitions};
use baton_schemas::arn::{arn_hash, execution_arn};
use baton_schemas::registry::{RegistryBody, Route, VersionEntry};
use std::sync::Arc;

/// What a start runs.
pub struct Target {
    /// The definition.
    pub definition: Arc<Definition>,
    /// What was named: `3` for a version, `live:3` for an alias and where it led; `None` for the machine itself.
    pub qualifier: Option<Arc<str>>,
}

impl App {
    /// PublishStateMachineVersion. The same revision has one version, however often it is published.
    ///
    /// # Errors
    /// ConflictException when `revision_id` is not the current one (AWS's words).
    pub(crate) async fn publish_current(
        &self,
        machine: &str,
        revision_id: Option<&str>,
        description: &str,
    ) -> Result<VersionEntry, ApiError> {
        self.read_registry().await?;
        let definition = self.existing_machine(machine).await?;
        let current = machines::revision_id(&definition);
        // AWS's name for the revision of a machine that was never updated.
        let current = current.as_deref().unwrap_or("INITIAL");
        if let Some(wanted) = revision_id.filter(|wanted| *wanted != current) {
            let message = format!(
                "Failed to publish the State Machine version for revision {wanted}. The current State Machine revision is {current}."
            );
            return Err(ApiError::new(ErrorCode::ConflictException, message));
        }
        self.publish(&definition, description).await
    }

    /// Gives this revision a version, unless it has one.
    pub(crate) async fn publish(
        &self,
        definition: &Definition,
        description: &str,
    ) -> Result<VersionEntry, ApiError> {
        let machine = &definition.arn;
        self.read_registry().await?;
        for _ in 0..limits::WRITE_TRIES {
            let registry = &self.parts.registry;
            let of = registry.born(machine);
            let of = of.ok_or_else(|| ApiError::no_machine(machine))?;
            let versions = self.versions_of(machine);
            if let Some(found) = versions.iter().find(|v| v.revision == definition.revision) {
                return Ok(found.clone());
            }
            if versions.len() >= limits::VERSIONS_MAX {
                return Err(quota("versions", limits::VERSIONS_MAX));
            }
            let entry = VersionEntry {
                machine: machine.clone(),
                of,
                number: registry.highest_version(machine) + 1,
                revision: definition.revision,
                description: description.into(),
                created_ms: ids::now_ms(),
            };
            let arn: Arc<str> = version_arn(machine, entry.number).into();
            let wanted = RegistryBody::Version(entry.clone());
            let written = self
                .change_held(&arn, |held| match held {
                    // A version of a machine of this name that is gone by now is in nobody's way.
                    Some(RegistryBody::Version(old)) if old.of == of => Ok(Decision::Keep),
                    _ => Ok(Decision::Put(wanted.clone())),
                })
                .await?;
            if written.as_ref() == Some(&wanted) && registry.born(machine) == Some(of) {
                return Ok(entry);
            }
        }
        let message = format!(
            "{machine}: others published {} versions in a row; try again",
            limits::WRITE_TRIES
        );
        Err(ApiError::new(ErrorCode::ConflictException, message))
    }

    /// A page of versions, newest first, below `before`; and whether there are more.
    pub(crate) async fn list_versions(
        &self,
        machine: &str,
        before: Option<u64>,
        limit: usize,
    ) -> Result<(Vec<VersionEntry>, bool), ApiError> {
        self.read_registry().await?;
        self.existing_machine(machine).await?;
        let mut versions = self.versions_of(machine);
        versions.retain(|version| before.is_none_or(|before| version.number < before));
        versions.reverse();
        let more = versions.len() > limit;
        versions.truncate(limit);
        Ok((versions, more))
    }

    /// DeleteStateMachineVersion; one that does not exist is deleted already. Executions that run go on.
    ///
    /// # Errors
    /// ConflictException while an alias leads to it.
    pub(crate) async fn delete_version(&self, arn: &str) -> Result<(), ApiError> {
        let parts = machine_ref(arn)?;
        let Some(Qualifier::Version(number)) = parts.qualifier else {
            return Err(ApiError::validation(format!(
                "Value '{arn}' at 'stateMachineVersionArn' is not the ARN of a state machine version"
            )));
        };
        self.read_registry().await?;
        let aliases = self.aliases_of(parts.machine);
        let using: Vec<&str> = aliases
            .iter()
            .filter(|alias| alias.routes.iter().any(|route| route.version == number))
            .map(|alias| &*alias.name)
            .collect();
        if !using.is_empty() {
            let message = format!(
                "Version to be deleted must not be referenced by an alias. Current list of aliases referencing this version: [{}]",
                using.join(", ")
            );
            return Err(ApiError::new(ErrorCode::ConflictException, message));
        }
        self.delete_held(arn).await
    }

    /// A version that counts.
    pub(crate) fn version_of(&self, machine: &str, number: u64) -> Option<VersionEntry> {
        let registry = &self.parts.registry;
        let held = registry.held(&version_arn(machine, number))?;
        match &held.body {
            RegistryBody::Version(entry) if registry.born(machine) == Some(entry.of) => {
                Some(entry.clone())
            }
            _ => None,
        }
    }

    /// All versions of a machine that count, lowest number first.
    fn versions_of(&self, machine: &str) -> Vec<VersionEntry> {
        let registry = &self.parts.registry;
        let born = registry.born(machine);
        let mut versions: Vec<VersionEntry> = registry
            .held_under(&format!("{machine}:"))
            .into_iter()
            .filter_map(|(_, held)| match &held.body {
                RegistryBody::Version(entry) if Some(entry.of) == born => Some(entry.clone()),
                _ => None,
            })
            .collect();
        versions.sort_by_key(|version| version.number);
        versions
    }

    /// What a start of `arn` under this execution name runs; an alias leads to the same version each time for one name.
    pub(crate) async fn target(&self, arn: &str, name: &str) -> Result<Target, ApiError> {
        let parts = machine_ref(arn)?;
        let found = self.target_now(&parts, name);
        let found = match found {
            Some(found) => Some(found),
            None => {
                self.read_registry().await?;
                self.target_now(&parts, name)
            }
        };
        found.ok_or_else(|| ApiError::no_machine(arn))
    }

    fn target_now(&self, parts: &MachineRef<'_>, name: &str) -> Option<Target> {
        let registry = &self.parts.registry;
        let (number, qualifier) = match parts.qualifier {
            None => {
                let definition = registry.current(parts.machine)?;
                return Some(Target {
                    definition,
                    qualifier: None,
                });
            }
            Some(Qualifier::Version(number)) => (number, number.to_string()),
            Some(Qualifier::Alias(alias)) => {
                let entry = self.alias_of(parts.machine, alias)?;
                let number = route(&entry.routes, parts.machine, name)?;
                (number, format!("{alias}:{number}"))
            }
        };
        let version = self.version_of(parts.machine, number)?;
        Some(Target {
            definition: registry.revision(version.revision)?,
            qualifier: Some(qualifier.into()),
        })
    }
}

/// ARN of a version.
pub fn version_arn(machine: &str, number: u64) -> String {
    format!("{machine}:{number}")
}

/// AWS's error for a bound on what a machine may have.
pub fn quota(what: &str, max: usize) -> ApiError {
    ApiError::new(
        ErrorCode::ServiceQuotaExceededException,
        format!("a state machine has at most {max} {what}: delete some that are not needed"),
    )
}

/// The version that the execution `name` gets: by its hash, so that repeating a start is the same start.
fn route(routes: &[Route], machine: &str, name: &str) -> Option<u64> {
    let execution = execution_arn(machine, name)?;
    let mut point = u8::try_from(arn_hash(&execution) % 100).ok()?;
    for route in routes {
        if point < route.weight {
            return Some(route.version);
        }
        point -= route.weight;
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    const MACHINE: &str = "arn:aws:states:us-east-1:000000000000:stateMachine:m";

    fn share_of_first(weights: [u8; 2]) -> usize {
        let routes: Vec<Route> = (1..)
            .zip(weights)
            .map(|(version, weight)| Route { version, weight })
            .collect();
        let first = |n: &u32| route(&routes, MACHINE, &format!("e-{n}")) == Some(1);
        (0..10_000).filter(first).count()
    }

    #[test]
    fn an_alias_shares_executions_by_weight_and_a_name_goes_the_same_way() {
        assert_eq!(share_of_first([100, 0]), 10_000);
        assert_eq!(share_of_first([0, 100]), 0);
        let share = share_of_first([20, 80]);
        assert!((1_800..=2_200).contains(&share), "{share}");
        assert_eq!(share_of_first([20, 80]), share);
    }
}
