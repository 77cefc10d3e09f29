//! Fetch: records out, as soon as there are enough or the client has waited long enough.
//!
//! Sessions (KIP-227) are refused by answering session id 0: every request names all its partitions.

use std::future::Future;
use std::pin::{Pin, pin};
use std::sync::atomic::Ordering;
use std::task::Poll;
use std::time::Duration;

use kafka_protocol::ResponseError;
use kafka_protocol::messages::fetch_request::{FetchPartition, FetchTopic};
use kafka_protocol::messages::fetch_response::{FetchableTopicResponse, PartitionData};
use kafka_protocol::messages::{FetchRequest, FetchResponse};
use tokio::sync::watch;

use super::errors::of_log;
use crate::log::LogError;
use crate::server::Broker;
use crate::server::limits::{
    FETCH_BYTES_MAX, FETCH_BYTES_MIN, FETCH_PARTITIONS_MAX, FETCH_WAIT_MAX, UNWRITTEN_BYTES_MAX,
};

/// The epoch of every partition's leader, for ever.
const LEADER_EPOCH: i32 = 0;

/// Answers a Fetch.
pub(crate) async fn fetch(broker: &Broker, request: FetchRequest) -> FetchResponse {
    if request.session_id != 0 {
        return FetchResponse::default()
            .with_error_code(ResponseError::FetchSessionIdNotFound.code());
    }
    let partitions: usize = request
        .topics
        .iter()
        .map(|topic| topic.partitions.len())
        .sum();
    if partitions > FETCH_PARTITIONS_MAX {
        return FetchResponse::default().with_error_code(ResponseError::InvalidRequest.code());
    }
    let wait =
        Duration::from_millis(u64::try_from(request.max_wait_ms).unwrap_or(0)).min(FETCH_WAIT_MAX);
    let read = read_all(broker, &request);
    if read.is_enough(&request) || wait.is_zero() {
        return read.response;
    }
    let mut deadline = pin!(tokio::time::sleep(wait));
    loop {
        // First the watches, then the read: what is appended in between is seen by one of them.
        let mut watches = watch_all(broker, &request);
        let read = read_all(broker, &request);
        if read.is_enough(&request) || deadline.is_elapsed() {
            return read.response;
        }
        tokio::select! {
            () = any_changed(&mut watches) => {}
            () = &mut deadline => {}
        }
    }
}

/// Most bytes of an answer: less, the more of other answers lies in memory because clients are slow to take it.
fn most_bytes(broker: &Broker) -> usize {
    let left = UNWRITTEN_BYTES_MAX.saturating_sub(broker.unwritten.load(Ordering::Relaxed));
    left.clamp(FETCH_BYTES_MIN, FETCH_BYTES_MAX)
}

/// A response, and what decides whether it is given at once.
struct ReadAll {
    response: FetchResponse,
    bytes: usize,
    failed: bool,
}

impl ReadAll {
    fn is_enough(&self, request: &FetchRequest) -> bool {
        self.failed || self.bytes >= usize::try_from(request.min_bytes).unwrap_or(0)
    }
}

fn read_all(broker: &Broker, request: &FetchRequest) -> ReadAll {
    let mut room = usize::try_from(request.max_bytes)
        .unwrap_or(0)
        .min(most_bytes(broker));
    let (mut bytes, mut failed) = (0, false);
    let mut responses = Vec::with_capacity(request.topics.len());
    for topic in &request.topics {
        let mut partitions = Vec::with_capacity(topic.partitions.len());
        for partition in &topic.partitions {
            // The first records are given however large they are, so that a consumer always gets on.
            let data = read_one(
                broker,
                topic,
                partition,
                if bytes == 0 { room.max(1) } else { room },
            );
            let read = data.records.as_ref().map_or(0, bytes::Bytes::len);
            bytes += read;
            room = room.saturating_sub(read);
            failed |= data.error_code != 0;
            partitions.push(data);
        }
        responses.push(
            FetchableTopicResponse::default()
                .with_topic(topic.topic.clone())
                .with_partitions(partitions),
        );
    }
    ReadAll {
        response: FetchResponse::default().with_responses(responses),
        bytes,
        failed,
    }
}

fn read_one(
    broker: &Broker,
    topic: &FetchTopic,
    asked: &FetchPartition,
    room: usize,
) -> PartitionData {
    let data = PartitionData::default()
        .with_partition_index(asked.partition)
        .with_aborted_transactions(None);
    let failed = |data: PartitionData, error: ResponseError| {
        data.with_error_code(error.code()).with_high_watermark(-1)
    };
    if asked.current_leader_epoch > LEADER_EPOCH {
        return failed(data, ResponseError::UnknownLeaderEpoch);
    }
    let most = usize::try_from(asked.partition_max_bytes)
        .unwrap_or(0)
        .min(room);
    let read = if room == 0 {
        // No room is left: only how far the partition goes.
        let end = broker.logs.end_offset(&topic.topic, asked.partition);
        end.and_then(|end| {
            Ok((
                bytes::Bytes::new(),
                end,
                broker.logs.start_offset(&topic.topic, asked.partition)?,
            ))
        })
    } else {
        let read = broker.logs.read(
            &topic.topic,
            asked.partition,
            asked.fetch_offset,
            most.max(1),
        );
        read.map(|read| (read.records, read.high_watermark, read.log_start))
    };
    match read {
        Ok((records, end, start)) => data
            .with_high_watermark(end)
            .with_last_stable_offset(end)
            .with_log_start_offset(start)
            .with_records(Some(records)),
        Err(LogError::OffsetOutOfRange { start, end }) => {
            failed(data, ResponseError::OffsetOutOfRange)
                .with_high_watermark(end)
                .with_last_stable_offset(end)
                .with_log_start_offset(start)
        }
        Err(error) => failed(data, of_log(&error)),
    }
}

fn watch_all(broker: &Broker, request: &FetchRequest) -> Vec<watch::Receiver<i64>> {
    let named = request.topics.iter().flat_map(|topic| {
        topic
            .partitions
            .iter()
            .map(|one| (&topic.topic, one.partition))
    });
    named
        .filter_map(|(topic, partition)| broker.logs.watch(topic, partition).ok())
        .collect()
}

/// Waits until one of the partitions has grown, or has been deleted.
async fn any_changed(watches: &mut [watch::Receiver<i64>]) {
    type Changed<'a> =
        Pin<Box<dyn Future<Output = Result<(), watch::error::RecvError>> + Send + 'a>>;
    let mut changes: Vec<Changed<'_>> = watches
        .iter_mut()
        .map(|watch| Box::pin(watch.changed()) as Changed<'_>)
        .collect();
    std::future::poll_fn(|context| {
        let ready = |change: &mut Changed<'_>| change.as_mut().poll(context).is_ready();
        if changes.iter_mut().any(ready) {
            Poll::Ready(())
        } else {
            Poll::Pending
        }
    })
    .await;
}
