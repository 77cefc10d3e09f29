//! Reading typed records straight from a borrowed Kafka message.

use crate::error::TaskError;
use crate::handler::guarded;
use baton_schemas::{Command, DeadLetter, Record, RecordView};
use bytes::Bytes;
use rdkafka::Message;
use rdkafka::message::{BorrowedMessage, Headers};

/// A message as a record, without copying.
pub struct View<'m>(pub &'m BorrowedMessage<'m>);

impl RecordView for View<'_> {
    fn key(&self) -> Option<&[u8]> {
        self.0.key()
    }

    fn value(&self) -> Option<&[u8]> {
        self.0.payload()
    }

    fn for_each_header<'a>(&'a self, each: &mut dyn FnMut(&'a str, &'a [u8])) {
        let Some(headers) = self.0.headers() else {
            return;
        };
        let mut at = 0;
        while let Some(header) = headers.try_get(at) {
            each(header.key, header.value.unwrap_or_default());
            at += 1;
        }
    }
}

/// The command in `message`, or why there is none.
///
/// # Errors
/// What is wrong, in words for the dead letter.
pub fn command(message: &BorrowedMessage<'_>) -> Result<Command, String> {
    // rdkafka panics on a header name that is not UTF-8: one such record must not end the worker.
    match guarded(|| Command::from_view(&View(message))) {
        Ok(read) => read.map_err(|e| e.to_string()),
        Err(TaskError { cause, .. }) => Err(format!("unreadable headers: {cause}")),
    }
}

/// `message` as a dead letter; headers that can't be read are left out.
pub fn dead_letter(message: &BorrowedMessage<'_>, reason: &str) -> DeadLetter {
    let headers = guarded(|| {
        let mut headers = Vec::new();
        View(message).for_each_header(&mut |name, value| {
            headers.push((name.to_owned().into(), Bytes::copy_from_slice(value)));
        });
        headers
    });
    let original = Record {
        key: message.key().map(Bytes::copy_from_slice),
        headers: headers.unwrap_or_default(),
        value: message.payload().map(Bytes::copy_from_slice),
    };
    DeadLetter {
        original,
        topic: message.topic().into(),
        partition: message.partition(),
        offset: message.offset(),
        reason: reason.into(),
    }
}
