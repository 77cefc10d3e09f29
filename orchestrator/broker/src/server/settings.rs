//! How a broker is run, and why it may not start.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use super::limits;
use crate::log::{LogError, OpenError};

/// How a broker is run. [`Settings::new`] has the defaults.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Where everything is kept; made if absent.
    pub data_dir: PathBuf,
    /// Where it listens; port 0 takes a free one.
    pub listen: SocketAddr,
    /// Host and port that clients are told to connect to. By default the address that each of them reached it by.
    pub advertised: Option<(String, u16)>,
    /// Whether records are synced to the disk before they are acknowledged.
    pub fsync: bool,
    /// Partitions of a topic for which no number is given.
    pub default_partitions: u32,
    /// Whether a topic is made when a client that allows it asks for it.
    pub auto_create_topics: bool,
    /// Who may connect, by SASL PLAIN. Everybody, if there is none.
    pub users: Vec<User>,
    /// Most connections at a time; more are closed at once.
    pub connections_max: usize,
    /// Most bytes of a Produce request.
    pub request_bytes_max: usize,
    /// Time between two rounds of housekeeping: retention, compaction, expiry of offsets.
    pub housekeeping_every: Duration,
}

/// A user of SASL PLAIN (RFC 4616).
#[derive(Clone)]
pub struct User {
    /// Name.
    pub name: String,
    /// Password.
    pub password: String,
}

impl std::fmt::Debug for User {
    /// Without the password.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("User")
            .field("name", &self.name)
            .finish_non_exhaustive()
    }
}

impl Settings {
    /// The defaults: synced, open to everybody who can reach the address, topics made on demand with one partition.
    pub fn new(data_dir: impl Into<PathBuf>, listen: SocketAddr) -> Self {
        Self {
            data_dir: data_dir.into(),
            listen,
            advertised: None,
            fsync: true,
            default_partitions: 1,
            auto_create_topics: true,
            users: Vec::new(),
            connections_max: limits::CONNECTIONS_MAX,
            request_bytes_max: limits::REQUEST_BYTES_MAX,
            housekeeping_every: limits::HOUSEKEEPING_EVERY,
        }
    }
}

/// Why a broker does not start.
#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    /// The data directory can't be used.
    #[error(transparent)]
    Open(#[from] OpenError),
    /// What was kept of groups can't be read.
    #[error("the groups' offsets can't be read: {0}")]
    State(LogError),
    /// The address can't be listened on.
    #[error(
        "can't listen on {address}: {source}; choose another address, or port 0 for any free one"
    )]
    Listen {
        /// The address.
        address: SocketAddr,
        /// Why.
        source: std::io::Error,
    },
    /// A thread can't be started.
    #[error("can't start the housekeeping thread: {0}")]
    Thread(std::io::Error),
}
