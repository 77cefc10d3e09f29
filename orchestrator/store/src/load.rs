//! The checkpoint that an owner starts from.
//!
//! Owns: gathering a partition's open executions, those closed past the mark, and taken names, all of one moment (a
//! snapshot of the database).

use crate::describe::read_chunks;
use crate::error::StoreError;
use crate::keys::{self, Generation};
use crate::meta::{self, Life};
use crate::store::Store;
use crate::values::{Place, Taken, status_byte};
use baton_engine::views::{Checkpoint, ExecutionRecords};
use baton_machine::Status;
use baton_schemas::history::Closed;
use fjall::{Guard, Keyspace, Readable, Snapshot};
use std::cmp::Ordering;
use std::ops::Bound;
use std::sync::Arc;

impl Store {
    /// As [`baton_engine::Checkpoints::load`].
    pub(crate) fn read_checkpoint(&self, partition: i32) -> Result<Option<Checkpoint>, StoreError> {
        // The fresher the better, but what is on disk will do.
        let _ = self.pending.flush();
        let snapshot = self.db.snapshot();
        let Some(Life {
            generation,
            at: Some(at),
        }) = meta::lives(&snapshot, &self.db.meta)?.remove(&partition)
        else {
            return Ok(None);
        };
        Ok(Some(Checkpoint {
            offset: at.offset,
            epoch: at.epoch,
            seq: at.seq,
            positions: at.positions,
            mark: at.mark,
            base: at.base,
            now_ms: at.now_ms,
            since_base: at.since_base,
            bases: at.bases,
            express: at.express,
            open: self.unsettled(&snapshot, generation, at.mark)?,
            closed: self.closed(&snapshot, generation)?,
        }))
    }

    /// Open executions, and closed ones whose closing offset lies beyond `mark`; oldest first.
    fn unsettled(
        &self,
        snapshot: &Snapshot,
        generation: Generation,
        mark: i64,
    ) -> Result<Vec<ExecutionRecords>, StoreError> {
        let mut found: Vec<(i64, Arc<str>)> = Vec::new();
        let prefix = keys::status_prefix(generation, status_byte(Status::Running));
        for entry in snapshot.prefix(&self.db.by_status, &prefix) {
            let key = entry.key()?;
            let (start_ms, arn) = keys::parse_listed(&key, prefix.len())
                .ok_or(StoreError::Corrupt("a key of an open execution"))?;
            found.push((start_ms, arn.into()));
        }
        let beyond = (
            Bound::Excluded(keys::closing(generation, mark)),
            Bound::Included(keys::closing(generation, i64::MAX)),
        );
        for entry in snapshot.range(&self.db.closings, beyond) {
            let value = entry.value()?;
            let (start_ms, arn) = keys::parse_listed(&value, 0)
                .ok_or(StoreError::Corrupt("an execution closed past the mark"))?;
            found.push((start_ms, arn.into()));
        }
        found.sort_unstable();
        found.dedup(); // One that closed past the mark and was redriven.
        let mut executions = Vec::with_capacity(found.len());
        for (start_ms, arn) in found {
            let mut records = Vec::new();
            read_chunks(&self.db, snapshot, &arn, start_ms, generation, &mut records)?;
            // What is past its retention is gone, whatever the mark says.
            if !records.is_empty() {
                executions.push((arn, records));
            }
        }
        Ok(executions)
    }

    /// Names of closed executions, and names taken without one, each once.
    fn closed(
        &self,
        snapshot: &Snapshot,
        generation: Generation,
    ) -> Result<Vec<Closed>, StoreError> {
        let cutoff_ms = self.cutoff_ms();
        let mut executions = self.hashed(snapshot, &self.db.by_arn, generation, |value| {
            let place = Place::decode(value)?;
            Ok(place.closed_ms.map(|closed_ms| Taken {
                start_hash: place.start_hash,
                closed_ms,
            }))
        });
        let mut names = self.hashed(snapshot, &self.db.names, generation, |value| {
            Taken::decode(value).map(Some)
        });
        let (mut execution, mut name) = (executions.next().transpose()?, names.next().transpose()?);
        let mut closed = Vec::new();
        loop {
            // An execution that the store has says more than the bare name.
            let order = match (&execution, &name) {
                (None, None) => return Ok(closed),
                (Some((a, _)), Some((b, _))) => a.cmp(b),
                (Some(_), None) => Ordering::Less,
                (None, Some(_)) => Ordering::Greater,
            };
            let next = if order == Ordering::Greater {
                name
            } else {
                execution
            };
            if let Some((hash, taken)) = next
                && taken.closed_ms >= cutoff_ms
            {
                closed.push(taken.closed(hash));
            }
            if order != Ordering::Greater {
                execution = executions.next().transpose()?;
            }
            if order != Ordering::Less {
                name = names.next().transpose()?;
            }
        }
    }

    /// What `read` makes of a generation's values in a keyspace by ARN hash, in the order of the hashes.
    fn hashed<'a>(
        &self,
        snapshot: &Snapshot,
        keyspace: &Keyspace,
        generation: Generation,
        read: impl Fn(&[u8]) -> Result<Option<Taken>, StoreError> + 'a,
    ) -> impl Iterator<Item = Result<(u128, Taken), StoreError>> + 'a {
        let parse = move |entry: Guard| {
            let (key, value) = entry.into_inner()?;
            let (_, hash) = keys::parse_hashed(&key).ok_or(StoreError::Corrupt("a key by ARN"))?;
            Ok(read(&value)?.map(|taken| (hash, taken)))
        };
        snapshot
            .prefix(keyspace, generation.to_be_bytes())
            .map(parse)
            .filter_map(Result::transpose)
    }
}
