//! `baton send`: one record to any topic.

use super::text_of;
use crate::cli::SendArguments;
use crate::config::Error;
use std::process::ExitCode;

/// Sends the record and says where it is.
///
/// # Errors
/// What Kafka says.
pub fn send(arguments: SendArguments) -> Result<ExitCode, Error> {
    let value = text_of(&arguments.value)?;
    let config = baton_kafka::Config::new(&arguments.kafka, "send", "");
    let key = arguments.key.as_deref();
    let sent = baton_kafka::publish(&config, &arguments.topic, key, value.as_bytes());
    let (partition, offset) = sent.map_err(|e| {
        Error(format!(
            "{} takes no record: {e}; --kafka HOST:PORT names the broker",
            arguments.topic
        ))
    })?;
    println!("{} partition {partition} offset {offset}", arguments.topic);
    Ok(ExitCode::SUCCESS)
}
