//! `baton doctor`: what stands in the way, found from outside.
//!
//! Owns: the checks and their words: the node answers and is ready, its clock is near ours, nobody's queue is stuck. What the
//! brokers allow and how topics are configured a node checks itself when it starts, and says in its log.

use super::rest::Rest;
use super::run;
use crate::cli::Asking;
use crate::config::Error;
use crate::output::{Column, Showing};
use clap::Args;
use serde_json::{Value, json};
use std::process::ExitCode;
use std::time::{SystemTime, UNIX_EPOCH};

/// How far clocks may be apart, seconds: signatures allow five minutes, timers should not notice.
const SKEW_S_MAX: i64 = 5;
/// A lag that is worth a word.
const LAG_WORTH_A_WORD: i64 = 10_000;

/// `doctor`.
#[derive(Clone, Debug, Args)]
pub struct DoctorArguments {
    #[command(flatten)]
    pub showing: Showing,
    #[command(flatten)]
    pub asking: Asking,
}

const COLUMNS: [Column; 3] = [("CHECK", "check"), ("", "result"), ("WHAT", "what")];

/// `baton doctor`; the exit code is 1 if something is wrong.
///
/// # Errors
/// No node answers.
pub fn doctor(arguments: &DoctorArguments) -> Result<ExitCode, Error> {
    run(async {
        let rest = Rest::new(&arguments.asking)?;
        let ready = rest
            .open("/readyz", None)
            .await
            .map_err(|e| rest.unreachable(&e))?;
        let date = ready
            .headers()
            .get("date")
            .and_then(|date| date.to_str().ok())
            .map(str::to_owned);
        let told: Value = ready.json().await.unwrap_or_default();
        let mut checks = vec![readiness(&told), clock(date.as_deref(), now_s())];
        let queues = rest.get("/v1/queues").await?;
        for queue in queues["queues"].as_array().into_iter().flatten() {
            checks.push(work(queue));
        }
        arguments.showing.list(&checks, &COLUMNS);
        let good = checks.iter().all(|check| check["result"] != "FAIL");
        Ok(if good {
            ExitCode::SUCCESS
        } else {
            ExitCode::FAILURE
        })
    })
}

fn check(name: &str, good: bool, what: String) -> Value {
    json!({"check": name, "result": if good { "ok" } else { "FAIL" }, "what": what})
}

fn readiness(told: &Value) -> Value {
    let reasons: Vec<&str> = told["reasons"]
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(Value::as_str)
        .collect();
    match told["status"] == "ready" {
        true => check("node", true, "has caught up and can write".to_owned()),
        false => check("node", false, reasons.join("; ")),
    }
}

/// Compares our clock with the header `Date` of an answer.
fn clock(date: Option<&str>, now_s: i64) -> Value {
    let Some(theirs) = date.and_then(seconds) else {
        return check(
            "clock",
            true,
            "the node does not say what time it has".to_owned(),
        );
    };
    let apart = (now_s - theirs).abs();
    check(
        "clock",
        apart <= SKEW_S_MAX,
        format!("{apart} s apart from this machine's"),
    )
}

fn work(queue: &Value) -> Value {
    let name = format!("queue {}", queue["name"].as_str().unwrap_or_default());
    let (consumers, lag) = (
        queue["consumers"].as_i64().unwrap_or(0),
        queue["lag"].as_i64().unwrap_or(0),
    );
    match (consumers, lag) {
        (0, 0) => check(&name, true, "empty; nobody consumes it".to_owned()),
        (0, lag) => check(
            &name,
            false,
            format!("{lag} commands wait and nobody consumes it: start a worker"),
        ),
        (consumers, lag) if lag > LAG_WORTH_A_WORD => {
            let partitions = &queue["partitions"];
            let what =
                format!("lag {lag} with {consumers} consumers; up to {partitions} can share it");
            check(&name, true, what)
        }
        (consumers, lag) => check(&name, true, format!("{consumers} consumers, lag {lag}")),
    }
}

/// Seconds since the epoch of `Sun, 06 Nov 1994 08:49:37 GMT` (RFC 9110, 5.6.7).
fn seconds(date: &str) -> Option<i64> {
    let parts: Vec<&str> = date.split([' ', ':']).collect();
    let [_, day, month, year, hour, minute, second, "GMT"] = parts[..] else {
        return None;
    };
    let months = [
        "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec",
    ];
    let month = months.iter().position(|name| *name == month)? + 1;
    let text = format!("{year}-{month:02}-{day}T{hour}:{minute}:{second}Z");
    baton_schemas::time::parse_rfc3339(&text).map(|ms| ms / 1_000)
}

fn now_s() -> i64 {
    let now = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default();
    i64::try_from(now.as_secs()).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_wrong_is_found() {
        let at = seconds("Sun, 06 Nov 1994 08:49:37 GMT").unwrap();
        assert_eq!(at, 784_111_777);
        let date = Some("Sun, 06 Nov 1994 08:49:37 GMT");
        assert_eq!(clock(date, at + 3)["result"], "ok");
        assert_eq!(clock(date, at + 600)["result"], "FAIL");
        let queue = |consumers: i64, lag: i64| {
            work(&json!({"name": "q", "consumers": consumers, "lag": lag}))
        };
        assert_eq!(queue(0, 3)["result"], "FAIL");
        assert_eq!(queue(1, 3)["result"], "ok");
        let reasons = json!({"status": "not ready", "reasons": ["a", "b"]});
        assert_eq!(readiness(&reasons)["what"], "a; b");
    }
}
