//! Bindings of a folder: read at the start, and again when a file changes or on SIGHUP.
//!
//! Owns: which bindings are at work. A file that is wrong at the start is an error; later it is said, and the binding stays
//! as it was, so that a slip of the pen stops nothing. Must not: read bound topics; that is the Kafka adapter's.

pub mod file;

use crate::config::{Config, Error};
use baton_api::App;
use baton_kafka::binding::{Binding, Bound};
use file::{BindingFile, Files};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, SystemTime};
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::watch;
use tokio::task::JoinHandle;

/// How often the folder is looked at.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// Whether all files of the folder can be used.
///
/// # Errors
/// Everything that is wrong, a line each.
pub fn check(folder: &Path) -> Result<(), Error> {
    let files = file::read(folder).map_err(Error)?;
    let problems: Vec<String> = files.into_values().filter_map(Result::err).collect();
    if problems.is_empty() {
        return Ok(());
    }
    Err(Error(problems.join("\n")))
}

/// Keeps the bindings of the configured folder at work until `stop` says so. Await the handle: what was read is started
/// and committed before it ends.
///
/// # Errors
/// Signals can't be received.
pub fn keep(
    config: &Config,
    app: Arc<App>,
    partitions: i32,
    stop: watch::Receiver<bool>,
) -> Result<Option<JoinHandle<()>>, Error> {
    let Some(folder) = config.bindings.clone() else {
        return Ok(None);
    };
    let hangup = signal(SignalKind::hangup())
        .map_err(|e| Error(format!("signals can't be received: {e}")))?;
    let keeper = Keeper {
        folder,
        config: config.clone(),
        app,
        partitions,
        at_work: BTreeMap::new(),
        complaints: Vec::new(),
        is_settled: false,
    };
    Ok(Some(tokio::spawn(keeper.run(hangup, stop))))
}

struct Keeper {
    folder: PathBuf,
    config: Config,
    app: Arc<App>,
    partitions: i32,
    at_work: BTreeMap<Arc<str>, (BindingFile, Bound)>,
    /// Said already.
    complaints: Vec<String>,
    /// Whether the files as they were read last are at work; otherwise they are tried again.
    is_settled: bool,
}

impl Keeper {
    async fn run(
        mut self,
        mut hangup: tokio::signal::unix::Signal,
        mut stop: watch::Receiver<bool>,
    ) {
        let mut look = tokio::time::interval(LOOK_EVERY);
        let mut seen = None;
        loop {
            tokio::select! {
                _ = look.tick() => {}
                _ = hangup.recv() => {
                    tracing::info!("SIGHUP: the bindings are read again");
                    seen = None;
                    self.complaints.clear();
                }
                _ = stop.wait_for(|stop| *stop) => break,
            }
            let print = fingerprint(&self.folder);
            if seen.as_ref() != Some(&print) || !self.is_settled {
                seen = Some(print);
                self.update().await;
            }
        }
        let bounds = std::mem::take(&mut self.at_work);
        end(bounds.into_values().map(|(_, bound)| bound).collect()).await;
    }

    /// Brings what is at work in line with the files.
    async fn update(&mut self) {
        let files = match file::read(&self.folder) {
            Ok(files) => files,
            Err(problem) => {
                self.is_settled = true;
                self.complain(vec![problem]);
                return;
            }
        };
        self.end_removed(&files).await;
        let mut problems = Vec::new();
        self.is_settled = true;
        for file in files.into_values() {
            let applied = match file {
                Ok(file) if self.is_at_work(&file) => Ok(()),
                Ok(file) => {
                    let name = file.name.clone();
                    let applied = self.apply(file).await;
                    // The registry may be reachable again in a moment.
                    self.is_settled &= applied.is_ok();
                    applied.map_err(|e| format!("binding {name}: {e}"))
                }
                Err(problem) => Err(problem),
            };
            problems.extend(applied.err());
        }
        self.complain(problems);
    }

    fn is_at_work(&self, file: &BindingFile) -> bool {
        let current = self.at_work.get(&file.name);
        current.is_some_and(|(current, _)| current == file)
    }

    async fn end_removed(&mut self, files: &Files) {
        let removed: Vec<Arc<str>> = self
            .at_work
            .keys()
            .filter(|name| !files.contains_key(*name))
            .cloned()
            .collect();
        for name in removed {
            if let Some((_, bound)) = self.at_work.remove(&name) {
                tracing::info!(binding.name = %name, "unbound: its file is gone");
                end(vec![bound]).await;
            }
        }
    }

    async fn apply(&mut self, file: BindingFile) -> Result<(), String> {
        if let Some(definition) = &file.definition {
            let put = self.app.put_machine(&file.machine, definition).await;
            put.map_err(|e| e.to_string())?;
        }
        if let Some((_, before)) = self.at_work.remove(&file.name) {
            end(vec![before]).await;
        }
        let Config {
            region, account, ..
        } = &self.config;
        let binding = Binding {
            name: file.name.clone(),
            topic: file.topic.clone(),
            from: file.from,
            machine: file::machine_arn(&file.machine, region, account),
        };
        let bound = Bound::start(&self.config.kafka, self.partitions, binding)
            .map_err(|e| format!("no thread: {e}"))?;
        self.at_work.insert(file.name.clone(), (file, bound));
        Ok(())
    }

    /// Says each problem once.
    fn complain(&mut self, problems: Vec<String>) {
        for problem in &problems {
            if !self.complaints.contains(problem) {
                tracing::error!("{problem}; the binding stays as it was");
            }
        }
        self.complaints = problems;
    }
}

/// Stops bindings; joining their threads blocks.
async fn end(bounds: Vec<Bound>) {
    let ending = tokio::task::spawn_blocking(|| bounds.into_iter().for_each(Bound::stop));
    if let Err(error) = ending.await {
        tracing::error!(%error, "bindings did not end");
    }
}

/// Changes whenever a file does: names, sizes and times.
fn fingerprint(folder: &Path) -> Vec<(PathBuf, u64, Option<SystemTime>)> {
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    let mut prints: Vec<_> = entries
        .filter_map(|entry| {
            let metadata = entry.metadata().ok()?;
            Some((entry.path(), metadata.len(), metadata.modified().ok()))
        })
        .collect();
    prints.sort();
    prints
}
