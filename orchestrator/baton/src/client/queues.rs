//! `baton queue list` and `baton queue workers`: who does the work, and how far.

use super::rest::Rest;
use super::run;
use crate::cli::Asking;
use crate::config::Error;
use crate::output::{Column, Showing};
use clap::{Args, Subcommand};
use serde_json::{Value, json};
use std::process::ExitCode;

/// `queue`.
#[derive(Clone, Debug, Subcommand)]
pub enum QueueCommand {
    /// Lists task queues with consumers, lag and rate.
    List(ListQueues),
    /// Lists the members of all consumer groups of task queues.
    Workers(ListQueues),
}

/// `queue list` and `queue workers`.
#[derive(Clone, Debug, Args)]
pub struct ListQueues {
    #[command(flatten)]
    pub showing: Showing,
    #[command(flatten)]
    pub asking: Asking,
}

const QUEUES: [Column; 6] = [
    ("QUEUE", "name"),
    ("PARTITIONS", "partitions"),
    ("GROUP", "group"),
    ("CONSUMERS", "consumers"),
    ("LAG", "lag"),
    ("PER SECOND", "perSecond"),
];

const WORKERS: [Column; 5] = [
    ("WORKER", "client"),
    ("HOST", "host"),
    ("QUEUE", "queue"),
    ("GROUP", "group"),
    ("PARTITIONS", "partitions"),
];

/// `baton queue list`: a line for each group of each queue.
///
/// # Errors
/// What the node says.
pub fn queues(command: QueueCommand) -> Result<ExitCode, Error> {
    let arguments = match command {
        QueueCommand::List(arguments) => arguments,
        QueueCommand::Workers(arguments) => return workers(arguments),
    };
    run(async {
        let found = surveyed(&arguments).await?;
        let mut lines = Vec::new();
        for queue in &found {
            let groups = queue["groups"].as_array().cloned().unwrap_or_default();
            let line = |group: &Value| {
                let members = group["members"].as_array().map_or(0, Vec::len);
                let rate = group["perSecond"].as_f64().map(|rate| format!("{rate:.1}"));
                json!({
                    "name": queue["name"], "partitions": queue["partitions"], "group": group["name"],
                    "consumers": members, "lag": group["lag"], "perSecond": rate, "lastSeen": group["lastSeen"],
                })
            };
            match groups.is_empty() {
                true => lines.push(json!({
                    "name": queue["name"], "partitions": queue["partitions"], "consumers": 0, "lag": queue["lag"],
                })),
                false => lines.extend(groups.iter().map(line)),
            }
        }
        arguments.showing.list(&lines, &QUEUES);
        Ok(ExitCode::SUCCESS)
    })
}

/// `baton queue workers`: a line for each member of each group.
///
/// # Errors
/// What the node says.
fn workers(arguments: ListQueues) -> Result<ExitCode, Error> {
    run(async {
        let mut lines = Vec::new();
        for queue in surveyed(&arguments).await? {
            for group in queue["groups"].as_array().into_iter().flatten() {
                for member in group["members"].as_array().into_iter().flatten() {
                    lines.push(json!({
                        "client": member["client"], "host": member["host"], "queue": queue["name"],
                        "group": group["name"], "partitions": member["partitions"],
                    }));
                }
            }
        }
        arguments.showing.list(&lines, &WORKERS);
        Ok(ExitCode::SUCCESS)
    })
}

async fn surveyed(arguments: &ListQueues) -> Result<Vec<Value>, Error> {
    let rest = Rest::new(&arguments.asking)?;
    let found = rest.get("/v1/queues").await?;
    Ok(found["queues"].as_array().cloned().unwrap_or_default())
}
