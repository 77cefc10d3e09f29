//! One execution: its summary and its history.
//!
//! Owns: joining what is on disk with what waits to be written, so that everything applied so far is seen.

use crate::chunk;
use crate::db::Db;
use crate::error::StoreError;
use crate::keys;
use crate::meta;
use crate::pending::Seen;
use crate::search;
use crate::store::Store;
use crate::values::{Facts, Place};
use crate::window::Delta;
use baton_engine::search::Findable;
use baton_engine::views::{Redrives, Summary};
use baton_machine::Status;
use baton_schemas::arn::arn_hash;
use bytes::Bytes;
use fjall::{Readable, Snapshot};

/// An execution on disk.
struct OnDisk {
    generation: keys::Generation,
    start_ms: i64,
}

impl Store {
    /// As [`baton_engine::Views::describe`].
    pub(crate) fn read_summary(&self, arn: &str) -> Result<Option<Summary>, StoreError> {
        let (seen, snapshot) = self.pending.look(arn, || self.db.snapshot());
        let mut summary = match self.find(&snapshot, &seen, arn)? {
            None => None,
            Some(found) => facts(&self.db, &snapshot, arn, found.start_ms)?,
        };
        for (_, delta) in &seen.deltas {
            let known = summary
                .as_ref()
                .is_some_and(|s| s.start_ms == delta.start_ms);
            if let Some(opened) = delta.start(known) {
                summary = Some(Summary {
                    execution: arn.into(),
                    machine: opened.machine.clone(),
                    revision: opened.revision,
                    status: Status::Running,
                    start_ms: delta.start_ms,
                    stop_ms: None,
                    redrives: Redrives::default(),
                    findable: Findable::default(),
                });
            }
            if let (Some(summary), Some(redrives)) = (&mut summary, delta.redriven) {
                summary.status = Status::Running;
                summary.stop_ms = None;
                summary.redrives = redrives;
            }
            if let (Some(summary), Some(closed)) = (&mut summary, &delta.closed) {
                summary.status = closed.status;
                summary.stop_ms = Some(closed.stop_ms);
            }
            if let Some(summary) = &mut summary {
                let (declarations, of) = (&self.settings.declarations, (arn, summary.revision));
                search::change(declarations, of, delta, known, &mut summary.findable);
            }
        }
        Ok(summary)
    }

    /// As [`baton_engine::Views::history`].
    pub(crate) fn read_history(&self, arn: &str) -> Result<Option<Vec<Bytes>>, StoreError> {
        let (seen, snapshot) = self.pending.look(arn, || self.db.snapshot());
        let mut start_ms = None;
        let mut records = Vec::new();
        if let Some(found) = self.find(&snapshot, &seen, arn)? {
            start_ms = Some(found.start_ms);
            read_chunks(
                &self.db,
                &snapshot,
                arn,
                found.start_ms,
                found.generation,
                &mut records,
            )?;
        }
        for (_, delta) in &seen.deltas {
            let known = start_ms == Some(delta.start_ms);
            if delta.start(known).is_some() && !known {
                records.clear();
                start_ms = Some(delta.start_ms);
            }
            append(&mut records, delta, known);
        }
        Ok(start_ms.map(|_| records.into_iter().map(|(_, json)| json).collect()))
    }

    /// The execution on disk, unless its partition has been forgotten since.
    fn find(
        &self,
        snapshot: &Snapshot,
        seen: &Seen,
        arn: &str,
    ) -> Result<Option<OnDisk>, StoreError> {
        let hash = arn_hash(arn);
        for (partition, life) in meta::lives(snapshot, &self.db.meta)? {
            if seen.forgotten.contains(&partition) {
                continue;
            }
            if let Some(value) =
                snapshot.get(&self.db.by_arn, keys::hashed(life.generation, hash))?
            {
                let start_ms = Place::decode(&value)?.start_ms;
                return Ok(Some(OnDisk {
                    generation: life.generation,
                    start_ms,
                }));
            }
        }
        Ok(None)
    }
}

/// Adds what is newer; what is being written may be on disk already.
fn append(records: &mut Vec<(i64, Bytes)>, delta: &Delta, known: bool) {
    let last = records.last().map(|(offset, _)| *offset);
    records.extend(
        delta
            .history(known)
            .filter(|(offset, _)| last.is_none_or(|last| *offset > last))
            .cloned(),
    );
}

fn facts(
    db: &Db,
    snapshot: &Snapshot,
    arn: &str,
    start_ms: i64,
) -> Result<Option<Summary>, StoreError> {
    let Some(value) = snapshot.get(&db.summaries, keys::listed(Vec::new(), start_ms, arn))? else {
        return Ok(None);
    };
    Ok(Some(Facts::decode(&value)?.summary(start_ms, arn.into())))
}

/// Adds an execution's records, `(offset, JSON)`, oldest first.
///
/// # Errors
/// What reading the database gives.
pub fn read_chunks(
    db: &Db,
    snapshot: &Snapshot,
    arn: &str,
    start_ms: i64,
    generation: keys::Generation,
    records: &mut Vec<(i64, Bytes)>,
) -> Result<(), StoreError> {
    for entry in snapshot.prefix(
        &db.chunks,
        keys::chunk_prefix(start_ms, arn_hash(arn), generation),
    ) {
        chunk::decode(&entry.value()?, records)?;
    }
    Ok(())
}
