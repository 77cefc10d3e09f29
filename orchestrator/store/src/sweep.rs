//! Forgetting what is past its retention, and what a reset left behind.
//!
//! Owns: every deletion. A sweep goes through the executions from the oldest on, a bounded step at a time, on the
//! writer's thread; it ends where starts are younger than the retention. Open executions stay, however old.

use crate::db::Db;
use crate::error::StoreError;
use crate::keys::{self, Generation};
use crate::limits;
use crate::meta;
use crate::values::{Facts, Place, Taken, status_byte};
use baton_machine::Status;
use baton_schemas::arn::arn_hash;
use fjall::{Keyspace, OwnedWriteBatch};
use std::collections::BTreeSet;
use std::ops::Bound;
use std::sync::Arc;

/// Gives the time, milliseconds since the epoch.
pub type Clock = Arc<dyn Fn() -> i64 + Send + Sync>;

/// Sweeps one step at a time.
pub struct Sweeper {
    db: Db,
    clock: Clock,
    retention_ms: i64,
    stage: Stage,
}

/// Where a sweep is.
enum Stage {
    /// Between sweeps.
    Resting,
    /// In `summaries`, after this key.
    Executions {
        after: Vec<u8>,
        dead: BTreeSet<Generation>,
    },
    /// In `names`, after this key.
    Names {
        after: Vec<u8>,
        dead: BTreeSet<Generation>,
    },
    /// What is left of forgotten generations is found by these.
    Remains { dead: BTreeSet<Generation> },
}

/// How far a step came.
struct Walked {
    /// Last key looked at; `None` if the end was reached.
    upto: Option<Vec<u8>>,
}

impl Sweeper {
    /// Begins at rest.
    pub fn new(db: Db, clock: Clock, retention_ms: i64) -> Self {
        Self {
            db,
            clock,
            retention_ms,
            stage: Stage::Resting,
        }
    }

    /// Does a bounded part of a sweep; whether there is more to do now.
    ///
    /// # Errors
    /// What the database gives.
    pub fn step(&mut self) -> Result<bool, StoreError> {
        let cutoff_ms = (self.clock)().saturating_sub(self.retention_ms);
        let mut batch = self.db.database.batch();
        let next = match std::mem::replace(&mut self.stage, Stage::Resting) {
            Stage::Resting => {
                let dead = meta::dead(&self.db.snapshot(), &self.db.meta)?
                    .into_iter()
                    .collect();
                Stage::Executions {
                    after: Vec::new(),
                    dead,
                }
            }
            Stage::Executions { after, dead } => {
                match self.executions(&mut batch, &after, &dead, cutoff_ms)?.upto {
                    Some(after) => Stage::Executions { after, dead },
                    None => Stage::Names {
                        after: Vec::new(),
                        dead,
                    },
                }
            }
            Stage::Names { after, dead } => match self.names(&mut batch, &after, cutoff_ms)?.upto {
                Some(after) => Stage::Names { after, dead },
                None => Stage::Remains { dead },
            },
            Stage::Remains { mut dead } => match dead.first().copied() {
                None => Stage::Resting,
                Some(generation) => {
                    if self.remains(&mut batch, generation)? {
                        meta::remove_dead(&mut batch, &self.db.meta, generation);
                        dead.remove(&generation);
                    }
                    Stage::Remains { dead }
                }
            },
        };
        batch.commit()?;
        self.stage = next;
        Ok(!matches!(self.stage, Stage::Resting))
    }

    fn executions(
        &self,
        batch: &mut OwnedWriteBatch,
        after: &[u8],
        dead: &BTreeSet<Generation>,
        cutoff_ms: i64,
    ) -> Result<Walked, StoreError> {
        let mut examined = 0;
        for entry in self
            .db
            .summaries
            .range::<&[u8], _>((Bound::Excluded(after), Bound::Unbounded))
        {
            let (key, value) = entry.into_inner()?;
            let (start_ms, arn) =
                keys::parse_listed(&key, 0).ok_or(StoreError::Corrupt("a key of an execution"))?;
            if start_ms >= cutoff_ms && dead.is_empty() {
                break;
            }
            examined += 1;
            let facts = Facts::decode(&value)?;
            if dead.contains(&facts.generation)
                || facts.stop_ms.is_some_and(|stop_ms| stop_ms < cutoff_ms)
            {
                examined += self.execution(batch, start_ms, arn, &facts)?;
            }
            if examined >= limits::SWEEP_STEP {
                return Ok(Walked {
                    upto: Some(key.to_vec()),
                });
            }
        }
        Ok(Walked { upto: None })
    }

    /// Deletes an execution; how many entries that were.
    fn execution(
        &self,
        batch: &mut OwnedWriteBatch,
        start_ms: i64,
        arn: &str,
        facts: &Facts,
    ) -> Result<usize, StoreError> {
        let (db, hash) = (&self.db, arn_hash(arn));
        batch.remove(&db.summaries, keys::listed(Vec::new(), start_ms, arn));
        batch.remove(
            &db.by_machine,
            keys::listed(keys::machine_prefix(&facts.machine), start_ms, arn),
        );
        if facts.status != Status::Succeeded {
            let prefix = keys::status_prefix(facts.generation, status_byte(facts.status));
            batch.remove(&db.by_status, keys::listed(prefix, start_ms, arn));
        }
        for (name, value) in &facts.findable.attributes {
            let prefix = keys::attribute_prefix(name, value);
            batch.remove(&db.by_attribute, keys::listed(prefix, start_ms, arn));
        }
        let by_arn = keys::hashed(facts.generation, hash);
        // Its name may have been taken again.
        if let Some(value) = db.by_arn.get(by_arn)?
            && Place::decode(&value)?.start_ms == start_ms
        {
            batch.remove(&db.by_arn, by_arn);
        }
        let chunks = keys::chunk_prefix(start_ms, hash, facts.generation);
        Ok(4 + delete(batch, &db.chunks, &chunks, usize::MAX)?)
    }

    /// Names are in no order of time, so all of them are looked at; there are few but after a rebuild of the store.
    fn names(
        &self,
        batch: &mut OwnedWriteBatch,
        after: &[u8],
        cutoff_ms: i64,
    ) -> Result<Walked, StoreError> {
        let range = (Bound::Excluded(after), Bound::Unbounded);
        for (n, entry) in self.db.names.range::<&[u8], _>(range).enumerate() {
            let (key, value) = entry.into_inner()?;
            if Taken::decode(&value)?.closed_ms < cutoff_ms {
                batch.remove(&self.db.names, key.clone());
            }
            if n + 1 >= limits::SWEEP_STEP {
                return Ok(Walked {
                    upto: Some(key.to_vec()),
                });
            }
        }
        Ok(Walked { upto: None })
    }

    /// Deletes what the walk over the executions can't find of a forgotten generation; whether that was all. An
    /// execution that was folded again has its facts overwritten, but its old history is still there.
    fn remains(
        &self,
        batch: &mut OwnedWriteBatch,
        generation: Generation,
    ) -> Result<bool, StoreError> {
        let prefix = generation.to_be_bytes();
        let mut budget = limits::SWEEP_STEP;
        for entry in self.db.by_arn.prefix(prefix) {
            let (key, value) = entry.into_inner()?;
            let (_, hash) = keys::parse_hashed(&key).ok_or(StoreError::Corrupt("a key by ARN"))?;
            let chunks = keys::chunk_prefix(Place::decode(&value)?.start_ms, hash, generation);
            let deleted = delete(batch, &self.db.chunks, &chunks, usize::MAX)?;
            batch.remove(&self.db.by_arn, key);
            budget = budget.saturating_sub(1 + deleted);
            if budget == 0 {
                return Ok(false);
            }
        }
        for keyspace in [&self.db.by_status, &self.db.names, &self.db.closings] {
            budget -= delete(batch, keyspace, &prefix, budget)?;
        }
        Ok(budget > 0)
    }
}

/// Deletes up to `most` entries that begin with `prefix`; how many that were.
fn delete(
    batch: &mut OwnedWriteBatch,
    keyspace: &Keyspace,
    prefix: &[u8],
    most: usize,
) -> Result<usize, StoreError> {
    let mut deleted = 0;
    for entry in keyspace.prefix(prefix).take(most) {
        batch.remove(keyspace, entry.key()?);
        deleted += 1;
    }
    Ok(deleted)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::flush::Flusher;
    use crate::window::Window;
    use baton_engine::views::{Applied, Change, ClosedAs, Opened};
    use baton_schemas::history::{Closed, Positions};
    use bytes::Bytes;
    use std::sync::atomic::{AtomicI64, Ordering};

    const RETENTION_MS: i64 = 1_000;

    struct Swept {
        db: Db,
        flusher: Flusher,
        sweeper: Sweeper,
        now_ms: Arc<AtomicI64>,
        offset: i64,
        _dir: tempfile::TempDir,
    }

    impl Swept {
        fn new() -> Self {
            let dir = tempfile::tempdir().unwrap();
            let db = Db::open(dir.path()).unwrap();
            let now_ms = Arc::new(AtomicI64::new(0));
            let clock = now_ms.clone();
            let clock: Clock = Arc::new(move || clock.load(Ordering::Relaxed));
            let flusher = Flusher::new(db.clone()).unwrap();
            let sweeper = Sweeper::new(db.clone(), clock, RETENTION_MS);
            Self {
                db,
                flusher,
                sweeper,
                now_ms,
                offset: 0,
                _dir: dir,
            }
        }

        fn write(&mut self, changes: impl IntoIterator<Item = Change>) {
            let mut window = Window::default();
            for change in changes {
                self.offset += 1;
                window.apply(Applied {
                    partition: 0,
                    offset: self.offset,
                    epoch: 0,
                    seq: 0,
                    positions: Positions::default(),
                    mark: self.offset,
                    base: None,
                    now_ms: 0,
                    since_base: 0,
                    change,
                });
            }
            self.flusher.write(&window).unwrap();
        }

        fn reset(&mut self) {
            let mut window = Window::default();
            window.reset(0);
            self.flusher.write(&window).unwrap();
        }

        /// A whole sweep at this time; how many steps it took.
        fn sweep(&mut self, now_ms: i64) -> usize {
            self.now_ms.store(now_ms, Ordering::Relaxed);
            let mut steps = 1;
            while self.sweeper.step().unwrap() {
                steps += 1;
            }
            steps
        }

        /// Entries in summaries, by_machine, by_status, by_arn, names, chunks.
        fn entries(&self) -> [usize; 6] {
            let db = &self.db;
            [
                &db.summaries,
                &db.by_machine,
                &db.by_status,
                &db.by_arn,
                &db.names,
                &db.chunks,
            ]
            .map(|k| k.len().unwrap())
        }
    }

    fn step(name: &str, start_ms: i64, opens: bool, closes: Option<(Status, i64)>) -> Change {
        Change::Step {
            execution: format!("arn:aws:states:us-east-1:000000000000:execution:m:{name}").into(),
            start_ms,
            json: Bytes::from_static(b"{}"),
            opened: opens.then(|| Opened {
                machine: "m".into(),
                revision: 1,
                start_hash: 2,
            }),
            closed: closes.map(|(status, stop_ms)| ClosedAs { status, stop_ms }),
        }
    }

    fn name(n: u128, closed_ms: i64) -> Change {
        Change::Names(vec![Closed {
            arn_hash: format!("{n:032x}").into(),
            start_hash: 1,
            closed_ms,
        }])
    }

    #[test]
    fn what_closed_long_ago_is_forgotten_and_nothing_else() {
        let mut swept = Swept::new();
        swept.write([
            step("closed", 10, true, Some((Status::Succeeded, 100))),
            step("failed", 20, true, Some((Status::Failed, 120))),
            step("late", 30, true, Some((Status::Aborted, 500))),
            step("open", 40, true, None),
            name(1, 50),
            name(2, 600),
        ]);
        assert_eq!(swept.entries(), [4, 4, 3, 4, 2, 4]);
        swept.sweep(RETENTION_MS + 100);
        assert_eq!(swept.entries(), [4, 4, 3, 4, 1, 4]);
        swept.sweep(RETENTION_MS + 300);
        assert_eq!(swept.entries(), [2, 2, 2, 2, 1, 2]);
        swept.sweep(RETENTION_MS * 100);
        assert_eq!(swept.entries(), [1, 1, 1, 1, 0, 1]);
    }

    #[test]
    fn a_name_taken_again_stays() {
        let mut swept = Swept::new();
        swept.write([step("x", 10, true, Some((Status::Succeeded, 20)))]);
        swept.write([step("x", 5_000, true, Some((Status::Succeeded, 5_010)))]);
        swept.sweep(RETENTION_MS + 100);
        assert_eq!(swept.entries(), [1, 1, 0, 1, 0, 1]);
    }

    #[test]
    fn a_reset_leaves_nothing_behind() {
        let mut swept = Swept::new();
        swept.write([
            step("gone", 10, true, None),
            step("kept", 20, true, None),
            step("closed", 30, true, Some((Status::Failed, 40))),
            name(1, 50),
        ]);
        swept.write([step("kept", 20, false, None)]);
        swept.reset();
        swept.write([step("kept", 20, true, None)]);
        swept.sweep(0);
        assert_eq!(swept.entries(), [1, 1, 1, 1, 0, 1]);
        assert!(
            meta::dead(&swept.db.snapshot(), &swept.db.meta)
                .unwrap()
                .is_empty()
        );
    }

    #[test]
    fn the_work_of_a_step_is_bounded() {
        let mut swept = Swept::new();
        let executions = 3 * limits::SWEEP_STEP;
        swept.write((0..executions).map(|n| {
            step(
                &n.to_string(),
                n as i64,
                true,
                Some((Status::Succeeded, n as i64)),
            )
        }));
        let steps = swept.sweep(i64::MAX / 2);
        assert!(steps > 3, "{steps}");
        assert_eq!(swept.entries(), [0; 6]);
    }
}
