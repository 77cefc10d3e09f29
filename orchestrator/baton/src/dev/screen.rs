//! What `dev` prints: where to look, and a line for each change of state.
//!
//! Owns: the way from effective records to the screen. The engine's thread gives a batch away and goes on; a screen that
//! is too slow misses lines, and says how many.

use super::{Dev, Moved};
use crate::config::{Config, Error, HTTP_DEFAULT};
use crate::embedded::ADDRESS_DEFAULT;
use crate::lines;
use baton_api::shown_events;
use baton_engine::ViewWriter;
use baton_engine::views::{Applied, Change};
use baton_schemas::time::rfc3339;
use bytes::Bytes;
use crossbeam_channel::{Receiver, Sender, bounded};
use serde_json::Value;
use std::io::{BufWriter, Write};
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// Most batches that wait to be printed.
const BATCHES_MAX: usize = 1_000;

/// An execution and a history record of it.
type Step = (Arc<str>, Bytes);

struct Listener {
    views: Box<dyn ViewWriter>,
    steps: Sender<Vec<Step>>,
    missed: Arc<AtomicU64>,
    /// What was decided before is folded again after a crash, and was printed then.
    since_ms: i64,
}

/// Stands before the views and prints what they are given.
pub fn listen(views: Box<dyn ViewWriter>) -> Result<Box<dyn ViewWriter>, Error> {
    let (steps, printed) = bounded(BATCHES_MAX);
    let missed = Arc::<AtomicU64>::default();
    let counted = missed.clone();
    std::thread::Builder::new()
        .name("baton-screen".to_owned())
        .spawn(move || print(&printed, &counted))
        .map_err(|e| Error(format!("no thread for the screen: {e}")))?;
    let now = SystemTime::now().duration_since(UNIX_EPOCH);
    Ok(Box::new(Listener {
        views,
        steps,
        missed,
        since_ms: now.map_or(0, |now| now.as_millis() as i64),
    }))
}

impl ViewWriter for Listener {
    fn apply(&mut self, batch: Vec<Applied>) {
        let steps: Vec<Step> = batch
            .iter()
            .filter(|applied| applied.now_ms >= self.since_ms)
            .filter_map(|applied| match &applied.change {
                Change::Step {
                    execution, json, ..
                }
                | Change::Reopened {
                    execution, json, ..
                } => Some((execution.clone(), json.clone())),
                _ => None,
            })
            .collect();
        self.views.apply(batch);
        let count = steps.len() as u64;
        if count > 0 && self.steps.try_send(steps).is_err() {
            self.missed.fetch_add(count, Ordering::Relaxed);
        }
    }

    fn reset(&mut self, partition: i32) {
        self.views.reset(partition);
    }
}

fn print(steps: &Receiver<Vec<Step>>, missed: &AtomicU64) {
    while let Ok(batch) = steps.recv() {
        let mut out = BufWriter::new(std::io::stdout().lock());
        let mut written = Ok(());
        for (execution, json) in batch {
            for event in shown_events(&execution, &json) {
                if let Some(change) = lines::change(&event) {
                    let line = lines::line(&time_of(&event), &execution, &change);
                    written = written.and_then(|()| writeln!(out, "{line}"));
                }
            }
        }
        let count = missed.swap(0, Ordering::Relaxed);
        if count > 0 {
            let line = format!("... {count} records of changes came too fast to be shown");
            written = written.and_then(|()| writeln!(out, "{line}"));
        }
        if written.and_then(|()| out.flush()).is_err() {
            return; // nobody reads any more
        }
    }
}

/// The event's time, RFC 3339.
fn time_of(event: &Value) -> String {
    let seconds = event["timestamp"].as_f64().unwrap_or_default();
    rfc3339((seconds * 1_000.0).round() as i64)
}

/// Where to look, and what to try.
pub fn banner(config: &Config, dev: &Dev, took: Duration) {
    let (folder, brokers) = (dev.folder.display(), &config.kafka.brokers);
    let url = format!("http://{}", config.http);
    println!(
        "\nBaton is ready after {:.1} s.\n{}\n  API        {url}  (AWS: endpoint URL; REST: {url}/v1/executions)\n  Kafka      {brokers}{}\n  bindings   {folder}/bindings  (a file there starts workflows from a topic)",
        took.as_secs_f64(),
        moved(config, dev.moved),
        embedded(config),
    );
    if dev.has_demo {
        println!("  results    {folder}/users.db, {folder}/mail, {folder}/buckets");
    }
    println!(
        "\nTry:\n\n{}\nEvery change of state is a line from here on; Ctrl-C ends.\n",
        to_try(config, dev, &url)
    );
}

/// A line for each port that is not the default one, because that was taken.
fn moved(config: &Config, moved: Moved) -> String {
    let mut text = String::new();
    if moved.http {
        let (taken, used) = (SocketAddr::from(HTTP_DEFAULT), config.http.port());
        text.push_str(&format!("\n  {taken} is taken: HTTP is on port {used}.\n"));
    }
    if moved.broker {
        let (taken, used) = (SocketAddr::from(ADDRESS_DEFAULT), &config.kafka.brokers);
        text.push_str(&format!(
            "\n  {taken} is taken: the embedded broker is on {used}. If a Kafka listens there, --kafka {taken} uses it.\n"
        ));
    }
    text
}

/// What the broker is, if it is ours.
fn embedded(config: &Config) -> String {
    let Some(embedded) = &config.embedded else {
        return String::new();
    };
    let folder = config.folder.display();
    if embedded.ephemeral {
        format!("  (the embedded broker; {folder} is removed at the end)")
    } else {
        format!("  (the embedded broker, in {folder}/broker; any Kafka client can connect)")
    }
}

/// Commands, one a line.
fn to_try(config: &Config, dev: &Dev, url: &str) -> String {
    let program = std::env::args()
        .next()
        .unwrap_or_else(|| "baton".to_owned());
    let (folder, brokers) = (dev.folder.display(), &config.kafka.brokers);
    let endpoint = if config.http == SocketAddr::from(HTTP_DEFAULT) {
        String::new()
    } else {
        format!(" --endpoint {url}")
    };
    if dev.has_demo {
        format!(
            "  {program} send demo.users '{{\"user\": {{\"id\": \"bob\", \"name\": \"Bob\", \"email\": \"bob@example.com\"}}}}' --kafka {brokers}\n  \
             cp {folder}/audit.json {folder}/bindings/     # a second reaction to the same event, by one file\n  \
             {program} watch sign-up:demo.users-0-1{endpoint}\n"
        )
    } else {
        format!(
            "  curl {url}/readyz\n  {program} list{endpoint}\n  {program} start MACHINE --watch{endpoint}\n"
        )
    }
}
