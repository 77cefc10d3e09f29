//! What a run of records amounts to, so that two can be compared.
//!
//! Owns: which parts of a record count: all but the batch that it came in.

use rdkafka::message::{BorrowedMessage, Headers, Message};
use sha2::{Digest, Sha256};

/// Number and digest of some records, in order.
#[derive(Clone, Debug, Default)]
pub struct Tally {
    /// How many.
    pub records: u64,
    hash: Sha256,
}

impl Tally {
    /// Adds one that was read.
    pub fn add(&mut self, message: &BorrowedMessage<'_>) {
        self.begin(message.offset(), time_ms(message));
        self.part(message.key());
        self.part(message.payload());
        let headers = message.headers();
        let count = headers.map_or(0, Headers::count);
        self.hash.update((count as u64).to_be_bytes());
        for header in headers.into_iter().flat_map(Headers::iter) {
            self.part(Some(header.key.as_bytes()));
            self.part(header.value);
        }
    }

    /// Adds one without value and headers.
    pub fn add_tombstone(&mut self, offset: i64, time_ms: i64, key: &[u8]) {
        self.begin(offset, time_ms);
        self.part(Some(key));
        self.part(None);
        self.hash.update(0_u64.to_be_bytes());
    }

    /// SHA-256, hexadecimal.
    pub fn digest(&self) -> String {
        let digest = self.hash.clone().finalize();
        digest.iter().map(|byte| format!("{byte:02x}")).collect()
    }

    fn begin(&mut self, offset: i64, time_ms: i64) {
        self.records += 1;
        self.hash.update(offset.to_be_bytes());
        self.hash.update(time_ms.to_be_bytes());
    }

    fn part(&mut self, bytes: Option<&[u8]>) {
        let length = bytes.map_or(-1, |bytes| bytes.len() as i64);
        self.hash.update(length.to_be_bytes());
        self.hash.update(bytes.unwrap_or_default());
    }
}

/// A record's time, Unix milliseconds. The client can't produce one before 1970-01-01T00:00:00.001Z: such a time becomes
/// that one, on both sides.
pub fn time_ms(message: &BorrowedMessage<'_>) -> i64 {
    message.timestamp().to_millis().unwrap_or_default().max(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_part_counts_and_absent_is_not_empty() {
        let tally = |offset, time, key: &[u8]| {
            let mut tally = Tally::default();
            tally.add_tombstone(offset, time, key);
            tally.digest()
        };
        let base = tally(1, 2, b"k");
        assert_eq!(base.len(), 64);
        assert_eq!(base, tally(1, 2, b"k"));
        for other in [tally(2, 2, b"k"), tally(1, 3, b"k"), tally(1, 2, b"")] {
            assert_ne!(base, other);
        }
        let (mut absent, mut empty) = (Tally::default(), Tally::default());
        absent.part(None);
        empty.part(Some(b""));
        assert_ne!(absent.digest(), empty.digest());
    }
}
