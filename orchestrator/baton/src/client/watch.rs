//! `baton watch`: prints the changes of an execution as they come, and ends with its outcome.

use super::rest::{Rest, encoded};
use crate::config::Error;
use crate::lines;
use serde_json::Value;
use std::process::ExitCode;
use std::time::Duration;

/// Pause before a broken stream is asked for again.
const RETRY_AFTER: Duration = Duration::from_secs(1);
/// How often a stream may break without an event in between.
const TRIES_MAX: u32 = 30;

/// Watches until the execution has closed, over as many streams as it takes. The exit code says how it closed: 0
/// succeeded, 3 failed, 4 timed out, 5 aborted.
///
/// # Errors
/// The execution does not exist, or no node answers any more.
pub async fn watch(rest: &Rest, execution: &str, json: bool) -> Result<ExitCode, Error> {
    let path = format!("/v1/executions/{}/events", encoded(execution));
    let mut watching = Watching {
        execution: execution.to_owned(),
        json,
        last: None,
        outcome: None,
    };
    let (mut tries, mut begun) = (0, false);
    loop {
        let before = watching.last.clone();
        match rest.open(&path, watching.last.as_deref()).await {
            Ok(stream) if stream.status() == 204 => return end(rest, execution, json).await,
            Ok(stream) if stream.status().is_success() => {
                begun = true;
                watching.read(stream).await;
            }
            Ok(answer) if begun && answer.status().is_server_error() => {}
            Ok(answer) => return Err(rest.json(answer).await.err().unwrap_or_else(unexpected)),
            Err(error) if !begun || tries >= TRIES_MAX => return Err(rest.unreachable(&error)),
            Err(_) => {}
        }
        if watching.outcome.is_some() {
            return end(rest, execution, json).await;
        }
        tries = if watching.last == before {
            tries + 1
        } else {
            0
        };
        if tries > TRIES_MAX {
            return Err(Error(format!("the events of {execution} do not come")));
        }
        tokio::time::sleep(RETRY_AFTER).await;
    }
}

/// Prints the outcome, which carries what an event's line does not: the output, or error and cause in full.
async fn end(rest: &Rest, execution: &str, json: bool) -> Result<ExitCode, Error> {
    let found = rest
        .get(&format!("/v1/executions/{}", encoded(execution)))
        .await?;
    let status = found["status"].as_str().unwrap_or_default();
    if json {
        println!("{found}");
    } else if let Some(output) = found.get("output") {
        println!("{status}  {output}");
    } else {
        let text = |field: &str| found[field].as_str().unwrap_or_default();
        println!("{status}  {}  {}", text("error"), text("cause"));
    }
    Ok(ExitCode::from(match status {
        "SUCCEEDED" => 0,
        "FAILED" => 3,
        "TIMED_OUT" => 4,
        "ABORTED" => 5,
        _ => 1,
    }))
}

struct Watching {
    execution: String,
    json: bool,
    /// Id of the last event.
    last: Option<String>,
    outcome: Option<&'static str>,
}

impl Watching {
    /// Prints what comes until the stream ends or breaks.
    async fn read(&mut self, mut stream: reqwest::Response) {
        let mut text = Vec::new();
        while let Ok(Some(chunk)) = stream.chunk().await {
            text.extend_from_slice(&chunk);
            while let Some(end) = text.windows(2).position(|pair| pair == b"\n\n") {
                let block: Vec<u8> = text.drain(..end + 2).collect();
                self.take(&String::from_utf8_lossy(&block));
            }
        }
    }

    /// One event of the stream; comments have no data.
    fn take(&mut self, block: &str) {
        let field = |name: &str| block.lines().find_map(|line| line.strip_prefix(name));
        let (Some(id), Some(data)) = (field("id: "), field("data: ")) else {
            return;
        };
        self.last = Some(id.to_owned());
        let event: Value = serde_json::from_str(data).unwrap_or_default();
        self.outcome = event["type"].as_str().and_then(lines::outcome);
        if self.json {
            println!("{event}");
        } else if let Some(change) = lines::change(&event).filter(|_| self.outcome.is_none()) {
            let time = event["timestamp"].as_str().unwrap_or_default();
            println!("{}", lines::line(time, &self.execution, &change));
        }
    }
}

fn unexpected() -> Error {
    Error("the node answered something else than a stream of events".to_owned())
}
