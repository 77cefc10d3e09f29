//! From a borrowed Kafka message to what an owner takes, on the thread that reads, without an owned copy in between.

use baton_engine::InputRecord;
use baton_schemas::history::InputTopic;
use baton_schemas::{Completion, Record, RecordView, Request};
use bytes::Bytes;
use rdkafka::Message;
use rdkafka::message::{BorrowedMessage, Headers};
use std::panic::{AssertUnwindSafe, catch_unwind};

/// Read access to a message of the client.
pub struct Borrowed<'m>(pub &'m BorrowedMessage<'m>);

impl RecordView for Borrowed<'_> {
    fn key(&self) -> Option<&[u8]> {
        self.0.key()
    }

    fn value(&self) -> Option<&[u8]> {
        self.0.payload()
    }

    fn for_each_header<'a>(&'a self, each: &mut dyn FnMut(&'a str, &'a [u8])) {
        if let Some(headers) = self.0.headers() {
            for header in headers.iter() {
                each(header.key, header.value.unwrap_or_default());
            }
        }
    }
}

/// Reads a record of an input topic. What can't be read becomes a dead letter with the reason; nothing is lost.
pub fn decode(topic: InputTopic, message: &BorrowedMessage<'_>) -> InputRecord {
    // rdkafka panics on a header whose name is not UTF-8. Anybody may write such a record; it must not stop us.
    catch_unwind(AssertUnwindSafe(|| typed(topic, message))).unwrap_or_else(|_| {
        InputRecord::Malformed {
            record: without_headers(message),
            reason: "a header's name is not UTF-8 text; the headers could not be kept".to_owned(),
        }
    })
}

fn typed(topic: InputTopic, message: &BorrowedMessage<'_>) -> InputRecord {
    let view = Borrowed(message);
    let read = match topic {
        InputTopic::Completions => Completion::from_view(&view).map(InputRecord::Completion),
        InputTopic::Requests => Request::from_view(&view).map(InputRecord::Request),
    };
    read.unwrap_or_else(|e| InputRecord::Malformed {
        record: owned(message),
        reason: e.to_string(),
    })
}

/// The message as an owned record. Where a header's name is not UTF-8 the headers can't be read and are left out.
pub fn owned(message: &BorrowedMessage<'_>) -> Record {
    let whole = || {
        let mut record = without_headers(message);
        Borrowed(message).for_each_header(&mut |name, value| {
            record
                .headers
                .push((name.to_owned().into(), Bytes::copy_from_slice(value)))
        });
        record
    };
    catch_unwind(AssertUnwindSafe(whole)).unwrap_or_else(|_| without_headers(message))
}

/// The same without its headers.
pub fn without_headers(message: &BorrowedMessage<'_>) -> Record {
    Record {
        key: message.key().map(Bytes::copy_from_slice),
        headers: Vec::new(),
        value: message.payload().map(Bytes::copy_from_slice),
    }
}
