//! What every worker of these tests does, in Rust; see steps.py.

use serde::{Deserialize, Serialize};
use std::path::PathBuf;
use std::time::{Duration, Instant};

const LONGEST_WAIT: Duration = Duration::from_secs(100);
const LOOK_EVERY: Duration = Duration::from_millis(50);

/// A step as the workflow sends it.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Step {
    /// Decides what is done.
    pub step: String,
    /// From 0.
    pub attempt: u32,
    /// Whose it is.
    pub item: String,
}

/// The failure that the workflow retries.
#[derive(Debug)]
pub struct Flaky;

/// Does a step.
///
/// # Errors
/// The first attempt of `flaky`.
pub async fn perform(step: Step) -> Result<Step, Flaky> {
    let note = format!("began-{}-{}-{}", step.step, step.attempt, step.item);
    std::fs::write(at(&note), "").expect("the test's directory can be written to");
    match (step.step.as_str(), step.attempt) {
        ("flaky", 0) => return Err(Flaky),
        (name @ ("slow" | "quiet" | "long"), 0) => wait(name).await,
        _ => {}
    }
    Ok(step)
}

async fn wait(name: &str) {
    let until = Instant::now() + LONGEST_WAIT;
    let mut looks = tokio::time::interval(LOOK_EVERY);
    while !at(name).exists() && Instant::now() < until {
        looks.tick().await;
    }
}

fn at(name: &str) -> PathBuf {
    PathBuf::from(std::env::var_os("STEPS_DIR").expect("STEPS_DIR is set")).join(name)
}
