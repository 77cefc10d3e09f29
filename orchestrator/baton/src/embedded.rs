//! The embedded broker in this program: beside a node that was told of no Kafka, or alone as `baton broker`.
//!
//! Owns: where it keeps its files, its threads, its start before everything that uses it and its end after. The node
//! talks to it over TCP like to any Kafka; must not: offer it any other way in.

use crate::cli::BrokerArguments;
use crate::config::{Config, Error};
use crate::telemetry;
use baton_broker::log::OpenError;
use baton_broker::server::{self, Handle, ServeError};
use std::io::ErrorKind;
use std::net::{SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::time::Duration;
use tokio::runtime::Runtime;
use tokio::signal::unix::{SignalKind, signal};

/// The broker's folder within `--data`.
const FOLDER: &str = "broker";
/// Where it listens if nobody says.
pub const ADDRESS_DEFAULT: ([u8; 4], u16) = ([127, 0, 0, 1], 9092);
/// It has threads of its own, so that HTTP and it don't wait for each other.
const THREADS: usize = 2;
/// A file beside the broker's folder that says where the records are now.
const MOVED: &str = "moved-to";
/// Longer than anything that is done with a broker that is only read from.
const NO_HOUSEKEEPING: Duration = Duration::from_secs(30 * 24 * 3_600);
/// How long its last tasks may take after its orderly end.
const LAST_TASKS_END: Duration = Duration::from_millis(200);

/// How the broker beside a node is run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Embedded {
    /// Where it listens; port 0 takes a free one.
    pub address: SocketAddr,
    /// Whether records are on the disk before they are acknowledged.
    pub fsync: bool,
    /// Whether `--data` is removed at the end.
    pub ephemeral: bool,
}

/// A running broker.
pub struct Running {
    handle: Handle,
    runtime: Runtime,
    throw_away: Option<ThrowAway>,
}

/// A folder that is removed with this.
struct ThrowAway(PathBuf);

impl Running {
    /// Starts the broker that the configuration asks for, if it does, and writes its address there.
    ///
    /// # Errors
    /// Its folder is another process's or broken, or its address is taken.
    pub fn start(config: &mut Config) -> Result<Option<Self>, Error> {
        let Some(embedded) = &config.embedded else {
            return Ok(None);
        };
        let mut settings = settings(&config.folder, embedded.address);
        settings.fsync = embedded.fsync;
        let throw_away = embedded.ephemeral.then(|| ThrowAway(config.folder.clone()));
        let running = Self::serve(&config.folder, settings, throw_away)?;
        config.kafka.brokers = running.handle.address.to_string();
        Ok(Some(running))
    }

    /// Starts the broker of a folder for one client that is told its address: nobody else looks for it there, and nothing
    /// grows old meanwhile.
    ///
    /// # Errors
    /// There is no such folder; otherwise as [`Self::start`].
    pub fn open(folder: &Path) -> Result<Self, Error> {
        if !folder.join(FOLDER).is_dir() {
            let folder = folder.join(FOLDER);
            return Err(Error(format!(
                "{} is not there: which folder has the embedded broker? --data",
                folder.display()
            )));
        }
        let mut settings = settings(folder, SocketAddr::from(([127, 0, 0, 1], 0)));
        settings.auto_create_topics = false;
        settings.housekeeping_every = NO_HOUSEKEEPING;
        Self::serve(folder, settings, None)
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.handle.address
    }

    /// Ends it. Everything that uses it has ended before.
    pub fn stop(self) {
        self.runtime.block_on(self.handle.shutdown());
        self.runtime.shutdown_timeout(LAST_TASKS_END);
        drop(self.throw_away);
    }

    fn serve(
        folder: &Path,
        settings: server::Settings,
        throw_away: Option<ThrowAway>,
    ) -> Result<Self, Error> {
        refuse_moved(folder)?;
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(THREADS)
            .thread_name("baton-broker")
            .enable_all()
            .build()
            .map_err(|e| Error(format!("the broker's threads can't be started: {e}")))?;
        let handle = runtime
            .block_on(server::serve(settings))
            .map_err(|error| explained(&error))?;
        Ok(Self {
            handle,
            runtime,
            throw_away,
        })
    }
}

impl Drop for ThrowAway {
    fn drop(&mut self) {
        if let Err(error) = std::fs::remove_dir_all(&self.0) {
            tracing::warn!(folder = %self.0.display(), %error, "the throw-away folder can't be removed");
        }
    }
}

/// `baton broker`: runs it until SIGTERM or SIGINT.
///
/// # Errors
/// As [`Running::start`].
pub fn alone(given: BrokerArguments) -> Result<(), Error> {
    telemetry::start(given.log.unwrap_or_default(), given.log_filter.as_deref())?;
    telemetry::log_panics();
    let mut settings = settings(&given.data, given.listen);
    settings.fsync = given.fsync;
    settings.auto_create_topics = !given.no_auto_create;
    settings.advertised = given.advertised;
    settings.users = given.users;
    settings.housekeeping_every = Duration::from_millis(given.housekeeping_ms.max(1));
    let running = Running::serve(&given.data, settings, None)?;
    println!("listening on {}", running.handle.address);
    let ended = running.runtime.block_on(async {
        let (mut terminate, mut interrupt) = (
            signal(SignalKind::terminate())?,
            signal(SignalKind::interrupt())?,
        );
        tokio::select! { _ = terminate.recv() => {}, _ = interrupt.recv() => {} }
        Ok::<_, std::io::Error>(())
    });
    running.stop();
    ended.map_err(|e| Error(format!("signals can't be received: {e}")))
}

/// Marks a folder as one that must not go on, because its records were moved to a Kafka.
///
/// # Errors
/// The mark can't be written.
pub fn mark_moved(folder: &Path, to: &str) -> Result<(), Error> {
    let mark = folder.join(MOVED);
    std::fs::write(&mark, format!("{to}\n")).map_err(|e| Error(format!("{}: {e}", mark.display())))
}

fn refuse_moved(folder: &Path) -> Result<(), Error> {
    let mark = folder.join(MOVED);
    match std::fs::read_to_string(&mark) {
        Ok(to) => {
            let to = to.trim();
            Err(Error(format!(
                "the records of this folder were moved to the Kafka at {to}: use --kafka {to}. To go on here instead, when nothing runs there, remove {}",
                mark.display()
            )))
        }
        // Most folders have no mark.
        Err(_) => Ok(()),
    }
}

/// `wanted` if nobody listens there, else the same with a free port; and whether it is another.
///
/// Somebody may take it before it is used: then the start fails and says so.
pub fn free(wanted: SocketAddr) -> (SocketAddr, bool) {
    let taken = |e: std::io::Error| e.kind() == ErrorKind::AddrInUse;
    if !TcpListener::bind(wanted).is_err_and(taken) {
        return (wanted, false);
    }
    let any = TcpListener::bind((wanted.ip(), 0)).and_then(|socket| socket.local_addr());
    any.map_or((wanted, false), |other| (other, true))
}

/// A new folder for what is thrown away at the end.
///
/// # Errors
/// It can't be made.
pub fn throw_away_folder() -> Result<PathBuf, Error> {
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    let name = format!(
        "baton-{}-{}",
        std::process::id(),
        now.unwrap_or_default().as_nanos()
    );
    let folder = std::env::temp_dir().join(name);
    std::fs::create_dir(&folder)
        .map_err(|e| Error(format!("{}: {e}", folder.display())))
        .map(|()| folder)
}

fn settings(folder: &Path, address: SocketAddr) -> server::Settings {
    server::Settings::new(folder.join(FOLDER), address)
}

/// The broker's reason with what to do about it in this program's words.
fn explained(error: &ServeError) -> Error {
    let hint = match error {
        ServeError::Open(OpenError::Locked { .. }) => {
            ": each Baton needs a folder of its own, by --data"
        }
        ServeError::Listen { .. } => {
            ", by --broker HOST:PORT (`baton broker`: --listen). If a Kafka listens there, --kafka HOST:PORT uses it instead"
        }
        _ => "",
    };
    Error(format!("the embedded broker: {error}{hint}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_taken_port_is_exchanged_for_a_free_one() {
        let taken = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = taken.local_addr().unwrap();
        let (other, is_other) = free(address);
        assert!(is_other && other.port() != address.port());
        assert_eq!(other.ip(), address.ip());
        drop(taken);
        assert_eq!(free(address), (address, false));
    }

    #[test]
    fn a_folder_that_was_moved_does_not_go_on() {
        let folder = throw_away_folder().unwrap();
        let removed = ThrowAway(folder.clone());
        let error = Running::open(&folder).err().unwrap().to_string();
        assert!(error.contains("--data"), "{error}");
        mark_moved(&folder, "kafka:9092").unwrap();
        std::fs::create_dir(folder.join(FOLDER)).unwrap();
        let error = Running::open(&folder).err().unwrap().to_string();
        assert!(error.contains("--kafka kafka:9092"), "{error}");
        drop(removed);
    }

    #[test]
    fn a_second_broker_on_the_same_folder_is_told_what_to_do() {
        let folder = throw_away_folder().unwrap();
        let any = SocketAddr::from(([127, 0, 0, 1], 0));
        let throw_away = Some(ThrowAway(folder.clone()));
        let first = Running::serve(&folder, settings(&folder, any), throw_away).unwrap();
        let error = Running::serve(&folder, settings(&folder, any), None);
        let error = error.err().map(|e| e.to_string()).unwrap_or_default();
        assert!(
            error.contains("in use") && error.contains("--data"),
            "{error}"
        );
        let other = throw_away_folder().unwrap();
        let taken = first.handle.address;
        let error = Running::serve(
            &other,
            settings(&other, taken),
            Some(ThrowAway(other.clone())),
        );
        let error = error.err().map(|e| e.to_string()).unwrap_or_default();
        assert!(error.contains("--kafka HOST:PORT"), "{error}");
        assert!(!other.exists(), "also if it did not start");
        first.stop();
        assert!(!folder.exists(), "what is thrown away is gone");
    }
}
