//! Create, update, delete, describe and list state machines.

use super::error::{ApiError, ErrorCode};
use super::write::Decision;
use super::{App, names, validate};
use crate::ids;
use baton_engine::attributes::Attributes;
use baton_engine::{Definition, Definitions};
use baton_schemas::arn::{arn_hash, state_machine_arn};
use baton_schemas::registry::{RegistryBody, SearchAttribute, StateMachineEntry};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::sync::Arc;

/// What CreateStateMachine is given.
#[derive(Clone, Debug)]
pub struct NewMachine<'a> {
    /// Name.
    pub name: &'a str,
    /// ASL text.
    pub definition: &'a str,
    /// Role ARN, kept for AWS clients.
    pub role_arn: &'a str,
    /// `STANDARD` or `EXPRESS`.
    pub kind: &'a str,
    /// `loggingConfiguration`, `tracingConfiguration` and `tags` as given.
    pub settings: Value,
    /// What its executions can be searched by; `None` if the caller doesn't know of that.
    pub search_attributes: Option<Declared>,
    /// The description of the version to publish, if one is to be published.
    pub publish: Option<&'a str>,
}

/// What UpdateStateMachine is given; what is absent stays.
#[derive(Clone, Debug, Default)]
pub struct MachineUpdate<'a> {
    /// ASL text.
    pub definition: Option<&'a str>,
    /// Role ARN.
    pub role_arn: Option<&'a str>,
    /// `loggingConfiguration`.
    pub logging: Option<Value>,
    /// `tracingConfiguration`.
    pub tracing: Option<Value>,
    /// `encryptionConfiguration`.
    pub encryption: Option<Value>,
    /// What its executions can be searched by; for executions that start from then on.
    pub search_attributes: Option<Declared>,
}

/// Search attributes of a machine, by name.
pub type Declared = BTreeMap<Arc<str>, SearchAttribute>;

/// Key in the settings: when the machine was last updated, milliseconds since the epoch.
const UPDATED_MS: &str = "updatedMs";
/// Key in the settings: the description of the version that was to be published with the creation.
const PUBLISH: &str = "publish";
/// Keys of settings that an update may change.
const UPDATABLE: [&str; 3] = [
    "loggingConfiguration",
    "tracingConfiguration",
    "encryptionConfiguration",
];

impl App {
    /// The ARN of the machine `name` on this Baton.
    pub(crate) fn machine_arn(&self, name: &str) -> Arc<str> {
        state_machine_arn(&self.settings.region, &self.settings.account, name)
    }

    /// Creates a machine; returns it and whether it is new. The same name with the same definition, type, logging and
    /// tracing is the same machine, whatever its role and tags (AWS API reference, CreateStateMachine).
    pub(crate) async fn create_machine(
        &self,
        new: NewMachine<'_>,
    ) -> Result<(Arc<Definition>, bool), ApiError> {
        names::check_name(new.name)?;
        check_logging(&new.settings["loggingConfiguration"])?;
        check_attributes(new.search_attributes.as_ref())?;
        let program = validate::checked(new.definition, new.kind)?;
        let arn = self.machine_arn(new.name);
        tracing::Span::current().record("state_machine.name", new.name);
        self.ensure_queues(&program, new.definition).await?;
        let created_ms = ids::now_ms();
        let entry = StateMachineEntry {
            name: new.name.into(),
            definition: new.definition.into(),
            role_arn: new.role_arn.into(),
            kind: new.kind.into(),
            created_ms,
            settings: match new.publish {
                None => new.settings,
                Some(description) => with_publish(new.settings, description),
            },
            search_attributes: new.search_attributes.clone().unwrap_or_default(),
        };
        let declared = new.search_attributes;
        let fresh = std::sync::atomic::AtomicBool::new(false);
        let definition = self
            .change(&arn, |current| {
                fresh.store(current.is_none(), std::sync::atomic::Ordering::Relaxed);
                match current {
                    None => Ok(Decision::Put(RegistryBody::StateMachine(entry.clone()))),
                    Some(current)
                        if is_same(&current.entry, &entry)
                            && declared
                                .as_ref()
                                .is_none_or(|all| *all == current.entry.search_attributes) =>
                    {
                        Ok(Decision::Keep)
                    }
                    Some(_) => Err(ApiError::new(
                        ErrorCode::StateMachineAlreadyExists,
                        format!("State Machine Already Exists: '{arn}'"),
                    )),
                }
            })
            .await?;
        let definition = definition.ok_or_else(|| ApiError::no_machine(&arn))?;
        Ok((definition, fresh.into_inner()))
    }

    /// Updates a machine. Executions that run keep their revision; an update that changes nothing makes none.
    pub(crate) async fn update_machine(
        &self,
        arn: &str,
        update: MachineUpdate<'_>,
    ) -> Result<Arc<Definition>, ApiError> {
        names::check_machine_arn(arn)?;
        if update.definition.is_none()
            && update.role_arn.is_none()
            && update.logging.is_none()
            && update.tracing.is_none()
            && update.encryption.is_none()
            && update.search_attributes.is_none()
        {
            return Err(ApiError::new(
                ErrorCode::MissingRequiredParameter,
                "Either the definition, the role ARN, the LoggingConfiguration, or the TracingConfiguration must be specified",
            ));
        }
        check_logging(update.logging.as_ref().unwrap_or(&Value::Null))?;
        check_attributes(update.search_attributes.as_ref())?;
        let machine = self.existing_machine(arn).await?;
        if let Some(definition) = update.definition {
            let program = validate::checked(definition, &machine.entry.kind)?;
            self.ensure_queues(&program, definition).await?;
        }
        let arn: Arc<str> = arn.into();
        let now_ms = ids::now_ms();
        let updated = self
            .change(&arn, |current| {
                let current = current.ok_or_else(|| ApiError::no_machine(&arn))?;
                Ok(match updated(&current.entry, &update, now_ms) {
                    None => Decision::Keep,
                    Some(entry) => Decision::Put(RegistryBody::StateMachine(entry)),
                })
            })
            .await?;
        updated.ok_or_else(|| ApiError::no_machine(&arn))
    }

    /// Deletes a machine, its versions and its aliases; one that does not exist is deleted already. Executions that run
    /// go on.
    pub(crate) async fn delete_machine(&self, arn: &str) -> Result<(), ApiError> {
        if names::machine_ref(arn)?.qualifier.is_some() {
            return Err(ApiError::validation(format!(
                "Value '{arn}' at 'stateMachineArn' must be the ARN of a state machine, not of a version or alias"
            )));
        }
        let arn: Arc<str> = arn.into();
        self.change(&arn, |current| {
            Ok(match current {
                None => Decision::Keep,
                Some(_) => Decision::Put(RegistryBody::Deleted),
            })
        })
        .await?;
        Ok(())
    }

    /// The definition that an execution runs.
    pub(crate) async fn machine_of_execution(
        &self,
        execution: &str,
    ) -> Result<Arc<Definition>, ApiError> {
        let view = self.describe(execution).await?;
        if self.parts.registry.revision(view.revision).is_none() {
            self.read_registry().await?;
        }
        let found = self.parts.registry.revision(view.revision);
        found.ok_or_else(|| ApiError::no_machine(&view.machine))
    }

    /// A page of machines in the order of their ARNs, after `after`; and where the next one begins.
    pub(crate) async fn list_machines(
        &self,
        after: Option<&str>,
        limit: usize,
    ) -> Result<(Vec<Arc<Definition>>, Option<Arc<str>>), ApiError> {
        self.read_registry().await?;
        let mut all = self.parts.registry.machines();
        all.sort_by(|a, b| a.arn.cmp(&b.arn));
        all.retain(|machine| after.is_none_or(|after| &*machine.arn > after));
        let more = all.len() > limit;
        all.truncate(limit);
        let next = all.last().filter(|_| more).map(|last| last.arn.clone());
        Ok((all, next))
    }
}

/// AWS's `revisionId`: nothing for a machine that was never updated.
pub fn revision_id(definition: &Definition) -> Option<String> {
    updated_ms(&definition.entry)?;
    let bits = arn_hash(&format!("{}#{}", definition.arn, definition.revision));
    Some(ids::uuid_of(bits))
}

/// The encryption as AWS describes it.
pub fn encryption_of(settings: &Value) -> Value {
    match &settings["encryptionConfiguration"] {
        Value::Null => json!({"type": "AWS_OWNED_KEY"}),
        given => given.clone(),
    }
}

/// When a machine was last updated, milliseconds since the epoch.
pub fn updated_ms(entry: &StateMachineEntry) -> Option<i64> {
    entry.settings.get(UPDATED_MS).and_then(Value::as_i64)
}

/// The logging configuration as AWS describes it: with the defaults of what was left out.
pub fn logging_of(entry: &StateMachineEntry) -> Value {
    let mut logging = json!({"includeExecutionData": false, "level": "OFF"});
    if let Some(given) = entry.settings["loggingConfiguration"].as_object() {
        for (key, value) in given {
            logging[key] = value.clone();
        }
    }
    logging
}

/// The tracing configuration as AWS describes it.
pub fn tracing_of(entry: &StateMachineEntry) -> Value {
    match &entry.settings["tracingConfiguration"] {
        Value::Object(given) if given.contains_key("enabled") => Value::Object(given.clone()),
        _ => json!({"enabled": false}),
    }
}

/// The entry after an update; `None` if it is as before.
fn updated(
    current: &StateMachineEntry,
    update: &MachineUpdate<'_>,
    now_ms: i64,
) -> Option<StateMachineEntry> {
    let mut entry = current.clone();
    if let Some(definition) = update.definition {
        entry.definition = definition.into();
    }
    if let Some(role_arn) = update.role_arn {
        entry.role_arn = role_arn.into();
    }
    if let Some(declared) = &update.search_attributes {
        entry.search_attributes.clone_from(declared);
    }
    let mut settings = match entry.settings {
        Value::Object(settings) => settings,
        _ => serde_json::Map::new(),
    };
    let given = [&update.logging, &update.tracing, &update.encryption];
    for (key, value) in UPDATABLE.iter().zip(given) {
        if let Some(value) = value {
            settings.insert((*key).to_owned(), value.clone());
        }
    }
    entry.settings = Value::Object(settings);
    if entry.definition == current.definition
        && entry.role_arn == current.role_arn
        && logging_of(&entry) == logging_of(current)
        && tracing_of(&entry) == tracing_of(current)
        && encryption_of(&entry.settings) == encryption_of(&current.settings)
        && entry.search_attributes == current.search_attributes
    {
        return None;
    }
    entry.settings[UPDATED_MS] = now_ms.into();
    Some(entry)
}

fn is_same(current: &StateMachineEntry, new: &StateMachineEntry) -> bool {
    current.definition == new.definition
        && current.kind == new.kind
        && logging_of(current) == logging_of(new)
        && tracing_of(current) == tracing_of(new)
        && encryption_of(&current.settings) == encryption_of(&new.settings)
        && current.settings[PUBLISH] == new.settings[PUBLISH]
}

/// The settings with what decides, beside the definition, whether a repeated creation is the same.
fn with_publish(mut settings: Value, description: &str) -> Value {
    if let Value::Object(fields) = &mut settings {
        fields.insert(PUBLISH.to_owned(), description.into());
    }
    settings
}

fn check_attributes(declared: Option<&Declared>) -> Result<(), ApiError> {
    match declared.map(Attributes::compile) {
        Some(Err(why)) => Err(ApiError::validation(why)),
        _ => Ok(()),
    }
}

/// AWS wants exactly one destination unless the level is `OFF`.
fn check_logging(logging: &Value) -> Result<(), ApiError> {
    let level = logging["level"].as_str().unwrap_or("OFF");
    let destinations = logging["destinations"].as_array().map_or(0, Vec::len);
    if level != "OFF" && destinations != 1 {
        return Err(ApiError::new(
            ErrorCode::InvalidLoggingConfiguration,
            "Invalid Logging Configuration: Must specify exactly one Log Destination.",
        ));
    }
    Ok(())
}
