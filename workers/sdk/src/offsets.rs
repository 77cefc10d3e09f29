//! Which offsets of a partition are finished, and how far they are finished without a gap.
//!
//! Owns: the rule that an offset is committed only if everything before it is finished, whatever the order in which
//! tasks end. A [`Position`] is one received record; settling it marks it finished, dropping it unsettled leaves a gap
//! (the record is read again by whoever has the partition next).

use crate::signal::Signal;
use std::collections::{BTreeMap, VecDeque};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// The partitions of one queue that this worker has.
#[derive(Default)]
pub struct Offsets {
    partitions: Mutex<BTreeMap<i32, Arc<Partition>>>,
    unsettled: Arc<Unsettled>,
}

/// Records received and not settled.
#[derive(Default)]
struct Unsettled {
    count: AtomicUsize,
    fewer: Signal,
}

/// One assigned partition.
pub struct Partition {
    window: Mutex<Window>,
    live: AtomicUsize,
    unsettled: Arc<Unsettled>,
}

/// The received records from the first unfinished one on.
struct Window {
    /// `(offset, finished)`, in offset order; the first is unfinished. Offsets that the log skips have no entry.
    received: VecDeque<(i64, bool)>,
    /// The offset after the last received one.
    next: i64,
    committed: i64,
}

/// One received record that is not finished yet.
pub struct Position {
    partition: Arc<Partition>,
    offset: i64,
}

impl Offsets {
    /// Notes that the record at `offset` was received. `None` if it was received before.
    pub fn receive(&self, partition: i32, offset: i64) -> Option<Position> {
        let mut partitions = lock(&self.partitions);
        let partition = partitions
            .entry(partition)
            .or_insert_with(|| Arc::new(Partition::new(offset, &self.unsettled)));
        let taken = lock(&partition.window).receive(offset);
        taken.then(|| {
            partition.live.fetch_add(1, Ordering::Relaxed);
            partition.unsettled.count.fetch_add(1, Ordering::Relaxed);
            Position {
                partition: Arc::clone(partition),
                offset,
            }
        })
    }

    /// `(partition, next offset to read)` of every partition that moved since the last call, or of all of them.
    pub fn to_commit(&self, all: bool) -> Vec<(i32, i64)> {
        let mut moved = Vec::new();
        for (partition, state) in &*lock(&self.partitions) {
            let mut window = lock(&state.window);
            let position = window.position();
            if all || position != window.committed {
                window.committed = position;
                moved.push((*partition, position));
            }
        }
        moved
    }

    /// Records received and not settled, in all partitions, also in those that were taken away.
    pub fn unsettled(&self) -> usize {
        self.unsettled.count.load(Ordering::SeqCst)
    }

    /// Waits until `enough`, which looks at this, at most `timeout`. For the polling thread.
    pub fn wait(&self, timeout: Duration, mut enough: impl FnMut(&Self) -> bool) {
        self.unsettled.fewer.wait(timeout, || enough(self));
    }

    /// Records of `partition` received and neither settled nor dropped.
    pub fn live(&self, partition: i32) -> usize {
        lock(&self.partitions)
            .get(&partition)
            .map_or(0, |p| p.live.load(Ordering::SeqCst))
    }

    /// How many records of `partition` are held by its first unfinished one, itself included.
    pub fn window(&self, partition: i32) -> usize {
        lock(&self.partitions)
            .get(&partition)
            .map_or(0, |p| lock(&p.window).received.len())
    }

    /// Forgets `partition`: it now belongs to somebody else.
    pub fn forget(&self, partition: i32) {
        lock(&self.partitions).remove(&partition);
    }
}

impl Position {
    /// Marks the record as finished.
    pub fn settle(self) {
        lock(&self.partition.window).settle(self.offset);
    }
}

impl Drop for Position {
    fn drop(&mut self) {
        self.partition.live.fetch_sub(1, Ordering::SeqCst);
        self.partition
            .unsettled
            .count
            .fetch_sub(1, Ordering::SeqCst);
        self.partition.unsettled.fewer.notify();
    }
}

impl Partition {
    fn new(first: i64, unsettled: &Arc<Unsettled>) -> Self {
        let window = Window {
            received: VecDeque::new(),
            next: first,
            committed: first,
        };
        Self {
            window: Mutex::new(window),
            live: AtomicUsize::new(0),
            unsettled: Arc::clone(unsettled),
        }
    }
}

impl Window {
    fn receive(&mut self, offset: i64) -> bool {
        let new = offset >= self.next;
        if new {
            self.received.push_back((offset, false));
            self.next = offset + 1;
        }
        new
    }

    fn settle(&mut self, offset: i64) {
        let first = self.received.front().map_or(0, |(first, _)| *first);
        // Without skipped offsets the entry is just here; else it is found by halving.
        let guess = usize::try_from(offset - first).unwrap_or(usize::MAX);
        let at = match self.received.get(guess) {
            Some((found, _)) if *found == offset => guess,
            _ => self.received.partition_point(|(other, _)| *other < offset),
        };
        if let Some(entry) = self
            .received
            .get_mut(at)
            .filter(|(found, _)| *found == offset)
        {
            entry.1 = true;
        }
        while self.received.front().is_some_and(|(_, finished)| *finished) {
            self.received.pop_front();
        }
    }

    /// Everything below is finished.
    fn position(&self) -> i64 {
        self.received
            .front()
            .map_or(self.next, |(offset, _)| *offset)
    }
}

/// Locks `mutex`; a panic elsewhere can't leave these plain values half changed.
pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::Offsets;

    #[test]
    fn commits_only_what_has_no_gap_before_it() {
        let offsets = Offsets::default();
        let mut positions: Vec<_> = (10..14).map(|o| offsets.receive(0, o)).collect();
        positions[1].take().unwrap().settle();
        positions[3].take().unwrap().settle();
        assert_eq!(offsets.to_commit(false), []);
        positions[0].take().unwrap().settle();
        assert_eq!(offsets.to_commit(false), [(0, 12)]);
        assert_eq!(offsets.to_commit(false), []);
        positions[2].take().unwrap().settle();
        assert_eq!(offsets.to_commit(false), [(0, 14)]);
        assert_eq!(offsets.unsettled(), 0);
    }

    #[test]
    fn a_dropped_record_holds_the_commit_back() {
        let offsets = Offsets::default();
        let (a, b) = (
            offsets.receive(3, 0).unwrap(),
            offsets.receive(3, 1).unwrap(),
        );
        drop(a);
        b.settle();
        assert_eq!(offsets.to_commit(true), [(3, 0)]);
        assert_eq!(
            (offsets.unsettled(), offsets.live(3), offsets.window(3)),
            (0, 0, 2)
        );
    }

    #[test]
    fn offsets_without_a_record_do_not_hold_it_back() {
        let offsets = Offsets::default();
        offsets.receive(0, 5).unwrap().settle();
        let later = offsets.receive(0, 9).unwrap();
        assert_eq!(offsets.to_commit(false), [(0, 9)]);
        assert!(offsets.receive(0, 9).is_none(), "received before");
        later.settle();
        assert_eq!(offsets.to_commit(false), [(0, 10)]);
    }

    #[test]
    fn a_partition_taken_away_settles_into_nothing() {
        let offsets = Offsets::default();
        let old = offsets.receive(1, 7).unwrap();
        offsets.forget(1);
        let new = offsets.receive(1, 7).expect("a new assignment starts anew");
        old.settle();
        assert_eq!(offsets.to_commit(true), [(1, 7)]);
        new.settle();
        assert_eq!(offsets.to_commit(true), [(1, 8)]);
    }
}
