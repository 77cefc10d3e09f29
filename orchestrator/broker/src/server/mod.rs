//! The server: Kafka's protocol over TCP in front of the log and the groups.
//!
//! Owns: connections, framing, versions, authentication, start and end. Must not: know what a request means;
//! [`crate::handlers`] does.
//!
//! One task serves one connection, from its bytes to its answers, so that a round trip changes tasks only for the sync
//! to the disk. Answers leave in the order of their requests. Produce requests overlap, so that one sync covers several;
//! any other request waits for those before it, as in Kafka.

mod apis;
mod broker;
mod connection;
mod dispatch;
mod guard;
mod inbound;
pub mod limits;
mod sasl;
mod settings;

pub(crate) use broker::{Broker, NODE_ID, Peer};
pub(crate) use guard::decode;
pub use settings::{ServeError, Settings, User};

use std::net::SocketAddr;
use std::sync::atomic::AtomicUsize;
use std::sync::{Arc, mpsc};
use std::thread;
use std::time::{SystemTime, UNIX_EPOCH};

use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, watch};
use tokio::task::JoinSet;
use tracing::{info, warn};

use crate::coordinator::Coordinator;
use crate::log::{self, Logs};

/// A running broker. It runs until [`Handle::shutdown`]; dropping the handle ends it less tidily.
pub struct Handle {
    /// Where it listens.
    pub address: SocketAddr,
    stop: watch::Sender<bool>,
    acceptor: tokio::task::JoinHandle<()>,
    timers: tokio::task::JoinHandle<()>,
    housekeeping: Option<(mpsc::Sender<()>, thread::JoinHandle<()>)>,
    logs: Arc<Logs>,
}

impl Handle {
    /// Takes no more requests, answers those under way, and leaves the data directory so that the next start is quick.
    pub async fn shutdown(mut self) {
        self.stop.send_replace(true);
        let ended = tokio::time::timeout(limits::SHUTDOWN_MAX, &mut self.acceptor).await;
        if ended.is_err() {
            self.acceptor.abort();
        }
        self.timers.abort();
        // What it holds is let go of, the lock of the data directory with it.
        let _ = (&mut self.timers).await;
        let (housekeeping, logs) = (self.housekeeping.take(), self.logs.clone());
        let closing = tokio::task::spawn_blocking(move || {
            if let Some((stop, thread)) = housekeeping {
                drop(stop);
                if thread.join().is_err() {
                    warn!("the housekeeping thread had panicked");
                }
            }
            logs.close();
        });
        if closing.await.is_err() {
            warn!("the log was not closed tidily; the next start reads more of it");
        }
    }
}

impl Drop for Handle {
    fn drop(&mut self) {
        self.stop.send_replace(true);
    }
}

/// Opens the data directory, listens, and serves on the current tokio runtime.
pub async fn serve(settings: Settings) -> Result<Handle, ServeError> {
    let dir = settings.data_dir.clone();
    let how = log::Settings {
        fsync: settings.fsync,
    };
    let opened = tokio::task::spawn_blocking(move || {
        let logs = Logs::open(&dir, how)?;
        let state = logs.state_all().map_err(ServeError::State)?;
        Ok::<_, ServeError>((logs, state))
    });
    let (logs, state) = opened.await.expect("opening the log does not panic")?;
    let address = settings.listen;
    let listener = TcpListener::bind(address)
        .await
        .map_err(|source| ServeError::Listen { address, source })?;
    let address = listener
        .local_addr()
        .map_err(|source| ServeError::Listen { address, source })?;
    let coordinator = Coordinator::new(logs.clone(), &state);
    let cluster_id = broker::cluster_id(&logs, &state)
        .await
        .map_err(ServeError::State)?;
    let (stop, stopping) = watch::channel(false);
    let broker = Arc::new(Broker {
        settings,
        logs: logs.clone(),
        coordinator,
        cluster_id,
        unwritten: AtomicUsize::new(0),
        room: Semaphore::new(limits::LARGE_REQUESTS_BYTES_MAX),
    });
    let timers = tokio::spawn({
        let broker = broker.clone();
        async move { broker.coordinator.run_timers().await }
    });
    let housekeeping = keep_house(broker.clone()).map_err(ServeError::Thread)?;
    let acceptor = tokio::spawn(accept(listener, broker, stopping));
    info!(%address, "the broker listens");
    Ok(Handle {
        address,
        stop,
        acceptor,
        timers,
        housekeeping: Some(housekeeping),
        logs,
    })
}

async fn accept(listener: TcpListener, broker: Arc<Broker>, mut stopping: watch::Receiver<bool>) {
    let room = Arc::new(Semaphore::new(broker.settings.connections_max));
    let mut connections = JoinSet::new();
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            Some(_) = connections.join_next(), if !connections.is_empty() => continue,
            _ = stopping.changed() => break,
        };
        let (stream, peer) = match accepted {
            Ok(accepted) => accepted,
            Err(error) => {
                warn!(%error, "a connection could not be accepted");
                tokio::time::sleep(limits::ACCEPT_PAUSE).await;
                continue;
            }
        };
        let Ok(permit) = room.clone().try_acquire_owned() else {
            warn!(%peer, max = broker.settings.connections_max, "too many connections: closed at once");
            continue;
        };
        let (broker, stopping) = (broker.clone(), stopping.clone());
        connections.spawn(async move {
            serve_connection(stream, peer, broker, stopping).await;
            drop(permit);
        });
    }
    drop(listener);
    while connections.join_next().await.is_some() {}
}

async fn serve_connection(
    stream: TcpStream,
    peer: SocketAddr,
    broker: Arc<Broker>,
    stopping: watch::Receiver<bool>,
) {
    let served = match Peer::new(&stream, peer, &broker.settings) {
        Ok(known) => connection::run(stream, known, &broker, stopping).await,
        Err(error) => Err(connection::End::Io(error)),
    };
    match served {
        Ok(()) | Err(connection::End::Closed) => {}
        Err(connection::End::Io(error)) => tracing::debug!(%peer, %error, "connection lost"),
        Err(connection::End::Refused(reason)) => warn!(%peer, %reason, "connection closed"),
    }
}

/// Starts the thread that keeps the log and the groups small; it ends when the sender is dropped.
fn keep_house(broker: Arc<Broker>) -> std::io::Result<(mpsc::Sender<()>, thread::JoinHandle<()>)> {
    let (stop, stopped) = mpsc::channel();
    let runtime = tokio::runtime::Handle::current();
    let thread = thread::Builder::new()
        .name("broker-housekeeping".to_owned())
        .spawn(move || {
            let every = broker.settings.housekeeping_every;
            while stopped.recv_timeout(every) == Err(mpsc::RecvTimeoutError::Timeout) {
                let now_ms = unix_ms();
                broker.logs.maintain(now_ms);
                runtime.block_on(broker.coordinator.expire(now_ms));
            }
        })?;
    Ok((stop, thread))
}

/// Unix time in milliseconds.
pub(crate) fn unix_ms() -> i64 {
    let since = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default();
    i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
}
