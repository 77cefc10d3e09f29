//! `baton migrate`: from the embedded broker, or a running one, to another Kafka.
//!
//! Owns: the source's broker while it lasts, what is printed, and the mark that keeps the source from going on by mistake.
//! The copying is `baton_kafka::migrate`.

use crate::cli::MigrateArguments;
use crate::config::{Config, Error, STORE};
use crate::embedded::{self, Running};
use crate::telemetry;
use baton_kafka::migrate::{Copied, Endpoint, Plan, Report, migrate};
use serde_json::json;
use std::path::Path;

/// Which logs are written if nobody says: what is wrong.
const LOG_FILTER: &str = "warn";

/// Copies, checks, and says what to do next.
///
/// # Errors
/// Nothing of the source is changed, and nothing is left on the target.
pub fn run(given: &MigrateArguments) -> Result<(), Error> {
    Config::check_environment()?;
    let filter = given.log_filter.as_deref().unwrap_or(LOG_FILTER);
    telemetry::start(given.log.unwrap_or_default(), Some(filter))?;
    let broker = match &given.from {
        Some(_) => None,
        None => Some(Running::open(&given.data)?),
    };
    let from = match (&broker, &given.from) {
        (Some(broker), _) => broker.address().to_string(),
        (None, from) => from.clone().unwrap_or_default(),
    };
    let endpoint = |brokers: &str, settings: &[(String, String)]| Endpoint {
        brokers: brokers.to_owned(),
        settings: settings.iter().cloned().collect(),
    };
    let plan = Plan {
        from: endpoint(&from, &given.from_set),
        to: endpoint(&given.to, &given.set),
        only: given.only.clone(),
        replication: given.replication,
    };
    let done = migrate(&plan, &mut |topic, copied| {
        println!("{}", line(topic, copied))
    });
    if let Some(broker) = broker {
        broker.stop();
    }
    let report = done.map_err(|e| {
        Error(format!(
            "{e}\nNothing was moved: the source is as it was, and what was made on {} is deleted again.",
            given.to
        ))
    })?;
    if let Some(path) = &given.json {
        write_map(path, &report)?;
    }
    if given.from.is_none() {
        embedded::mark_moved(&given.data, &given.to)?;
    }
    println!("{}", next(given, &report));
    Ok(())
}

fn line(topic: &str, copied: &[Copied]) -> String {
    let records: u64 = copied.iter().map(|one| one.records).sum();
    let fillers: u64 = copied.iter().map(|one| one.fillers).sum();
    let filled = match fillers {
        0 => String::new(),
        _ => format!(", {fillers} tombstones where records had been compacted away"),
    };
    format!(
        "{topic}: {records} records in {} partitions{filled}",
        copied.len()
    )
}

/// What was done, and what is left to do.
fn next(given: &MigrateArguments, report: &Report) -> String {
    let records: u64 = report.partitions.iter().map(|one| one.records).sum();
    let to = &given.to;
    let mut text = format!(
        "\nCopied and read back: {records} records in {} partitions, positions of {} groups. Every record is at the offset\n\
         that it had, and each partition has the same SHA-256 on both sides.\n\nNext:\n\n",
        report.partitions.len(),
        report.groups
    );
    let store = given.data.join(STORE);
    if given.from.is_none() {
        text.push_str(&format!(
            "  1. baton serve --kafka {to} --data {}     # the views go on from where they are\n  \
             2. workers: the same, with {to} as their Kafka. Open tasks keep their tokens.\n  \
             3. {} is not needed any more. A node does not start on it again: both would do the open tasks.\n",
            store.display(),
            given.data.join("broker").display()
        ));
    } else {
        text.push_str(&format!(
            "  1. Leave the old nodes ended for good: both would do the open tasks.\n  \
             2. baton serve --kafka {to}     # with the --data that it had, so that its views go on, or an empty one\n  \
             3. workers: the same, with {to} as their Kafka. Open tasks keep their tokens.\n"
        ));
    }
    text
}

/// The map of offsets, one line a partition.
fn write_map(path: &Path, report: &Report) -> Result<(), Error> {
    let lines = report.partitions.iter().map(|one| {
        let line = json!({
            "topic": one.topic,
            "partition": one.partition,
            "source": {"first": one.first, "end": one.end},
            "target": {"first": one.first, "end": one.end},
            "records": one.records,
            "fillers": one.fillers,
            "sha256": one.sha256,
        });
        format!("{line}\n")
    });
    std::fs::write(path, lines.collect::<String>())
        .map_err(|e| Error(format!("{}: {e}", path.display())))
}
