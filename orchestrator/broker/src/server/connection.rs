//! One connection from its first byte to its last.

use std::collections::VecDeque;
use std::future::Future;
use std::io;
use std::pin::Pin;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use bytes::BytesMut;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::net::tcp::{ReadHalf, WriteHalf};
use tokio::sync::{SemaphorePermit, watch};
use tokio::time::{Instant, timeout};

use super::dispatch::{self, Step};
use super::inbound::Inbound;
use super::limits::{IDLE_MAX, IN_FLIGHT_MAX, LARGE_REQUEST_MAX, READ_AHEAD_BYTES_MAX, WRITE_MAX};
use super::{Broker, Peer};

/// Why a connection ended before its client closed it.
pub(super) enum End {
    /// The client has gone, or the broker stops.
    Closed,
    /// The network failed.
    Io(io::Error),
    /// The client sent what can't be answered.
    Refused(String),
}

impl From<io::Error> for End {
    fn from(error: io::Error) -> Self {
        End::Io(error)
    }
}

/// An answer that is ready, or none for `acks=0`; else why the connection must end.
pub(super) type Answered = Result<Option<BytesMut>, String>;
/// An answer under way.
pub(super) type Answering<'a> = Pin<Box<dyn Future<Output = Answered> + Send + 'a>>;

/// Serves a connection until it ends.
pub(super) async fn run(
    mut stream: TcpStream,
    mut peer: Peer,
    broker: &Broker,
    mut stopping: watch::Receiver<bool>,
) -> Result<(), End> {
    stream.set_nodelay(true)?;
    let (mut reader, mut writer) = stream.split();
    let mut inbound = Inbound::new(broker.settings.request_bytes_max);
    // Produce requests whose records are written, but not yet durable; the oldest first.
    let mut in_flight: VecDeque<Answering<'_>> = VecDeque::new();
    // What a large request has of the room for all of them, and until when it must be whole.
    let mut room: Option<(SemaphorePermit<'_>, Instant)> = None;
    loop {
        if *stopping.borrow() {
            return Err(End::Closed);
        }
        let Some(frame) = inbound.next(peer.authenticated).map_err(End::Refused)? else {
            if room.is_none()
                && let Some(bytes) = inbound.large(peer.authenticated).map_err(End::Refused)?
            {
                while !in_flight.is_empty() {
                    finish_oldest(broker, &mut writer, &mut in_flight).await?;
                }
                let taken = tokio::select! {
                    taken = broker.room.acquire_many(bytes) => taken.map_err(|_| End::Closed)?,
                    _ = stopping.changed() => return Err(End::Closed),
                };
                room = Some((taken, Instant::now() + LARGE_REQUEST_MAX));
            }
            let patience = match &room {
                Some((_, whole_by)) => whole_by.saturating_duration_since(Instant::now()),
                None => IDLE_MAX,
            };
            wait(
                broker,
                &mut reader,
                &mut writer,
                &mut inbound,
                &mut in_flight,
                &mut stopping,
                patience,
            )
            .await?;
            continue;
        };
        let produce = dispatch::is_produce(&frame);
        while in_flight.len() >= IN_FLIGHT_MAX || (!produce && !in_flight.is_empty()) {
            finish_oldest(broker, &mut writer, &mut in_flight).await?;
        }
        match dispatch::begin(broker, &mut peer, frame).map_err(End::Refused)? {
            Step::UnderWay(answering) => in_flight.push_back(answering),
            Step::Answer(request) => {
                let answering = Box::pin(request.answer(broker, &mut peer));
                let answer = attend(answering, &mut reader, &mut inbound, &mut stopping).await?;
                write(broker, &mut writer, answer).await?;
                if peer.rejected {
                    return Err(End::Refused("authentication failed".to_owned()));
                }
            }
        }
        room = None;
    }
}

/// Waits for bytes, or for the oldest of the answers under way.
async fn wait(
    broker: &Broker,
    reader: &mut ReadHalf<'_>,
    writer: &mut WriteHalf<'_>,
    inbound: &mut Inbound,
    in_flight: &mut VecDeque<Answering<'_>>,
    stopping: &mut watch::Receiver<bool>,
    patience: Duration,
) -> Result<(), End> {
    if in_flight.is_empty() {
        inbound.make_room();
        let read = tokio::select! {
            read = timeout(patience, reader.read_buf(&mut inbound.buffer)) => read,
            _ = stopping.changed() => return Err(End::Closed),
        };
        return match read {
            Ok(Ok(0)) | Err(_) => Err(End::Closed),
            Ok(Ok(_)) => Ok(()),
            Ok(Err(error)) => Err(End::Io(error)),
        };
    }
    inbound.make_room();
    let oldest = in_flight.front_mut().expect("not empty");
    let answered = tokio::select! {
        biased;
        answered = oldest => answered,
        read = reader.read_buf(&mut inbound.buffer) => {
            return if read? == 0 { Err(End::Closed) } else { Ok(()) };
        }
    };
    in_flight.pop_front();
    write(broker, writer, answered.map_err(End::Refused)?).await
}

async fn finish_oldest(
    broker: &Broker,
    writer: &mut WriteHalf<'_>,
    in_flight: &mut VecDeque<Answering<'_>>,
) -> Result<(), End> {
    let Some(oldest) = in_flight.pop_front() else {
        return Ok(());
    };
    let answered = oldest.await.map_err(End::Refused)?;
    write(broker, writer, answered).await
}

/// Waits for an answer, and meanwhile for the client to go away.
async fn attend(
    mut answering: Answering<'_>,
    reader: &mut ReadHalf<'_>,
    inbound: &mut Inbound,
    stopping: &mut watch::Receiver<bool>,
) -> Result<Option<BytesMut>, End> {
    loop {
        let has_room = inbound.buffer.len() < READ_AHEAD_BYTES_MAX;
        tokio::select! {
            biased;
            answered = &mut answering => return answered.map_err(End::Refused),
            read = read_ahead(reader, inbound), if has_room => {
                if read? == 0 {
                    return Err(End::Closed);
                }
            }
            _ = stopping.changed() => return Err(End::Closed),
        }
    }
}

async fn read_ahead(reader: &mut ReadHalf<'_>, inbound: &mut Inbound) -> io::Result<usize> {
    inbound.make_room();
    reader.read_buf(&mut inbound.buffer).await
}

async fn write(
    broker: &Broker,
    writer: &mut WriteHalf<'_>,
    answer: Option<BytesMut>,
) -> Result<(), End> {
    let Some(answer) = answer else { return Ok(()) };
    let _counted = Counted::new(&broker.unwritten, answer.len());
    match timeout(WRITE_MAX, writer.write_all(&answer)).await {
        Ok(written) => Ok(written?),
        Err(_) => Err(End::Refused(format!(
            "it has not read an answer for {} s",
            WRITE_MAX.as_secs()
        ))),
    }
}

/// Bytes that count as long as this lives, also if the connection's task is dropped in between.
struct Counted<'a> {
    total: &'a AtomicUsize,
    bytes: usize,
}

impl<'a> Counted<'a> {
    fn new(total: &'a AtomicUsize, bytes: usize) -> Self {
        total.fetch_add(bytes, Ordering::Relaxed);
        Self { total, bytes }
    }
}

impl Drop for Counted<'_> {
    fn drop(&mut self) {
        self.total.fetch_sub(self.bytes, Ordering::Relaxed);
    }
}
