//! Drives a handler that did not finish at once: deadline, automatic heartbeats, panics.

use crate::handler::{Output, panicked};
use crate::limits::HEARTBEATS_PER_INTERVAL;
use crate::task::Task;
use futures::FutureExt;
use futures::future::BoxFuture;
use std::panic::AssertUnwindSafe;
use std::time::Duration;
use tokio::time::{Instant, MissedTickBehavior, interval_at, sleep};

/// Runs `work` to its end; `None` if the task's deadline came first (the future is dropped then).
pub async fn drive(
    task: &Task,
    work: BoxFuture<'static, Output>,
    auto_heartbeat: bool,
) -> Option<Output> {
    let work = AssertUnwindSafe(work)
        .catch_unwind()
        .map(|end| end.unwrap_or_else(|panic| Err(panicked(&*panic))));
    let beat_every = task
        .heartbeat_interval()
        .filter(|_| auto_heartbeat)
        .map(|i| i / HEARTBEATS_PER_INTERVAL);
    let time_left = task.time_left();
    if beat_every.is_none() && time_left.is_none() {
        return Some(work.await);
    }
    tokio::select! {
        biased;
        output = work => Some(output),
        () = deadline(time_left) => None,
        () = heartbeats(task, beat_every) => None,
    }
}

async fn deadline(time_left: Option<Duration>) {
    match time_left {
        Some(left) => sleep(left).await,
        None => std::future::pending().await,
    }
}

/// Sends heartbeats for ever.
async fn heartbeats(task: &Task, every: Option<Duration>) {
    let Some(every) = every else {
        return std::future::pending().await;
    };
    let mut ticks = interval_at(Instant::now() + every, every);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        task.beat(None);
    }
}
