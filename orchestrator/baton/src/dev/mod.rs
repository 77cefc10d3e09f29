//! `baton dev`: a node for one machine, with the example workflows and every change of state on the screen.
//!
//! Owns: the defaults of such a node, its folder, what it prints, and the process of the example workers. Everything else
//! is what `serve` runs: the same engine on the same Kafka, which is the embedded broker unless one is named. Ended and
//! started again, it goes on where it was.

#[cfg(feature = "demo")]
mod demo;
mod screen;
#[cfg(feature = "demo")]
pub mod worker;

use crate::cli::{DevArguments, Settings};
use crate::config::{Config, Error, HTTP_DEFAULT, STORE};
use crate::embedded::{ADDRESS_DEFAULT, free};
use baton_api::App;
use baton_engine::ViewWriter;
use baton_kafka::RuntimeHandle;
use baton_kafka::config::PARTITIONS_DEV;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};
use tokio::sync::watch;

/// The folder on a Kafka if no other is given: everything that `dev` keeps on disk. With the embedded broker it is that
/// of `serve`, so that either goes on where the other was.
const FOLDER_ON_KAFKA: &str = "baton-dev";
/// The screen is for changes of state; logs only say what is wrong.
const LOG_FILTER: &str =
    "warn,baton_kafka=error,baton_kafka::binding=warn,lsm_tree=error,fjall=error";
/// How often somebody asks whether the node is ready.
const READY_LOOK: Duration = Duration::from_secs(1);

/// What `dev` adds to a node.
pub struct Dev {
    folder: PathBuf,
    has_demo: bool,
    moved: Moved,
    begun: Instant,
}

/// Which default ports were taken, so that others are used.
#[derive(Clone, Copy, Debug)]
struct Moved {
    http: bool,
    broker: bool,
}

/// The configuration of such a node, and what it adds.
///
/// # Errors
/// As [`Config::load`]; the folder can't be made.
pub fn configure(given: DevArguments) -> Result<(Config, Dev), Error> {
    let begun = Instant::now();
    let (http, other_http) = free(HTTP_DEFAULT.into());
    let (broker, other_broker) = free(ADDRESS_DEFAULT.into());
    let base = |has_kafka: bool| Settings {
        queue_partitions: Some(PARTITIONS_DEV),
        log_filter: Some(LOG_FILTER.to_owned()),
        http: other_http.then_some(http),
        broker: (other_broker && !has_kafka).then_some(broker),
        data: has_kafka.then(|| FOLDER_ON_KAFKA.into()),
        ..Settings::default()
    };
    let mut config = Config::load_over(base, given.arguments)?;
    config.kafka.partitions_default = PARTITIONS_DEV;
    let folder = config.folder.clone();
    config.data = folder.join(STORE);
    let moved = Moved {
        http: other_http && config.http == http,
        broker: other_broker
            && config
                .embedded
                .as_ref()
                .is_some_and(|e| e.address == broker),
    };
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
        moved,
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
        screen::banner(config, self, self.begun.elapsed());
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
