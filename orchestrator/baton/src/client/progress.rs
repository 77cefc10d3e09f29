//! How far a job is: a bar on a terminal, a line at the end.

use super::rest::{Rest, encoded};
use crate::config::Error;
use serde_json::Value;
use std::io::IsTerminal;
use std::process::ExitCode;
use std::time::Duration;

/// How often a job is looked at.
const LOOK_EVERY: Duration = Duration::from_millis(500);
/// Width of the bar, characters.
const BAR: u64 = 30;

/// Shows how far a job is until it has ended: a bar on a terminal. Fails unless it was done with all executions.
///
/// # Errors
/// What the node says.
pub async fn follow(rest: &Rest, id: &str) -> Result<ExitCode, Error> {
    let path = format!("/v1/jobs/{}", encoded(id));
    let is_terminal = std::io::stderr().is_terminal();
    if !is_terminal {
        eprintln!("baton: job {id}");
    }
    loop {
        let job = rest.get(&path).await?;
        let has_ended = job["status"] != "RUNNING";
        if is_terminal {
            eprint!("\r\u{1b}[2K{}", bar(&job));
            if has_ended {
                eprintln!();
            }
        }
        if has_ended {
            for failure in job["failures"].as_array().into_iter().flatten() {
                let text = |field: &str| failure[field].as_str().unwrap_or_default();
                eprintln!("baton: {}: {}", text("executionArn"), text("reason"));
            }
            println!("{}", summary(&job));
            let is_good = job["status"] == "SUCCEEDED" && job["failed"] == 0;
            return Ok(if is_good {
                ExitCode::SUCCESS
            } else {
                ExitCode::FAILURE
            });
        }
        tokio::time::sleep(LOOK_EVERY).await;
    }
}

/// How far a job is, as a line.
fn bar(job: &Value) -> String {
    let number = |field: &str| job[field].as_u64().unwrap_or(0);
    let looked_at = number("done") + number("skipped") + number("failed");
    let Some(total) = job["total"].as_u64() else {
        return "counting ...".to_owned();
    };
    let filled = (looked_at * BAR).checked_div(total).unwrap_or(BAR).min(BAR) as usize;
    format!(
        "[{}{}] {looked_at}/{total}  failed {}",
        "#".repeat(filled),
        ".".repeat(BAR as usize - filled),
        number("failed")
    )
}

/// A job in one line.
pub fn summary(job: &Value) -> String {
    let text = |field: &str| job[field].as_str().unwrap_or_default();
    let reason = job["reason"].as_str();
    let reason = reason.map(|why| format!(": {why}")).unwrap_or_default();
    format!(
        "{} {}  done {}, skipped {}, failed {}{reason}",
        text("action"),
        text("status"),
        job["done"],
        job["skipped"],
        job["failed"]
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_bar_fills() {
        let job = |done: u64, total: Value| json!({"done": done, "skipped": 1, "failed": 2, "total": total});
        assert_eq!(bar(&job(0, Value::Null)), "counting ...");
        let half = bar(&job(7, json!(20)));
        assert_eq!(
            half,
            format!("[{}{}] 10/20  failed 2", "#".repeat(15), ".".repeat(15))
        );
        assert!(bar(&job(0, json!(0))).starts_with(&format!("[{}]", "#".repeat(30))));
    }
}
