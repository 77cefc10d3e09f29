//! Aliases: names for one version of a machine, or for two with weights.
//!
//! Owns: what an alias may be. Source: AWS API reference, CreateStateMachineAlias and UpdateStateMachineAlias.

use super::App;
use super::error::{ApiError, ErrorCode};
use super::names::{Qualifier, machine_ref};
use super::versions::{quota, version_arn};
use super::write::Decision;
use crate::{ids, limits};
use baton_schemas::registry::{AliasEntry, RegistryBody, Route};
use std::collections::BTreeSet;
use std::sync::Arc;

/// A route as a caller gives it: ARN of a version, and its weight.
pub type GivenRoute<'a> = (&'a str, u8);

impl App {
    /// CreateStateMachineAlias; the same alias again is the same alias.
    pub(crate) async fn create_alias(
        &self,
        name: &str,
        description: &str,
        routes: &[GivenRoute<'_>],
    ) -> Result<AliasEntry, ApiError> {
        self.read_registry().await?;
        let (machine, routes) = self.checked_routes(routes)?;
        let of = self.parts.registry.born(&machine);
        let of = of.ok_or_else(not_found)?;
        let now_ms = ids::now_ms();
        let entry = AliasEntry {
            machine: machine.clone(),
            of,
            name: name.into(),
            description: description.into(),
            routes,
            created_ms: now_ms,
            updated_ms: now_ms,
        };
        let arn: Arc<str> = alias_arn(&machine, name).into();
        let others = self.aliases_of(&machine).len();
        let written = self
            .change_held(&arn, |held| match held {
                Some(RegistryBody::Alias(old)) if old.of == of => {
                    if old.description == entry.description && old.routes == entry.routes {
                        return Ok(Decision::Keep);
                    }
                    Err(ApiError::new(
                        ErrorCode::ConflictException,
                        "Failed to create alias because an alias with the same name and a different routing configuration already exists.",
                    ))
                }
                _ if others >= limits::ALIASES_MAX => Err(quota("aliases", limits::ALIASES_MAX)),
                _ => Ok(Decision::Put(RegistryBody::Alias(entry.clone()))),
            })
            .await?;
        match written {
            Some(RegistryBody::Alias(entry)) => Ok(entry),
            _ => Err(not_found()),
        }
    }

    /// UpdateStateMachineAlias: what is absent stays.
    pub(crate) async fn update_alias(
        &self,
        arn: &str,
        description: Option<&str>,
        routes: Option<&[GivenRoute<'_>]>,
    ) -> Result<AliasEntry, ApiError> {
        let current = self.existing_alias(arn).await?;
        let routes = match routes {
            None => None,
            Some(given) => {
                let (machine, routes) = self.checked_routes(given)?;
                if machine != current.machine {
                    return Err(of_one_machine(given));
                }
                Some(routes)
            }
        };
        let now_ms = ids::now_ms();
        let written = self
            .change_held(&arn.into(), |held| {
                let Some(RegistryBody::Alias(old)) = held else {
                    return Err(not_found());
                };
                let mut entry = old.clone();
                if let Some(description) = description {
                    entry.description = description.into();
                }
                if let Some(routes) = &routes {
                    entry.routes.clone_from(routes);
                }
                entry.updated_ms = now_ms;
                Ok(Decision::Put(RegistryBody::Alias(entry)))
            })
            .await?;
        match written {
            Some(RegistryBody::Alias(entry)) => Ok(entry),
            _ => Err(not_found()),
        }
    }

    /// DeleteStateMachineAlias; one that does not exist is deleted already.
    pub(crate) async fn delete_alias(&self, arn: &str) -> Result<(), ApiError> {
        alias_name(arn)?;
        self.delete_held(arn).await
    }

    /// An alias by its ARN.
    ///
    /// # Errors
    /// ResourceNotFound.
    pub(crate) async fn existing_alias(&self, arn: &str) -> Result<AliasEntry, ApiError> {
        let (machine, name) = alias_name(arn)?;
        if let Some(found) = self.alias_of(machine, name) {
            return Ok(found);
        }
        self.read_registry().await?;
        self.alias_of(machine, name).ok_or_else(not_found)
    }

    /// A page of a machine's aliases in the order of their creation, behind `after` of them; of a version's ARN, only those
    /// that lead to it. And whether there are more.
    pub(crate) async fn list_aliases(
        &self,
        machine: &str,
        after: usize,
        limit: usize,
    ) -> Result<(Vec<AliasEntry>, bool), ApiError> {
        let parts = machine_ref(machine)?;
        self.read_registry().await?;
        self.existing_machine(parts.machine).await?;
        let mut aliases = self.aliases_of(parts.machine);
        match parts.qualifier {
            None => {}
            Some(Qualifier::Version(number)) => {
                aliases.retain(|alias| alias.routes.iter().any(|route| route.version == number));
            }
            Some(Qualifier::Alias(_)) => return Err(ApiError::no_machine(machine)),
        }
        let more = aliases.len() > after.saturating_add(limit);
        Ok((aliases.into_iter().skip(after).take(limit).collect(), more))
    }

    /// An alias that counts.
    pub(crate) fn alias_of(&self, machine: &str, name: &str) -> Option<AliasEntry> {
        let registry = &self.parts.registry;
        let held = registry.held(&alias_arn(machine, name))?;
        match &held.body {
            RegistryBody::Alias(entry) if registry.born(machine) == Some(entry.of) => {
                Some(entry.clone())
            }
            _ => None,
        }
    }

    /// All aliases of a machine that count, oldest first.
    pub(crate) fn aliases_of(&self, machine: &str) -> Vec<AliasEntry> {
        let registry = &self.parts.registry;
        let born = registry.born(machine);
        let mut aliases: Vec<AliasEntry> = registry
            .held_under(&format!("{machine}:"))
            .into_iter()
            .filter_map(|(_, held)| match &held.body {
                RegistryBody::Alias(entry) if Some(entry.of) == born => Some(entry.clone()),
                _ => None,
            })
            .collect();
        aliases.sort_by(|a, b| (a.created_ms, &a.name).cmp(&(b.created_ms, &b.name)));
        aliases
    }

    /// The machine that all routes belong to, and the routes; all versions must exist.
    fn checked_routes(&self, given: &[GivenRoute<'_>]) -> Result<(Arc<str>, Vec<Route>), ApiError> {
        let mut machines = BTreeSet::new();
        let mut routes = Vec::new();
        for (arn, weight) in given {
            let parts = machine_ref(arn)?;
            let Some(Qualifier::Version(version)) = parts.qualifier else {
                return Err(refused(
                    "Routing configuration must contain state machine version ARNs",
                    given,
                ));
            };
            machines.insert(parts.machine);
            routes.push(Route {
                version,
                weight: *weight,
            });
        }
        let [machine] = machines.into_iter().collect::<Vec<_>>()[..] else {
            return Err(of_one_machine(given));
        };
        let weights: u32 = routes.iter().map(|route| u32::from(route.weight)).sum();
        if weights != 100 {
            let all: Vec<String> = given.iter().map(|(_, w)| w.to_string()).collect();
            return Err(ApiError::validation(format!(
                "Sum of routing configuration weights must equal 100. Received: [{}]",
                all.join(", ")
            )));
        }
        if let [a, b] = &routes[..]
            && a.version == b.version
        {
            return Err(refused(
                "Routing configuration must contain distinct state machine version ARNs",
                given,
            ));
        }
        if routes
            .iter()
            .any(|route| self.version_of(machine, route.version).is_none())
        {
            return Err(not_found());
        }
        Ok((machine.into(), routes))
    }
}

/// ARN of an alias.
pub fn alias_arn(machine: &str, name: &str) -> String {
    format!("{machine}:{name}")
}

/// The routes of an alias with the ARNs of their versions.
pub fn routes_of(alias: &AliasEntry) -> impl Iterator<Item = (String, u8)> {
    alias
        .routes
        .iter()
        .map(|route| (version_arn(&alias.machine, route.version), route.weight))
}

/// Whether AWS takes this name for an alias: letters, digits, `_-.`, and not digits alone.
pub fn is_alias_name(name: &str) -> bool {
    let allowed = |b: u8| b.is_ascii_alphanumeric() || b"_-.".contains(&b);
    name.bytes().all(allowed) && name.bytes().any(|b| !b.is_ascii_digit())
}

fn alias_name(arn: &str) -> Result<(&str, &str), ApiError> {
    let parts = machine_ref(arn)?;
    match parts.qualifier {
        Some(Qualifier::Alias(name)) => Ok((parts.machine, name)),
        _ => Err(ApiError::validation(format!(
            "Value '{arn}' at 'stateMachineAliasArn' is not the ARN of a state machine alias"
        ))),
    }
}

fn of_one_machine(given: &[GivenRoute<'_>]) -> ApiError {
    refused(
        "Routing configuration must contain versions of one state machine",
        given,
    )
}

fn refused(what: &str, given: &[GivenRoute<'_>]) -> ApiError {
    let arns: Vec<&str> = given.iter().map(|(arn, _)| *arn).collect();
    ApiError::validation(format!("{what}. Received: [{}]", arns.join(", ")))
}

/// AWS's words for an alias or version that is not there.
fn not_found() -> ApiError {
    ApiError::new(
        ErrorCode::ResourceNotFound,
        "Request references a resource that does not exist.",
    )
}
