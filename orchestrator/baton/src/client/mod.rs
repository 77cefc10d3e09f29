//! The commands that ask a running node: start, watch, history, trace, list, describe, stop, redrive, pause, resume, view;
//! and send, which asks Kafka.
//!
//! Owns: calls of the REST API and how answers are printed. Must not: know more of Baton than docs/http.md says.

mod describe;
mod doctor;
mod jobs;
mod progress;
mod queues;
mod rest;
mod send;
mod stop;
mod trace;
mod views;
mod watch;

pub use describe::{DescribeArguments, describe};
pub use doctor::{DoctorArguments, doctor};
pub use jobs::{JobCommand, Many, StartAgainArguments, jobs, start_again};
pub use queues::{QueueCommand, queues};
pub use rest::{Rest, encoded};
pub use send::send;
pub use stop::{StopArguments, stop};
pub use views::{ViewCommand, views};

use crate::cli::{
    Asking, ExecutionArguments, ListArguments, RedriveArguments, StartArguments, TraceArguments,
    WatchArguments,
};
use crate::config::Error;
use crate::lines;
use crate::output::Column;
use serde_json::{Value, json};
use std::process::ExitCode;
use std::time::{SystemTime, UNIX_EPOCH};

/// `baton start`.
///
/// # Errors
/// What the node says.
pub fn start(arguments: StartArguments) -> Result<ExitCode, Error> {
    run(async {
        let rest = Rest::new(&arguments.asking)?;
        let mut body = json!({"input": input(&arguments.input)?});
        if let Some(name) = &arguments.name {
            body["name"] = name.as_str().into();
        }
        let path = format!(
            "/v1/state-machines/{}/executions",
            encoded(&arguments.machine)
        );
        let started = rest.post(&path, &body).await?;
        let execution = started["executionArn"].as_str().unwrap_or_default();
        if !arguments.watch {
            println!("{execution}");
            return Ok(ExitCode::SUCCESS);
        }
        watch::watch(&rest, execution, false).await
    })
}

/// `baton watch`.
///
/// # Errors
/// The execution does not exist, or no node answers any more.
pub fn watch(arguments: WatchArguments) -> Result<ExitCode, Error> {
    run(async {
        let rest = Rest::new(&arguments.asking)?;
        watch::watch(&rest, &arguments.execution, arguments.json).await
    })
}

/// `baton history`.
///
/// # Errors
/// What the node says.
pub fn history(arguments: WatchArguments) -> Result<ExitCode, Error> {
    run(async {
        let rest = Rest::new(&arguments.asking)?;
        let print = |event: Value| println!("{}", history_line(&event, arguments.json));
        events(&rest, &arguments.execution, print).await?;
        Ok(ExitCode::SUCCESS)
    })
}

/// `baton trace`.
///
/// # Errors
/// What the node says.
pub fn trace(arguments: TraceArguments) -> Result<ExitCode, Error> {
    run(async {
        let rest = Rest::new(&arguments.asking)?;
        let path = format!("/v1/executions/{}", encoded(&arguments.execution));
        let described = rest.get(&path).await?;
        let mut history = Vec::new();
        events(&rest, &arguments.execution, |event| history.push(event)).await?;
        let now_ms = SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .map_or(0, |since| since.as_millis() as i64);
        for line in trace::draw(&described, &history, now_ms) {
            println!("{line}");
        }
        Ok(ExitCode::SUCCESS)
    })
}

/// Gives all events of an execution so far to `take`.
async fn events(rest: &Rest, execution: &str, mut take: impl FnMut(Value)) -> Result<(), Error> {
    let path = format!("/v1/executions/{}/history?limit=1000", encoded(execution));
    let mut cursor: Option<String> = None;
    loop {
        let mut page = match &cursor {
            None => rest.get(&path).await?,
            Some(cursor) => {
                rest.get(&format!("{path}&cursor={}", encoded(cursor)))
                    .await?
            }
        };
        if let Value::Array(events) = page["events"].take() {
            events.into_iter().for_each(&mut take);
        }
        match page["nextCursor"].as_str() {
            Some(next) => cursor = Some(next.to_owned()),
            None => return Ok(()),
        }
    }
}

fn history_line(event: &Value, json: bool) -> String {
    if json {
        return event.to_string();
    }
    let text = |field: &str| event[field].as_str().unwrap_or_default();
    let change = lines::change(event).unwrap_or_default();
    let line = format!(
        "{:>5}  {}  {:28}  {change}",
        event["id"],
        text("timestamp"),
        text("type")
    );
    line.trim_end().to_owned()
}

/// Columns of a list of executions.
const COLUMNS: [Column; 4] = [
    ("STATUS", "status"),
    ("STARTED", "startDate"),
    ("STOPPED", "stopDate"),
    ("EXECUTION", "executionArn"),
];
/// `baton redrive`, `baton pause` and `baton resume`: `what` names the route.
///
/// # Errors
/// What the node says.
pub fn intervene(arguments: ExecutionArguments, what: &str) -> Result<ExitCode, Error> {
    run(async {
        let rest = Rest::new(&arguments.asking)?;
        let path = format!("/v1/executions/{}/{what}", encoded(&arguments.execution));
        let answer = rest.post(&path, &json!({})).await?;
        let at = answer["redriveDate"]
            .as_str()
            .or(answer["pausedDate"].as_str());
        let at = at.map(|at| format!("  {at}")).unwrap_or_default();
        println!("{what}  {}{at}", arguments.execution);
        Ok(ExitCode::SUCCESS)
    })
}

/// `baton redrive`.
///
/// # Errors
/// What the node says.
pub fn redrive(arguments: RedriveArguments) -> Result<ExitCode, Error> {
    let is_many = arguments.many.is_meant(arguments.execution.as_deref())?;
    let RedriveArguments {
        execution,
        many,
        asking,
    } = arguments;
    match execution {
        Some(execution) if !is_many => {
            intervene(ExecutionArguments { execution, asking }, "redrive")
        }
        _ => run(async { many.job(&Rest::new(&asking)?, "redrive", &[]).await }),
    }
}

/// `baton list`.
///
/// # Errors
/// What the node says.
pub fn list(arguments: ListArguments) -> Result<ExitCode, Error> {
    run(async {
        let rest = Rest::new(&arguments.asking)?;
        let mut path = format!("/v1/executions?limit={}", arguments.limit);
        let conditions = all_of(&arguments.conditions);
        for (name, value) in [
            ("machine", &arguments.machine),
            ("status", &arguments.status),
            ("error", &arguments.error),
            ("where", &conditions),
            ("view", &arguments.view),
        ] {
            if let Some(value) = value {
                path.push_str(&format!("&{name}={}", encoded(value)));
            }
        }
        let page = rest.get(&path).await?;
        let executions = page["executions"].as_array().cloned().unwrap_or_default();
        let mut columns = COLUMNS.to_vec();
        if executions.iter().any(|one| one["error"].is_string()) {
            columns.insert(3, ("ERROR", "error"));
        }
        arguments.showing.list(&executions, &columns);
        if page["incomplete"].as_bool() == Some(true) {
            eprintln!(
                "baton: not all partitions have a reachable owner: the list lacks their executions"
            );
        }
        Ok(ExitCode::SUCCESS)
    })
}

/// Several `--where` as one.
fn all_of(conditions: &[String]) -> Option<String> {
    (!conditions.is_empty()).then(|| conditions.join(" and "))
}

/// JSON as given, of a file (`@FILE`), or of standard input (`-`).
fn text_of(given: &str) -> Result<String, Error> {
    let read = |what: &str, result: std::io::Result<String>| {
        result.map_err(|e| Error(format!("{what}: {e}")))
    };
    match given.strip_prefix('@') {
        Some(file) => read(file, std::fs::read_to_string(file)),
        None if given == "-" => read("standard input", std::io::read_to_string(std::io::stdin())),
        None => Ok(given.to_owned()),
    }
}

fn input(given: &str) -> Result<Value, Error> {
    let text = text_of(given)?;
    serde_json::from_str(&text).map_err(|e| {
        Error(format!(
            "the input is not JSON: {e}; give JSON, @FILE, or - for standard input"
        ))
    })
}

/// Runs one command on a runtime of its own.
pub fn run(command: impl Future<Output = Result<ExitCode, Error>>) -> Result<ExitCode, Error> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|e| Error(format!("the command can't be run: {e}")))?;
    runtime.block_on(command)
}

impl Asking {
    /// Base URL of the node, without a slash at the end; `host:port` alone is taken for one.
    fn base(&self) -> String {
        let endpoint = self.endpoint.trim_end_matches('/');
        match endpoint.contains("://") {
            true => endpoint.to_owned(),
            false => format!("http://{endpoint}"),
        }
    }
}
