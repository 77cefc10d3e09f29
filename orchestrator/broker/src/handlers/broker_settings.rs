//! The broker's own settings under Kafka's names, for tools and for checks by clients. They can only be read.

use kafka_protocol::messages::describe_configs_response::DescribeConfigsResourceResult;
use kafka_protocol::protocol::StrBytes;

use super::configs::{BY_DEFAULT, SET_AT_START, type_of};
use crate::log::ConfigKind::{Boolean, Int, Long, String as Text};
use crate::server::limits::{
    FETCH_BYTES_MAX, OFFSET_METADATA_BYTES_MAX, OFFSETS_KEPT_MS, SESSION_TIMEOUT_MS_MAX,
    SESSION_TIMEOUT_MS_MIN,
};
use crate::server::{Broker, NODE_ID};

const MINUTE_MS: i64 = 60_000;

/// All of them.
pub(super) fn all(broker: &Broker) -> Vec<DescribeConfigsResourceResult> {
    let settings = &broker.settings;
    let given = [
        ("node.id", NODE_ID.0.to_string(), Int),
        ("broker.id", NODE_ID.0.to_string(), Int),
        ("log.dirs", settings.data_dir.display().to_string(), Text),
        (
            "auto.create.topics.enable",
            settings.auto_create_topics.to_string(),
            Boolean,
        ),
        (
            "num.partitions",
            settings.default_partitions.to_string(),
            Int,
        ),
        (
            "socket.request.max.bytes",
            settings.request_bytes_max.to_string(),
            Int,
        ),
        ("max.connections", settings.connections_max.to_string(), Int),
        // Kafka's nearest words for a sync before every acknowledgement.
        (
            "log.flush.interval.messages",
            if settings.fsync {
                "1".to_owned()
            } else {
                i64::MAX.to_string()
            },
            Long,
        ),
    ];
    let fixed = [
        ("default.replication.factor", "1".to_owned(), Int),
        ("offsets.topic.replication.factor", "1".to_owned(), Int),
        ("min.insync.replicas", "1".to_owned(), Int),
        (
            "unclean.leader.election.enable",
            "false".to_owned(),
            Boolean,
        ),
        ("delete.topic.enable", "true".to_owned(), Boolean),
        ("compression.type", "producer".to_owned(), Text),
        ("fetch.max.bytes", FETCH_BYTES_MAX.to_string(), Int),
        (
            "group.min.session.timeout.ms",
            SESSION_TIMEOUT_MS_MIN.to_string(),
            Int,
        ),
        (
            "group.max.session.timeout.ms",
            SESSION_TIMEOUT_MS_MAX.to_string(),
            Int,
        ),
        ("group.initial.rebalance.delay.ms", "0".to_owned(), Int),
        (
            "offset.metadata.max.bytes",
            OFFSET_METADATA_BYTES_MAX.to_string(),
            Int,
        ),
        (
            "offsets.retention.minutes",
            (OFFSETS_KEPT_MS / MINUTE_MS).to_string(),
            Int,
        ),
    ];
    let given = given
        .into_iter()
        .map(|(name, value, kind)| (name, value, kind, SET_AT_START));
    let fixed = fixed
        .into_iter()
        .map(|(name, value, kind)| (name, value, kind, BY_DEFAULT));
    let described = given.chain(fixed).map(|(name, value, kind, source)| {
        DescribeConfigsResourceResult::default()
            .with_name(StrBytes::from_static_str(name))
            .with_value(Some(value.into()))
            .with_read_only(true)
            .with_config_source(source)
            .with_config_type(type_of(kind))
    });
    described.collect()
}
