//! A simulated history partition and input partitions.

use crate::check::Fold;
use baton_engine::InputRecord;
use bytes::Bytes;

/// A history partition: what the broker holds.
pub struct HistoryLog {
    /// Value and step number at the append, by offset.
    pub records: Vec<(Bytes, u64)>,
    /// First offset that is still there.
    pub start: i64,
    /// What an independent reader makes of it, kept up with every append.
    pub fold: Fold,
}

impl HistoryLog {
    /// Appends; returns the offset.
    pub fn append(&mut self, value: Bytes, step: u64) -> i64 {
        let offset = self.records.len() as i64;
        self.fold.read(offset, &value, step);
        self.records.push((value, step));
        offset
    }

    /// The offset that the next record gets.
    pub fn end(&self) -> i64 {
        self.records.len() as i64
    }

    /// What is there from `from` through `through`.
    pub fn read(&self, from: i64, through: i64) -> Vec<(i64, Bytes)> {
        let from = from.max(self.start).max(0);
        let through = through.min(self.end() - 1);
        (from..=through)
            .map(|o| (o, self.records[o as usize].0.clone()))
            .collect()
    }
}

/// A partition of an input topic.
#[derive(Default)]
pub struct InputLog {
    /// Record and step number at the append, by offset.
    pub records: Vec<(InputRecord, u64)>,
}

impl InputLog {
    /// The offset that the next record gets.
    pub fn end(&self) -> i64 {
        self.records.len() as i64
    }
}
