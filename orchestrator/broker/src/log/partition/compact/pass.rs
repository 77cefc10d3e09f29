//! One pass: the last offset of each key in the part that is new, and the rule what stays.
//!
//! Owns: the decision. Must not: read or write files. Keys are known by a hash of 128 bits under keys drawn in this
//! process, so that nobody can make two keys fall together; memory is bounded by `COMPACTION_KEYS_MAX`.

use crate::log::{
    batch::{HEADER_BYTES, Header},
    codec,
    limits::{COMPACTION_KEYS_MAX, DECOMPRESSED_BYTES_MAX},
    records::{Record, records},
};
use std::{
    collections::HashMap,
    hash::{BuildHasher, RandomState},
};

/// What one pass knows.
pub struct Pass {
    /// Records from here on are not looked at.
    pub to: i64,
    /// Tombstones before this offset may go.
    horizon: i64,
    last: HashMap<u128, i64>,
    hashers: [RandomState; 2],
}

impl Pass {
    /// A pass over what is new from `from` on.
    pub fn new(from: i64, horizon: i64) -> Self {
        Pass {
            to: from,
            horizon,
            last: HashMap::new(),
            hashers: [RandomState::new(), RandomState::new()],
        }
    }

    /// Notes a batch's keys. Says `false` without having done so when there is no room for more.
    pub fn note(&mut self, header: &Header, batch: &[u8]) -> bool {
        if header.base_offset < self.to {
            return true;
        }
        let is_full = self.last.len() + header.count as usize > COMPACTION_KEYS_MAX;
        if is_full && !self.last.is_empty() {
            return false;
        }
        // A batch that can't be looked into stays as it is and replaces nothing.
        if let Ok(body) = codec::decompress(
            header.compression(),
            &batch[HEADER_BYTES..],
            DECOMPRESSED_BYTES_MAX,
        ) {
            for record in records(&body, header.count).map_while(Result::ok) {
                // Past twice the bound, in one huge batch, further keys just keep their older records.
                if let Some(key) = record.key
                    && self.last.len() < 2 * COMPACTION_KEYS_MAX
                {
                    self.last.insert(self.hash(key), offset(header, &record));
                }
            }
        }
        self.to = header.last_offset() + 1;
        true
    }

    /// Whether a record stays.
    pub fn keeps(&self, header: &Header, record: &Record) -> bool {
        let offset = offset(header, record);
        let Some(key) = record.key else {
            return true;
        };
        if offset >= self.to {
            return true;
        }
        let is_replaced = self
            .last
            .get(&self.hash(key))
            .is_some_and(|last| *last > offset);
        let is_old_tombstone = record.value.is_none() && offset < self.horizon;
        !is_replaced && !is_old_tombstone
    }

    fn hash(&self, key: &[u8]) -> u128 {
        let [high, low] = &self.hashers;
        u128::from(high.hash_one(key)) << 64 | u128::from(low.hash_one(key))
    }
}

fn offset(header: &Header, record: &Record) -> i64 {
    header
        .base_offset
        .saturating_add(i64::from(record.offset_delta))
}
