//! What every request is answered from, and who asks.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::AtomicUsize;

use bytes::Bytes;
use kafka_protocol::messages::BrokerId;
use kafka_protocol::protocol::StrBytes;
use tokio::net::TcpStream;
use tokio::sync::Semaphore;
use uuid::Uuid;

use super::Settings;
use crate::coordinator::Coordinator;
use crate::log::{LogError, Logs};

/// The one broker's id.
pub(crate) const NODE_ID: BrokerId = BrokerId(1);
/// Where the cluster's id is kept among the server's own keys.
const CLUSTER_ID_KEY: &[u8] = b"cluster-id";

/// The parts of a running broker.
pub(crate) struct Broker {
    pub(crate) settings: Settings,
    pub(crate) logs: Arc<Logs>,
    pub(crate) coordinator: Coordinator,
    pub(crate) cluster_id: String,
    /// Room in memory for large requests, in bytes.
    pub(crate) room: Semaphore,
    /// Bytes of answers that are being written.
    pub(crate) unwritten: AtomicUsize,
}

/// One connection's client.
pub(crate) struct Peer {
    /// Where it connects from, as Kafka shows it.
    pub(crate) host: String,
    /// Its own name, from the request at hand.
    pub(crate) client_id: String,
    /// Host and port that it is told to connect to.
    pub(crate) advertised: (StrBytes, i32),
    /// Whether it has shown who it is, or need not.
    pub(crate) authenticated: bool,
    /// Whether it has chosen a SASL mechanism.
    pub(crate) handshaken: bool,
    /// Whether it failed to show who it is: it is told so, and then cut off.
    pub(crate) rejected: bool,
}

impl Peer {
    pub(crate) fn new(
        stream: &TcpStream,
        peer: SocketAddr,
        settings: &Settings,
    ) -> std::io::Result<Self> {
        let (host, port) = match &settings.advertised {
            Some((host, port)) => (host.clone(), *port),
            None => {
                let reached = stream.local_addr()?;
                (reached.ip().to_string(), reached.port())
            }
        };
        Ok(Self {
            host: format!("/{}", peer.ip()),
            client_id: String::new(),
            advertised: (host.into(), i32::from(port)),
            authenticated: settings.users.is_empty(),
            handshaken: false,
            rejected: false,
        })
    }
}

/// The cluster's id, drawn at the first start.
pub(super) async fn cluster_id(
    logs: &Logs,
    state: &BTreeMap<Bytes, Bytes>,
) -> Result<String, LogError> {
    if let Some(id) = state
        .get(CLUSTER_ID_KEY)
        .and_then(|id| std::str::from_utf8(id).ok())
    {
        return Ok(id.to_owned());
    }
    let id = Uuid::new_v4().simple().to_string();
    logs.state_put(vec![(
        Bytes::from_static(CLUSTER_ID_KEY),
        Some(Bytes::from(id.clone())),
    )])
    .await?;
    Ok(id)
}
