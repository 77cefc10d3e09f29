//! What became effective and is not yet on disk.
//!
//! Owns: the queue that the engine's thread pushes to, the window it is folded into, and the bound on both. The
//! engine's thread takes one short lock per batch; folding is done by whoever needs it next (the writer or a reader).
//! Lock order: overlay, then queue.

use crate::limits;
use crate::window::{Delta, Window};
use baton_engine::views::{Applied, Change, ViewWriter};
use std::collections::BTreeMap;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

/// Shared by the engine's thread, the writer and readers.
#[derive(Debug, Default)]
pub struct Pending {
    queue: Mutex<Queue>,
    overlay: Mutex<Overlay>,
    /// Wakes the writer.
    wake: Condvar,
    /// Wakes whoever waits for the writer.
    written: Condvar,
}

#[derive(Debug, Default)]
struct Queue {
    items: Vec<Item>,
    /// Items ever pushed.
    pushed: u64,
    /// Items ever given to the writer.
    taken: u64,
    /// Items ever written.
    written: u64,
    /// Write at least up to this item now.
    wanted: u64,
    /// Since when something has gathered that the writer was not given.
    since: Option<Instant>,
    bytes: u64,
    records: u64,
    closing: bool,
    /// Why nothing is written any more.
    ended: Option<Arc<str>>,
}

#[derive(Debug)]
enum Item {
    Batch { records: Vec<Applied>, bytes: u64 },
    Reset(i32),
}

#[derive(Debug, Default)]
struct Overlay {
    /// Gathers.
    current: Window,
    /// Is being written; still there for a moment after it is on disk.
    flushing: Option<Arc<Window>>,
    /// Items folded.
    folded: u64,
    /// Last offset seen of each partition.
    offsets: BTreeMap<i32, i64>,
}

/// What the writer is to do next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Task {
    /// Write what has gathered.
    Flush,
    /// Nothing has gathered up to the time given.
    Idle,
    /// Write what has gathered and end.
    Close,
}

/// What has gathered, for the writer; to be given back with [`Pending::wrote`].
#[derive(Debug)]
pub struct Taken {
    /// What to write.
    pub window: Arc<Window>,
    upto: u64,
}

/// What the overlay has of one execution.
#[derive(Debug, Default)]
pub struct Seen {
    /// Its partition and changes, oldest first.
    pub deltas: Vec<(i32, Delta)>,
    /// Partitions of which nothing on disk counts.
    pub forgotten: Vec<i32>,
}

impl Pending {
    /// Begins with the offsets that are on disk.
    pub fn new(offsets: BTreeMap<i32, i64>) -> Arc<Self> {
        let overlay = Overlay {
            offsets,
            ..Overlay::default()
        };
        Arc::new(Self {
            overlay: Mutex::new(overlay),
            ..Self::default()
        })
    }

    /// Records and bytes that wait to be written.
    pub fn size(&self) -> (u64, u64) {
        let queue = self.queue();
        (queue.records, queue.bytes)
    }

    /// Since when the oldest record waits that the writer was not given, if one does.
    pub fn since(&self) -> Option<Instant> {
        self.queue().since
    }

    /// Why nothing is written any more, if so.
    pub fn ended(&self) -> Option<Arc<str>> {
        self.queue().ended.clone()
    }

    fn push(&self, item: Item) {
        let (records, bytes) = match &item {
            Item::Batch { records, bytes } => (records.len() as u64, *bytes),
            Item::Reset(_) => (0, 0),
        };
        let mut queue = self.queue();
        while queue.bytes > limits::PENDING_BYTES_MAX && queue.ended.is_none() {
            queue = wait(&self.written, queue);
        }
        if queue.ended.is_some() {
            return;
        }
        let was = queue.bytes;
        queue.items.push(item);
        queue.pushed += 1;
        queue.bytes += bytes;
        queue.records += records;
        let first = queue.since.is_none();
        if first {
            queue.since = Some(Instant::now());
        }
        let full = was < limits::FLUSH_BYTES && queue.bytes >= limits::FLUSH_BYTES;
        drop(queue);
        if first || full {
            self.wake.notify_one();
        }
    }

    /// Waits until everything pushed so far is on disk, or nothing is written any more.
    pub fn flush(&self) -> Result<(), Arc<str>> {
        let mut queue = self.queue();
        let upto = queue.pushed;
        queue.wanted = queue.wanted.max(upto);
        self.wake.notify_one();
        while queue.written < upto {
            if let Some(reason) = &queue.ended {
                return Err(reason.clone());
            }
            queue = wait(&self.written, queue);
        }
        Ok(())
    }

    /// Asks the writer to write everything and end.
    pub fn close(&self) {
        self.queue().closing = true;
        self.wake.notify_one();
    }

    /// For the writer: waits for something to do, until `idle_at`.
    pub fn next_task(&self, idle_at: Instant) -> Task {
        let mut queue = self.queue();
        loop {
            if queue.closing {
                return Task::Close;
            }
            let now = Instant::now();
            let due = queue.since.map(|since| since + limits::FLUSH_EVERY);
            let wanted = queue.wanted > queue.taken || queue.bytes >= limits::FLUSH_BYTES;
            if queue.pushed > queue.taken && (wanted || due.is_some_and(|due| due <= now)) {
                return Task::Flush;
            }
            let until = due.map_or(idle_at, |due| due.min(idle_at));
            if until <= now {
                return Task::Idle;
            }
            queue = self
                .wake
                .wait_timeout(queue, until - now)
                .unwrap_or_else(PoisonError::into_inner)
                .0;
        }
    }

    /// For the writer: what has gathered. Readers see it until [`Pending::wrote`].
    pub fn take(&self) -> Taken {
        let mut overlay = self.overlay();
        self.fold(&mut overlay, true);
        let window = Arc::new(std::mem::take(&mut overlay.current));
        overlay.flushing = Some(window.clone());
        Taken {
            window,
            upto: overlay.folded,
        }
    }

    /// For the writer: it is on disk.
    pub fn wrote(&self, taken: Taken) {
        self.overlay().flushing = None;
        let mut queue = self.queue();
        queue.bytes = queue.bytes.saturating_sub(taken.window.bytes);
        queue.records = queue.records.saturating_sub(taken.window.records);
        queue.written = taken.upto;
        drop(queue);
        self.written.notify_all();
    }

    /// For the writer: it ends, and whatever comes is dropped.
    pub fn end(&self, reason: &str) {
        let mut overlay = self.overlay();
        overlay.current = Window::default();
        overlay.flushing = None;
        let mut queue = self.queue();
        queue.items = Vec::new();
        (queue.bytes, queue.records, queue.since) = (0, 0, None);
        queue.ended = Some(reason.into());
        drop(queue);
        self.written.notify_all();
    }

    /// What is not yet on disk of one execution. `snapshot` is called while nothing can pass from the overlay to the
    /// disk, so that what it returns and the overlay together have everything.
    pub fn look<S>(&self, execution: &str, snapshot: impl FnOnce() -> S) -> (Seen, S) {
        let mut overlay = self.overlay();
        self.fold(&mut overlay, false);
        let mut seen = Seen::default();
        for window in overlay
            .flushing
            .as_deref()
            .into_iter()
            .chain([&overlay.current])
        {
            for (&partition, content) in &window.partitions {
                if content.reset {
                    seen.deltas.retain(|(p, _)| *p != partition);
                    seen.forgotten.push(partition);
                }
                if let Some(delta) = content.deltas.get(execution) {
                    seen.deltas.push((partition, delta.clone()));
                }
            }
        }
        (seen, snapshot())
    }

    /// Moves the queue into the window; `taking` if the window then goes to the writer.
    fn fold(&self, overlay: &mut Overlay, taking: bool) {
        let (items, pushed) = {
            let mut queue = self.queue();
            if taking {
                (queue.taken, queue.since) = (queue.pushed, None);
            }
            (std::mem::take(&mut queue.items), queue.pushed)
        };
        overlay.folded = pushed;
        for item in items {
            match item {
                Item::Reset(partition) => {
                    overlay.offsets.remove(&partition);
                    overlay.current.reset(partition);
                }
                Item::Batch { records, bytes } => {
                    overlay.current.bytes += bytes;
                    overlay.current.records += records.len() as u64;
                    records
                        .into_iter()
                        .for_each(|applied| overlay.apply(applied));
                }
            }
        }
    }

    fn queue(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn overlay(&self) -> MutexGuard<'_, Overlay> {
        self.overlay.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Overlay {
    /// A record that is contained already (given again after a restart) changes nothing.
    fn apply(&mut self, applied: Applied) {
        let last = self.offsets.entry(applied.partition).or_insert(i64::MIN);
        if applied.offset > *last {
            *last = applied.offset;
            self.current.apply(applied);
        }
    }
}

fn wait<'a, T>(condition: &Condvar, guard: MutexGuard<'a, T>) -> MutexGuard<'a, T> {
    condition
        .wait(guard)
        .unwrap_or_else(PoisonError::into_inner)
}

/// The engine's end of the queue.
///
/// `apply` blocks while more than [`limits::PENDING_BYTES_MAX`] wait to be written, so that a slow disk slows the
/// engine instead of filling the memory.
#[derive(Debug)]
pub struct Appender(pub Arc<Pending>);

impl ViewWriter for Appender {
    fn apply(&mut self, batch: Vec<Applied>) {
        if !batch.is_empty() {
            let bytes = batch.iter().map(bytes_of).sum();
            self.0.push(Item::Batch {
                records: batch,
                bytes,
            });
        }
    }

    fn reset(&mut self, partition: i32) {
        self.0.push(Item::Reset(partition));
    }
}

fn bytes_of(applied: &Applied) -> u64 {
    let content = match &applied.change {
        Change::None => 0,
        Change::Step { json, .. } | Change::Restated { json, .. } => json.len(),
        Change::Reopened { past, json, .. } => past.len() + json.len(),
        Change::Rebased(bases) => bases.len() * size_of::<(i64, i64)>(),
        Change::Marked(express) => express.len() * size_of::<i64>(),
        Change::Names(names) => names.len() * size_of::<baton_schemas::history::Closed>(),
    };
    content as u64 + limits::RECORD_OVERHEAD_BYTES
}

#[cfg(test)]
mod tests {
    use super::*;
    use baton_schemas::history::Positions;

    fn applied(offset: i64) -> Applied {
        let positions = Positions::default();
        Applied {
            partition: 0,
            offset,
            epoch: 0,
            seq: 0,
            positions,
            mark: 0,
            base: None,
            now_ms: 0,
            since_base: 0,
            change: Change::None,
        }
    }

    /// Runs what the writer's thread runs, without a disk; the offsets in the order written.
    fn written(pending: &Pending) -> Vec<i64> {
        let mut offsets = Vec::new();
        loop {
            let task = pending.next_task(Instant::now() + limits::SWEEP_EVERY);
            let taken = pending.take();
            offsets.extend(
                taken
                    .window
                    .partitions
                    .values()
                    .filter_map(|p| Some(p.at.as_ref()?.offset)),
            );
            pending.wrote(taken);
            if task == Task::Close {
                pending.end("closed");
                return offsets;
            }
        }
    }

    #[test]
    fn nothing_is_forgotten_between_pushes_and_takes() {
        let pending = Pending::new(BTreeMap::new());
        let writer = std::thread::spawn({
            let pending = pending.clone();
            move || written(&pending)
        });
        let pusher = std::thread::spawn({
            let mut appender = Appender(pending.clone());
            move || (0..50_000).for_each(|offset| appender.apply(vec![applied(offset)]))
        });
        while !pusher.is_finished() {
            pending.flush().unwrap();
            pending.look("none", || ());
        }
        pusher.join().unwrap();
        pending.flush().unwrap();
        assert_eq!(pending.size(), (0, 0));
        pending.close();
        let offsets = writer.join().unwrap();
        assert!(offsets.is_sorted());
        assert_eq!(offsets.last(), Some(&49_999));
    }

    #[test]
    fn a_writer_that_ends_lets_everybody_go() {
        let pending = Pending::new(BTreeMap::new());
        let mut appender = Appender(pending.clone());
        appender.apply(vec![applied(0)]);
        let waiting = std::thread::spawn({
            let pending = pending.clone();
            move || pending.flush()
        });
        pending.end("the disk is full");
        assert_eq!(
            waiting.join().unwrap().unwrap_err().as_ref(),
            "the disk is full"
        );
        appender.apply(vec![applied(1)]);
        assert_eq!(pending.size(), (0, 0));
        assert!(pending.ended().is_some());
    }
}
