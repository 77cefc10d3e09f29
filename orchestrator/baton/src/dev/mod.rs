//! `baton dev`: a node for one machine, with the example workflows and every change of state on the screen.
//!
//! Owns: the defaults of such a node, its folder, what it prints, and the process of the example workers. Everything else
//! is what `serve` runs: the same engine on the same Kafka. Ended and started again, it goes on where it was.

#[cfg(feature = "demo")]
mod demo;
mod screen;
#[cfg(feature = "demo")]
pub mod worker;

use crate::cli::{DevArguments, Settings};
use crate::config::{Config, Error};
use baton_api::App;
use baton_engine::ViewWriter;
use baton_kafka::RuntimeHandle;
use baton_kafka::config::PARTITIONS_DEV;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};
use tokio::sync::watch;

/// The folder if no other is given: everything that `dev` keeps on disk.
const FOLDER: &str = "baton-dev";
/// The screen is for changes of state; logs only say what is wrong.
const LOG_FILTER: &str = "warn,baton_kafka=error,lsm_tree=error,fjall=error";
/// How often somebody asks whether the node is ready.
const READY_LOOK: Duration = Duration::from_secs(1);

/// What `dev` adds to a node.
pub struct Dev {
    folder: PathBuf,
    has_demo: bool,
    begun: Instant,
}

/// The configuration of such a node, and what it adds.
///
/// # Errors
/// As [`Config::load`]; the folder can't be made.
pub fn configure(given: DevArguments) -> Result<(Config, Dev), Error> {
    let begun = Instant::now();
    let base = Settings {
        data: Some(FOLDER.into()),
        queue_partitions: Some(PARTITIONS_DEV),
        log_filter: Some(LOG_FILTER.to_owned()),
        ..Settings::default()
    };
    if given.arguments.kafka.is_none() && given.arguments.config.is_none() {
        // Here the embedded broker will begin; until then one has to be named.
        return Err(Error(
            "which Kafka? say --kafka HOST:PORT, or BATON_KAFKA".to_owned(),
        ));
    }
    let mut config = Config::load_over(&base, given.arguments)?;
    config.kafka.partitions_default = PARTITIONS_DEV;
    let folder = config.data.clone();
    config.data = folder.join("store");
    let has_demo = cfg!(feature = "demo") && !given.no_demo;
    let bindings = folder.join("bindings");
    make(&bindings)?;
    #[cfg(feature = "demo")]
    if has_demo {
        demo::write_files(&folder)?;
    }
    config.bindings.get_or_insert(bindings);
    let dev = Dev {
        folder,
        has_demo,
        begun,
    };
    Ok((config, dev))
}

impl Dev {
    /// Prints the changes of state that become effective from now on.
    ///
    /// # Errors
    /// No thread for that.
    pub fn listen(&self, views: Box<dyn ViewWriter>) -> Result<Box<dyn ViewWriter>, Error> {
        screen::listen(views)
    }

    /// Waits until the node is ready, sees to the demo, and says what to do with it. Await it before bindings are read.
    ///
    /// # Errors
    /// What of the demo can't be made.
    pub async fn begin(
        &self,
        config: &Config,
        app: &App,
        engine: &RuntimeHandle,
        stop: &watch::Receiver<bool>,
    ) -> Result<(), Error> {
        while !*stop.borrow() {
            let engine = engine.clone();
            let ready = tokio::task::spawn_blocking(move || engine.wait_until_ready(READY_LOOK));
            if ready.await.unwrap_or(false) {
                break;
            }
        }
        if *stop.borrow() {
            return Ok(());
        }
        #[cfg(feature = "demo")]
        if self.has_demo {
            demo::prepare(config, app).await?;
        }
        #[cfg(not(feature = "demo"))]
        let _ = app;
        screen::banner(config, &self.folder, self.has_demo, self.begun.elapsed());
        Ok(())
    }

    /// Keeps the example workers running until `stop` says so.
    pub async fn keep(self, config: Config, stop: watch::Receiver<bool>) {
        #[cfg(feature = "demo")]
        if self.has_demo {
            worker::keep(&config, &self.folder, stop).await;
        }
        #[cfg(not(feature = "demo"))]
        drop((config, stop));
    }
}

fn make(folder: &Path) -> Result<(), Error> {
    std::fs::create_dir_all(folder).map_err(|e| Error(format!("{}: {e}", folder.display())))
}
