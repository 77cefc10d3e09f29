//! Writing a window: one fjall batch per partition, its checkpoint included.
//!
//! Owns: the generations, the batches and their order; `put` knows which keys an execution touches. Runs on the
//! writer's thread alone, so what it reads stays true until it writes.

use crate::chunk::Encoder;
use crate::db::Db;
use crate::error::StoreError;
use crate::keys::{self, Generation};
use crate::meta::{self, Life};
use crate::put::Writing;
use crate::search::Declarations;
use crate::values::{Taken, status_byte};
use crate::window::{Delta, PartitionWindow, Window};
use baton_machine::Status;
use baton_schemas::history::Closed;
use fjall::OwnedWriteBatch;
use std::collections::BTreeMap;
use std::ops::Bound;
use std::sync::Arc;

/// Writes windows and keeps what must be known to do so.
pub struct Flusher {
    db: Db,
    lives: BTreeMap<i32, Life>,
    next: Generation,
    encoder: Encoder,
    /// Where search attributes are declared.
    pub declarations: Declarations,
    /// Open executions on disk, per generation.
    open: BTreeMap<Generation, u64>,
}

impl Flusher {
    /// Reads what the store contains.
    ///
    /// # Errors
    /// What reading the database gives.
    pub fn new(db: Db) -> Result<Self, StoreError> {
        let lives = meta::lives(&db.snapshot(), &db.meta)?;
        let next = meta::next_generation(&db.meta)?;
        let mut open = BTreeMap::new();
        for life in lives.values() {
            let prefix = keys::status_prefix(life.generation, status_byte(Status::Running));
            let mut count = 0;
            for entry in db.by_status.prefix(prefix) {
                entry.key()?;
                count += 1;
            }
            open.insert(life.generation, count);
        }
        Ok(Self {
            db,
            lives,
            next,
            encoder: Encoder::default(),
            declarations: None,
            open,
        })
    }

    /// Open executions on disk.
    pub fn open_executions(&self) -> u64 {
        self.open.values().sum()
    }

    /// Where each partition stands on disk.
    pub fn offsets(&self) -> BTreeMap<i32, i64> {
        self.lives
            .iter()
            .filter_map(|(p, life)| Some((*p, life.at.as_ref()?.offset)))
            .collect()
    }

    /// Writes everything in `window`.
    ///
    /// # Errors
    /// What the database gives; partitions before the one that failed are written.
    pub fn write(&mut self, window: &Window) -> Result<(), StoreError> {
        window
            .partitions
            .iter()
            .try_for_each(|(&partition, content)| self.write_partition(partition, content))
    }

    fn write_partition(
        &mut self,
        partition: i32,
        content: &PartitionWindow,
    ) -> Result<(), StoreError> {
        let mut batch = self.db.database.batch();
        let life = self.life(&mut batch, partition, content);
        self.pass_mark(&mut batch, partition, &life)?;
        let mark = life.at.as_ref().map_or(i64::MAX, |at| at.mark);
        let mut writing = Writing::new(
            &self.db,
            &mut batch,
            life.generation,
            mark,
            &mut self.encoder,
            &self.declarations,
        );
        for (arn, delta) in &content.superseded {
            writing.superseded(arn, delta)?;
        }
        for (arn, delta) in in_order(content) {
            writing.newest(arn, delta)?;
        }
        let opened = writing.opened();
        for (hash, taken) in distinct(&content.names) {
            batch.insert(
                &self.db.names,
                keys::hashed(life.generation, hash),
                taken.encode(),
            );
        }
        meta::put_life(&mut batch, &self.db.meta, partition, &life);
        batch.commit()?;
        let open = self.open.entry(life.generation).or_default();
        *open = open.saturating_add_signed(opened);
        if let Some(before) = self.lives.insert(partition, life.clone())
            && before.generation != life.generation
        {
            self.open.remove(&before.generation);
        }
        Ok(())
    }

    /// Drops what is noted of executions whose closing offset the mark has now passed. It begins where the last write
    /// ended, so it doesn't run over what was deleted before.
    fn pass_mark(
        &self,
        batch: &mut OwnedWriteBatch,
        partition: i32,
        life: &Life,
    ) -> Result<(), StoreError> {
        let before = self.lives.get(&partition);
        let before = before.filter(|before| before.generation == life.generation);
        let (Some(from), Some(to)) = (before.and_then(|b| b.at.as_ref()), &life.at) else {
            return Ok(());
        };
        if to.mark <= from.mark {
            return Ok(());
        }
        let key = |mark| keys::closing(life.generation, mark);
        let passed = (
            Bound::Excluded(key(from.mark)),
            Bound::Included(key(to.mark)),
        );
        for entry in self.db.closings.range(passed) {
            batch.remove(&self.db.closings, entry.key()?);
        }
        Ok(())
    }

    /// Where the partition stands after `content`, under a new generation if it was forgotten.
    fn life(
        &mut self,
        batch: &mut OwnedWriteBatch,
        partition: i32,
        content: &PartitionWindow,
    ) -> Life {
        let before = self.lives.get(&partition);
        let mut at = content.at.clone();
        if let (Some(at), Some(bases)) = (&mut at, &content.rebased) {
            at.bases.clone_from(bases);
        }
        if let (Some(at), Some(express)) = (&mut at, &content.express) {
            at.express.clone_from(express);
        }
        match before {
            Some(before) if !content.reset => {
                if let (Some(at), None, Some(earlier)) = (&mut at, &content.rebased, &before.at) {
                    at.bases.clone_from(&earlier.bases);
                }
                if let (Some(at), None, Some(earlier)) = (&mut at, &content.express, &before.at) {
                    at.express.clone_from(&earlier.express);
                }
                return Life {
                    generation: before.generation,
                    at: at.or_else(|| before.at.clone()),
                };
            }
            Some(before) => meta::put_dead(batch, &self.db.meta, before.generation),
            None => {}
        }
        let generation = self.next;
        self.next += 1;
        meta::put_next_generation(batch, &self.db.meta, self.next);
        Life { generation, at }
    }
}

/// Executions in the order of their starts, which is the order of most keys.
fn in_order(content: &PartitionWindow) -> Vec<(&Arc<str>, &Delta)> {
    let mut deltas: Vec<_> = content.deltas.iter().collect();
    deltas.sort_unstable_by_key(|(_, delta)| delta.start_ms);
    deltas
}

/// The last fact stated of each name.
fn distinct(names: &[Closed]) -> BTreeMap<u128, Taken> {
    let parsed = names.iter().filter_map(|name| {
        let hash = u128::from_str_radix(&name.arn_hash, 16);
        if hash.is_err() {
            tracing::warn!(name.hash = %name.arn_hash, "a taken name is not a hash and is left out of the store");
        }
        Some((hash.ok()?, Taken { start_hash: name.start_hash, closed_ms: name.closed_ms }))
    });
    parsed.collect()
}
