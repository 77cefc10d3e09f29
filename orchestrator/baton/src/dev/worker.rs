//! The example workers of a `dev` node: this same program as a child process.
//!
//! Owns: starting it, starting it again when it ends, and its orderly end. It is a process of its own, as every worker is:
//! its crash is not the node's. Its standard input is the leash: when that closes, because it is time or because the node
//! is gone, the worker finishes what it has and ends.

use crate::cli::DemoWorkerArguments;
use crate::config::{Config, Error};
use std::fs::OpenOptions;
use std::io::Read;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;
use tokio::sync::{oneshot, watch};

/// How often somebody looks whether the worker still runs.
const LOOK_EVERY: Duration = Duration::from_millis(200);
/// Pause before a worker that ended is started again.
const RESTART_AFTER: Duration = Duration::from_secs(1);
/// Longest orderly end of the worker.
const END_MAX: Duration = Duration::from_secs(10);

/// Runs the worker until `stop` says so.
pub async fn keep(config: &Config, folder: &Path, mut stop: watch::Receiver<bool>) {
    while !*stop.borrow() {
        let child = match start(config, folder) {
            Ok(child) => child,
            Err(error) => {
                tracing::error!(%error, "the example workers can't be started");
                return;
            }
        };
        let Some(status) = run(child, &mut stop).await else {
            return;
        };
        tracing::warn!(status, log = %folder.join("worker.log").display(), "the example workers ended; they are started again");
        let pause = tokio::time::sleep(RESTART_AFTER);
        tokio::select! { () = pause => {}, _ = stop.wait_for(|stop| *stop) => {} }
    }
}

/// The worker itself: what `baton demo-worker` runs.
///
/// # Errors
/// What it can't open, or Kafka's client.
pub fn serve(arguments: &DemoWorkerArguments) -> Result<(), Error> {
    baton_examples::log_to_stderr();
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .map_err(|e| Error(e.to_string()))?;
    runtime.block_on(async {
        let worker = baton_examples::demo::worker(&arguments.kafka, &arguments.prefix);
        let worker = worker.map_err(Error)?.build();
        let worker = worker.map_err(|e| Error(e.to_string()))?;
        let leash = let_go();
        let ended = worker.run_until(async { drop(leash.await) }).await;
        ended.map_err(|e| Error(e.to_string()))
    })
}

/// Completes when standard input closes.
fn let_go() -> oneshot::Receiver<()> {
    let (tell, told) = oneshot::channel();
    std::thread::spawn(move || {
        let mut nothing = [0; 64];
        let mut input = std::io::stdin().lock();
        while input.read(&mut nothing).is_ok_and(|read| read > 0) {}
        // Nobody listens any more if the worker has ended by itself.
        let _ = tell.send(());
    });
    told
}

fn start(config: &Config, folder: &Path) -> std::io::Result<Child> {
    let log = OpenOptions::new()
        .create(true)
        .append(true)
        .open(folder.join("worker.log"))?;
    Command::new(std::env::current_exe()?)
        .args(["demo-worker", "--kafka", &config.kafka.brokers])
        .args(["--prefix", &config.kafka.prefix])
        .current_dir(folder)
        .stdin(Stdio::piped())
        .stdout(log.try_clone()?)
        .stderr(log)
        // Ctrl-C in a terminal goes to a whole group: the node decides when its worker ends.
        .process_group(0)
        .spawn()
}

/// Waits for the end of the worker: `Some` with its status if it ended by itself, `None` if it was time.
async fn run(mut child: Child, stop: &mut watch::Receiver<bool>) -> Option<String> {
    loop {
        if let Some(status) = ended(&mut child) {
            return Some(status);
        }
        tokio::select! {
            () = tokio::time::sleep(LOOK_EVERY) => {}
            _ = stop.wait_for(|stop| *stop) => break,
        }
    }
    drop(child.stdin.take());
    let looks = END_MAX.as_millis() / LOOK_EVERY.as_millis();
    for _ in 0..looks {
        if ended(&mut child).is_some() {
            return None;
        }
        tokio::time::sleep(LOOK_EVERY).await;
    }
    tracing::warn!("the example workers do not end; they are killed, and their tasks come again");
    if let Err(error) = child.kill().and_then(|()| child.wait().map(drop)) {
        tracing::error!(%error, "the example workers can't be ended");
    }
    None
}

fn ended(child: &mut Child) -> Option<String> {
    match child.try_wait() {
        Ok(status) => status.map(|status| status.to_string()),
        Err(error) => Some(error.to_string()),
    }
}
