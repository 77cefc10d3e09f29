//! From the two ways to alter settings to the one that the log knows: names to set or to unset.

use std::collections::BTreeMap;

use kafka_protocol::ResponseError;
use kafka_protocol::messages::alter_configs_request::AlterConfigsResource;
use kafka_protocol::messages::incremental_alter_configs_request::{
    AlterConfigsResource as EditedResource, AlterableConfig,
};
use kafka_protocol::protocol::StrBytes;

use super::errors::explain;
use crate::log::{ConfigEntry, ConfigKind};
use crate::server::Broker;

/// What is done to one setting (KIP-339).
const SET: i8 = 0;
const DELETE: i8 = 1;
const APPEND: i8 = 2;
const SUBTRACT: i8 = 3;

/// Error code and message.
pub(super) type Refusal = (i16, Option<StrBytes>);
type Changes = BTreeMap<String, Option<String>>;

/// All settings of the topic are replaced: those not named go back to their defaults.
pub(super) fn replace(
    broker: &Broker,
    resource: &AlterConfigsResource,
    check_only: bool,
) -> Result<(), Refusal> {
    let entries = current(broker, &resource.resource_name)?;
    let set = entries.iter().filter(|entry| entry.is_set);
    let mut changes: Changes = set.map(|entry| (entry.name.to_owned(), None)).collect();
    for config in &resource.configs {
        changes.insert(
            config.name.to_string(),
            config.value.as_ref().map(ToString::to_string),
        );
    }
    apply(broker, &resource.resource_name, &changes, check_only)
}

/// Single settings are set, unset, or have words added and taken away.
pub(super) fn edit(
    broker: &Broker,
    resource: &EditedResource,
    check_only: bool,
) -> Result<(), Refusal> {
    let entries = current(broker, &resource.resource_name)?;
    let mut changes = Changes::new();
    for config in &resource.configs {
        let value = edited(&entries, config)?;
        if changes.insert(config.name.to_string(), value).is_some() {
            return Err(invalid(format!(
                "{} is altered twice in one request",
                config.name
            )));
        }
    }
    apply(broker, &resource.resource_name, &changes, check_only)
}

/// The new value of a setting; none means its default.
fn edited(entries: &[ConfigEntry], config: &AlterableConfig) -> Result<Option<String>, Refusal> {
    let given = config.value.as_ref().map(ToString::to_string);
    let needed = || {
        given
            .clone()
            .ok_or_else(|| invalid(format!("{} needs a value", config.name)))
    };
    match config.config_operation {
        SET => needed().map(Some),
        DELETE => Ok(None),
        APPEND | SUBTRACT => {
            let entry = entries
                .iter()
                .find(|entry| *entry.name == *config.name && entry.kind == ConfigKind::List);
            let entry = entry
                .ok_or_else(|| invalid(format!("{} is not a list; set it instead", config.name)))?;
            let given = needed()?;
            let asked: Vec<&str> = words(&given).collect();
            let mut left: Vec<&str> = words(&entry.value)
                .filter(|word| !asked.contains(word))
                .collect();
            if config.config_operation == APPEND {
                left.extend(asked);
            }
            Ok(Some(left.join(",")))
        }
        other => Err(invalid(format!("{other} is no operation on a setting"))),
    }
}

fn words(list: &str) -> impl Iterator<Item = &str> {
    list.split(',')
        .map(str::trim)
        .filter(|word| !word.is_empty())
}

fn current(broker: &Broker, topic: &str) -> Result<Vec<ConfigEntry>, Refusal> {
    broker.logs.config(topic).map_err(|error| explain(&error))
}

fn apply(broker: &Broker, topic: &str, changes: &Changes, check_only: bool) -> Result<(), Refusal> {
    broker
        .logs
        .alter_config(topic, changes, check_only)
        .map_err(|error| explain(&error))
}

fn invalid(why: String) -> Refusal {
    (ResponseError::InvalidConfig.code(), Some(why.into()))
}
