//! Logged execution events: what a step adds to the log topic.
//!
//! Owns: which of a step's events are logged, and that they leave only with the step's record (Express executions have
//! none). Logs are sent once at best: no mark waits for them and no recovery repeats them. Must not: matter to anything.

use super::Owner;
use baton_machine::logging::{Level, Logging};
use baton_schemas::arn::ExecutionArn;
use baton_schemas::history::Event;
use baton_schemas::{ExecutionLog, Payload};

/// The log records of a step; none, at no cost, for an execution that is not logged.
pub fn logs_of(
    events: &[Event],
    arn: &std::sync::Arc<str>,
    now_ms: i64,
    logging: Logging,
    redrives: u32,
) -> Vec<ExecutionLog> {
    if logging.level == Level::Off {
        return Vec::new();
    }
    let region = ExecutionArn::parse(arn).map_or("", |arn| arn.region);
    let log = |event: &Event| {
        let record = logging.record(event, now_ms, arn, region, redrives)?;
        Some(ExecutionLog {
            execution: arn.clone(),
            event: event.id,
            record: Payload::from_value(&record),
        })
    };
    events.iter().filter_map(log).collect()
}

impl Owner {
    /// Sends `logs` when the record appended last is effective.
    pub(super) fn log_when_effective(&mut self, logs: Vec<ExecutionLog>) {
        if let Some(last) = self.memory.in_flight.back_mut() {
            last.logs = logs;
        }
    }
}
