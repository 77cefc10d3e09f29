//! Which keys one execution's changes touch.
//!
//! Owns: the puts of a [`Delta`]. One that starts and succeeds within a window is four: its history, its facts by
//! start and by machine, and its place by ARN; a fifth if the mark has not passed its close yet, and one
//! for each search attribute.

use crate::chunk::Encoder;
use crate::db::Db;
use crate::error::StoreError;
use crate::keys::{self, Generation};
use crate::search::{self, Declarations};
use crate::values::{Facts, Place, status_byte};
use crate::window::Delta;
use baton_engine::search::{AttributeValue, Findable};
use baton_engine::views::Redrives;
use baton_machine::Status;
use baton_schemas::arn::{arn_hash, machine_of};
use fjall::OwnedWriteBatch;

/// A batch of one partition being filled.
pub struct Writing<'a> {
    db: &'a Db,
    batch: &'a mut OwnedWriteBatch,
    generation: Generation,
    /// The mark after this batch.
    mark: i64,
    encoder: &'a mut Encoder,
    declarations: &'a Declarations,
    opened: i64,
}

impl<'a> Writing<'a> {
    /// Begins; `mark` is the partition's after this batch.
    pub fn new(
        db: &'a Db,
        batch: &'a mut OwnedWriteBatch,
        generation: Generation,
        mark: i64,
        encoder: &'a mut Encoder,
        declarations: &'a Declarations,
    ) -> Self {
        Self {
            db,
            batch,
            generation,
            mark,
            encoder,
            declarations,
            opened: 0,
        }
    }

    /// By how many the open executions on disk change.
    pub fn opened(&self) -> i64 {
        self.opened
    }

    /// Adds the changes of an execution.
    ///
    /// # Errors
    /// What reading the database gives.
    pub fn newest(&mut self, arn: &str, delta: &Delta) -> Result<(), StoreError> {
        let hash = arn_hash(arn);
        if let Some(facts) = self.delta(arn, hash, delta)? {
            let place = facts.place(delta.start_ms);
            self.batch.insert(
                &self.db.by_arn,
                keys::hashed(self.generation, hash),
                place.encode(),
            );
        }
        Ok(())
    }

    /// Adds the changes of an execution whose ARN a later one of this batch has taken.
    ///
    /// # Errors
    /// What reading the database gives.
    pub fn superseded(&mut self, arn: &str, delta: &Delta) -> Result<(), StoreError> {
        self.delta(arn, arn_hash(arn), delta).map(|_| ())
    }

    /// Everything but the place by ARN; the facts if they changed.
    fn delta(&mut self, arn: &str, hash: u128, delta: &Delta) -> Result<Option<Facts>, StoreError> {
        let known = delta.restated.is_some() && self.knows(hash, delta.start_ms)?;
        let start = delta.start(known);
        let is_new = start.is_some();
        self.history(hash, delta, known)?;
        let mut facts = match start {
            Some(opened) => Facts {
                generation: self.generation,
                status: Status::Running,
                stop_ms: None,
                revision: opened.revision,
                start_hash: opened.start_hash,
                machine: opened.machine.clone(),
                redrives: Redrives::default(),
                findable: Findable::default(),
            },
            None if delta.redriven.is_some() => self.known(arn, delta.start_ms)?,
            None if delta.closed.is_some() => self.running(arn, delta.start_ms)?,
            None if search::may_change(self.declarations, delta) => {
                self.running(arn, delta.start_ms)?
            }
            None => return Ok(None),
        };
        let before = (!is_new).then_some(facts.status);
        if !self.findable(arn, delta, known, &mut facts)
            && !is_new
            && delta.redriven.is_none()
            && delta.closed.is_none()
        {
            return Ok(None);
        }
        if let Some(redrives) = delta.redriven {
            (facts.status, facts.stop_ms) = (Status::Running, None);
            facts.redrives = redrives;
        }
        if let Some(closed) = &delta.closed {
            facts.status = closed.status;
            facts.stop_ms = Some(closed.stop_ms);
            self.closing(arn, delta);
        }
        self.facts(arn, delta.start_ms, &facts, before);
        Ok(Some(facts))
    }

    /// Finds out what the execution is found by now, and keeps the index of attributes; whether anything changed.
    fn findable(&mut self, arn: &str, delta: &Delta, known: bool, facts: &mut Facts) -> bool {
        let before = facts.findable.attributes.clone();
        let of = (arn, facts.revision);
        let changed = search::change(self.declarations, of, delta, known, &mut facts.findable);
        let key = |name: &str, value: &AttributeValue| {
            keys::listed(keys::attribute_prefix(name, value), delta.start_ms, arn)
        };
        let (now, by_attribute) = (&facts.findable.attributes, &self.db.by_attribute);
        for (name, value) in &before {
            if now.get(name) != Some(value) {
                self.batch.remove(by_attribute, key(name, value));
            }
        }
        for (name, value) in now {
            if before.get(name) != Some(value) {
                self.batch
                    .insert(by_attribute, key(name, value), b"".as_slice());
            }
        }
        changed
    }

    /// Writes the facts; `before` is the status on disk, if there is one.
    fn facts(&mut self, arn: &str, start_ms: i64, facts: &Facts, before: Option<Status>) {
        let value = facts.encode();
        if facts.status != Status::Succeeded {
            let key = self.by_status(facts.status, arn, start_ms);
            self.batch.insert(&self.db.by_status, key, value.as_slice());
        }
        if let Some(before) = before.filter(|before| *before != facts.status) {
            let key = self.by_status(before, arn, start_ms);
            self.batch.remove(&self.db.by_status, key);
        }
        let is_open = |status: Option<Status>| i64::from(status == Some(Status::Running));
        self.opened += is_open(Some(facts.status)) - is_open(before);
        let by_machine = keys::listed(keys::machine_prefix(&facts.machine), start_ms, arn);
        self.batch
            .insert(&self.db.by_machine, by_machine, value.as_slice());
        self.batch.insert(
            &self.db.summaries,
            keys::listed(Vec::new(), start_ms, arn),
            value,
        );
    }

    /// Notes an execution whose effects may have to be sent again: it closed past the mark.
    fn closing(&mut self, arn: &str, delta: &Delta) {
        if delta.closed_at > self.mark {
            self.batch.insert(
                &self.db.closings,
                keys::closing(self.generation, delta.closed_at),
                keys::listed(Vec::new(), delta.start_ms, arn),
            );
        }
    }

    fn history(&mut self, hash: u128, delta: &Delta, known: bool) -> Result<(), StoreError> {
        let prefix = keys::chunk_prefix(delta.start_ms, hash, self.generation);
        if delta.restated.is_some() && delta.opened.is_none() && !known {
            for entry in self.db.chunks.prefix(prefix) {
                self.batch.remove(&self.db.chunks, entry.key()?);
            }
        }
        let (batch, chunks) = (&mut *self.batch, &self.db.chunks);
        self.encoder.encode(delta.history(known), |first, value| {
            batch.insert(chunks, keys::chunk(prefix, first), value);
        });
        Ok(())
    }

    /// Whether this very execution is on disk.
    fn knows(&self, hash: u128, start_ms: i64) -> Result<bool, StoreError> {
        let Some(value) = self.db.by_arn.get(keys::hashed(self.generation, hash))? else {
            return Ok(false);
        };
        Ok(Place::decode(&value)?.start_ms == start_ms)
    }

    /// Facts of an open execution on disk. One whose start the store never saw is made up from its ARN, so that what
    /// is known of it can be found.
    fn running(&self, arn: &str, start_ms: i64) -> Result<Facts, StoreError> {
        if let Some(value) =
            self.db
                .by_status
                .get(self.by_status(Status::Running, arn, start_ms))?
        {
            return Facts::decode(&value);
        }
        Ok(Facts {
            generation: self.generation,
            status: Status::Running,
            stop_ms: None,
            revision: 0,
            start_hash: 0,
            machine: machine_of(arn).unwrap_or_else(|| "".into()),
            redrives: Redrives::default(),
            findable: Findable::default(),
        })
    }

    /// Facts of an execution on disk that was redriven, as they were before.
    fn known(&self, arn: &str, start_ms: i64) -> Result<Facts, StoreError> {
        let key = keys::listed(Vec::new(), start_ms, arn);
        match self.db.summaries.get(key)? {
            Some(value) => Facts::decode(&value),
            None => self.running(arn, start_ms),
        }
    }

    fn by_status(&self, status: Status, arn: &str, start_ms: i64) -> Vec<u8> {
        keys::listed(
            keys::status_prefix(self.generation, status_byte(status)),
            start_ms,
            arn,
        )
    }
}
