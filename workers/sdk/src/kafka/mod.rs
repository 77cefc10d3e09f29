//! The Kafka side of a worker: the only module that knows rdkafka.
//!
//! One consumer and thread per queue ([`queue`]), one producer for all ([`producer`]), one consumer of the control
//! topic ([`control`]).

pub mod config;
pub mod control;
pub mod message;
pub mod producer;
pub mod queue;
mod rebalance;
pub mod requests;

use rdkafka::config::RDKafkaLogLevel;
use rdkafka::error::KafkaError;

/// Passes librdkafka's log lines on to `tracing`.
pub fn log(level: RDKafkaLogLevel, facility: &str, message: &str) {
    match level {
        RDKafkaLogLevel::Emerg
        | RDKafkaLogLevel::Alert
        | RDKafkaLogLevel::Critical
        | RDKafkaLogLevel::Error => {
            tracing::error!(target: "librdkafka", facility, "{message}");
        }
        RDKafkaLogLevel::Warning | RDKafkaLogLevel::Notice => {
            tracing::warn!(target: "librdkafka", facility, "{message}");
        }
        RDKafkaLogLevel::Info => tracing::info!(target: "librdkafka", facility, "{message}"),
        RDKafkaLogLevel::Debug => tracing::debug!(target: "librdkafka", facility, "{message}"),
    }
}

/// Passes an error of the client as a whole on; librdkafka goes on by itself.
pub fn log_error(error: &KafkaError, reason: &str) {
    tracing::warn!(target: "librdkafka", %error, "{reason}");
}
