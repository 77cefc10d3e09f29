//! DescribeConfigs, AlterConfigs, IncrementalAlterConfigs: settings of topics, and those of the broker to look at.

use kafka_protocol::ResponseError;
use kafka_protocol::messages::alter_configs_response::AlterConfigsResourceResponse as Altered;
use kafka_protocol::messages::describe_configs_request::DescribeConfigsResource;
use kafka_protocol::messages::describe_configs_response::{
    DescribeConfigsResourceResult, DescribeConfigsResult, DescribeConfigsSynonym,
};
use kafka_protocol::messages::incremental_alter_configs_response::AlterConfigsResourceResponse as IncrementallyAltered;
use kafka_protocol::messages::{
    AlterConfigsRequest, AlterConfigsResponse, DescribeConfigsRequest, DescribeConfigsResponse,
    IncrementalAlterConfigsRequest, IncrementalAlterConfigsResponse,
};
use kafka_protocol::protocol::StrBytes;

use super::broker_settings;
use super::config_edit::{self, Refusal};
use super::errors::explain;
use crate::log::{ConfigEntry, ConfigKind};
use crate::server::{Broker, NODE_ID};

/// Kinds of resources that have settings.
const TOPIC: i8 = 2;
const BROKER: i8 = 4;
/// Where a value comes from.
const SET_FOR_TOPIC: i8 = 1;
pub(super) const SET_AT_START: i8 = 4;
pub(super) const BY_DEFAULT: i8 = 5;
/// First version whose answer says the type of a value.
const TYPE_VERSION: i16 = 3;

/// Answers a DescribeConfigs.
pub(crate) fn describe(
    broker: &Broker,
    request: DescribeConfigsRequest,
    version: i16,
) -> DescribeConfigsResponse {
    let results = request.resources.into_iter().map(|resource| {
        let described = settings_of(broker, &resource, request.include_synonyms);
        let result = DescribeConfigsResult::default().with_resource_type(resource.resource_type);
        let result = match described {
            Ok(all) => {
                let asked = resource.configuration_keys.as_ref();
                let wanted = |entry: &DescribeConfigsResourceResult| {
                    asked.is_none_or(|keys| keys.contains(&entry.name))
                };
                let typed = |entry: DescribeConfigsResourceResult| {
                    let config_type = if version >= TYPE_VERSION {
                        entry.config_type
                    } else {
                        0
                    };
                    entry.with_config_type(config_type)
                };
                result.with_configs(all.into_iter().filter(wanted).map(typed).collect())
            }
            Err((error_code, message)) => result
                .with_error_code(error_code)
                .with_error_message(message),
        };
        result.with_resource_name(resource.resource_name)
    });
    DescribeConfigsResponse::default().with_results(results.collect())
}

fn settings_of(
    broker: &Broker,
    resource: &DescribeConfigsResource,
    synonyms: bool,
) -> Result<Vec<DescribeConfigsResourceResult>, Refusal> {
    match resource.resource_type {
        TOPIC => {
            let entries = broker
                .logs
                .config(&resource.resource_name)
                .map_err(|error| explain(&error))?;
            Ok(entries
                .into_iter()
                .map(|entry| describe_entry(entry, synonyms))
                .collect())
        }
        BROKER
            if resource.resource_name.is_empty()
                || *resource.resource_name == *NODE_ID.0.to_string() =>
        {
            Ok(broker_settings::all(broker))
        }
        _ => Err(no_such_resource(
            resource.resource_type,
            &resource.resource_name,
        )),
    }
}

fn describe_entry(entry: ConfigEntry, synonyms: bool) -> DescribeConfigsResourceResult {
    let synonym = |value: &str, source| {
        DescribeConfigsSynonym::default()
            .with_name(StrBytes::from_static_str(entry.name))
            .with_value(Some(value.to_owned().into()))
            .with_source(source)
    };
    let set = entry.is_set.then(|| synonym(&entry.value, SET_FOR_TOPIC));
    let all = set.into_iter().chain([synonym(&entry.default, BY_DEFAULT)]);
    DescribeConfigsResourceResult::default()
        .with_name(StrBytes::from_static_str(entry.name))
        .with_config_source(source_of(&entry))
        .with_config_type(type_of(entry.kind))
        .with_synonyms(if synonyms { all.collect() } else { Vec::new() })
        .with_value(Some(entry.value.into()))
}

/// Where a topic's setting comes from.
pub(super) fn source_of(entry: &ConfigEntry) -> i8 {
    if entry.is_set {
        SET_FOR_TOPIC
    } else {
        BY_DEFAULT
    }
}

/// Kafka's numbers for types of values (`ConfigDef.Type` as DescribeConfigs gives it).
pub(super) fn type_of(kind: ConfigKind) -> i8 {
    match kind {
        ConfigKind::Boolean => 1,
        ConfigKind::String => 2,
        ConfigKind::Int => 3,
        ConfigKind::Long => 5,
        ConfigKind::Double => 6,
        ConfigKind::List => 7,
    }
}

/// Answers an AlterConfigs: what is not named goes back to its default.
pub(crate) fn alter(broker: &Broker, request: AlterConfigsRequest) -> AlterConfigsResponse {
    let responses = request.resources.into_iter().map(|resource| {
        let done = topic_only(resource.resource_type, &resource.resource_name)
            .and_then(|()| config_edit::replace(broker, &resource, request.validate_only));
        let (error_code, message) = done.err().unwrap_or_default();
        Altered::default()
            .with_error_code(error_code)
            .with_error_message(message)
            .with_resource_type(resource.resource_type)
            .with_resource_name(resource.resource_name)
    });
    AlterConfigsResponse::default().with_responses(responses.collect())
}

/// Answers an IncrementalAlterConfigs (KIP-339).
pub(crate) fn alter_incrementally(
    broker: &Broker,
    request: IncrementalAlterConfigsRequest,
) -> IncrementalAlterConfigsResponse {
    let responses = request.resources.into_iter().map(|resource| {
        let done = topic_only(resource.resource_type, &resource.resource_name)
            .and_then(|()| config_edit::edit(broker, &resource, request.validate_only));
        let (error_code, message) = done.err().unwrap_or_default();
        IncrementallyAltered::default()
            .with_error_code(error_code)
            .with_error_message(message)
            .with_resource_type(resource.resource_type)
            .with_resource_name(resource.resource_name)
    });
    IncrementalAlterConfigsResponse::default().with_responses(responses.collect())
}

fn topic_only(resource_type: i8, name: &str) -> Result<(), Refusal> {
    match resource_type {
        TOPIC => Ok(()),
        BROKER => {
            let why = StrBytes::from_static_str(
                "the broker's settings are given at its start; they can't be altered",
            );
            Err((ResponseError::InvalidRequest.code(), Some(why)))
        }
        _ => Err(no_such_resource(resource_type, name)),
    }
}

fn no_such_resource(resource_type: i8, name: &str) -> Refusal {
    let why = format!(
        "no settings of resource type {resource_type}, name {name:?}; there are topics and broker {}",
        NODE_ID.0
    );
    (ResponseError::InvalidRequest.code(), Some(why.into()))
}
