//! InitProducerId: ids for idempotent producers. Transactional ones are refused.

use kafka_protocol::ResponseError;
use kafka_protocol::messages::{InitProducerIdRequest, InitProducerIdResponse, ProducerId};

use super::errors::of_log;
use crate::server::Broker;

/// Answers an InitProducerId. As in Kafka, a producer without a transactional id always gets a new id (KIP-360).
pub(crate) fn init(broker: &Broker, request: &InitProducerIdRequest) -> InitProducerIdResponse {
    let refused = |error: ResponseError| {
        InitProducerIdResponse::default()
            .with_error_code(error.code())
            .with_producer_id(ProducerId(-1))
            .with_producer_epoch(-1)
    };
    if request.transactional_id.is_some() {
        return refused(ResponseError::TransactionalIdAuthorizationFailed);
    }
    match broker.logs.new_producer_id() {
        Ok((id, epoch)) => InitProducerIdResponse::default()
            .with_producer_id(ProducerId(id))
            .with_producer_epoch(epoch),
        Err(error) => refused(of_log(&error)),
    }
}
