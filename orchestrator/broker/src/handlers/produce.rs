//! Produce: records in.
//!
//! `acks=1` is answered like `acks=all`: there is one replica, and what is acknowledged is durable.

use bytes::Bytes;
use kafka_protocol::ResponseError;
use kafka_protocol::messages::produce_request::TopicProduceData;
use kafka_protocol::messages::produce_response::{PartitionProduceResponse, TopicProduceResponse};
use kafka_protocol::messages::{ProduceRequest, ProduceResponse, TopicName};

use super::errors::{code, explain};
use crate::log::{LogError, Written};
use crate::server::Broker;

/// First version whose answer has room for a message.
const MESSAGE_VERSION: i16 = 8;

/// A Produce request whose records have their offsets, but may not be durable yet.
pub(crate) struct Pending {
    topics: Vec<(TopicName, Vec<PendingPartition>)>,
    answered: bool,
    version: i16,
}

struct PendingPartition {
    index: i32,
    written: Result<Written, Refused>,
}

enum Refused {
    Log(LogError),
    Request(ResponseError),
}

/// Writes all records of a request, in order, before any other request of the connection is looked at.
pub(crate) fn write(broker: &Broker, request: ProduceRequest, version: i16) -> Pending {
    let refused = refusal(&request);
    let write_topic = |topic: TopicProduceData| {
        let partitions = topic
            .partition_data
            .into_iter()
            .map(|data| PendingPartition {
                index: data.index,
                written: match refused {
                    Some(error) => Err(Refused::Request(error)),
                    None => write_one(
                        broker,
                        &topic.name,
                        data.index,
                        data.records.unwrap_or_default(),
                    ),
                },
            });
        let partitions = partitions.collect();
        (topic.name, partitions)
    };
    Pending {
        topics: request.topic_data.into_iter().map(write_topic).collect(),
        answered: request.acks != 0,
        version,
    }
}

/// What is wrong with the request as a whole.
fn refusal(request: &ProduceRequest) -> Option<ResponseError> {
    if request.transactional_id.is_some() {
        return Some(ResponseError::InvalidTxnState);
    }
    if !(-1..=1).contains(&request.acks) {
        return Some(ResponseError::InvalidRequiredAcks);
    }
    None
}

fn write_one(
    broker: &Broker,
    topic: &TopicName,
    index: i32,
    records: Bytes,
) -> Result<Written, Refused> {
    broker
        .logs
        .write(topic, index, records)
        .map_err(Refused::Log)
}

impl Pending {
    /// Waits for the disk. Nothing is answered to `acks=0`.
    pub(crate) async fn durable(self) -> Option<ProduceResponse> {
        if !self.answered {
            return None;
        }
        let mut responses = Vec::with_capacity(self.topics.len());
        for (name, pending) in self.topics {
            let mut partitions = Vec::with_capacity(pending.len());
            for partition in pending {
                partitions.push(partition.durable(self.version).await);
            }
            responses.push(
                TopicProduceResponse::default()
                    .with_name(name)
                    .with_partition_responses(partitions),
            );
        }
        Some(ProduceResponse::default().with_responses(responses))
    }
}

impl PendingPartition {
    async fn durable(self, version: i16) -> PartitionProduceResponse {
        let response = PartitionProduceResponse::default().with_index(self.index);
        let done = match self.written {
            Ok(written) => written.durable().await.map_err(Refused::Log),
            Err(refused) => Err(refused),
        };
        let (error_code, message) = match done {
            Ok(appended) => {
                return response
                    .with_base_offset(appended.base_offset)
                    .with_log_append_time_ms(appended.log_append_time)
                    .with_log_start_offset(appended.log_start);
            }
            Err(Refused::Log(error)) => explain(&error),
            Err(Refused::Request(error)) => (code(Some(error)), None),
        };
        response
            .with_error_code(error_code)
            .with_base_offset(-1)
            .with_log_append_time_ms(-1)
            .with_log_start_offset(-1)
            .with_error_message(message.filter(|_| version >= MESSAGE_VERSION))
    }
}
