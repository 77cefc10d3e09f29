//! The threads that sync: whatever was appended to a partition while its last sync was under way shares the next one.
//!
//! Owns: the queue of partitions with something to sync, each in it at most once. Must not: know files or offsets.

use std::{
    collections::VecDeque,
    sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError},
    thread::JoinHandle,
};

/// Something that can be synced.
pub trait Flush: Send + Sync {
    /// Syncs what has gathered; says whether more has since.
    fn flush(&self) -> bool;
}

/// Partitions that wait for a sync. Bounded by the number of partitions.
#[derive(Default)]
pub struct Queue {
    waiting: Mutex<Waiting>,
    filled: Condvar,
}

#[derive(Default)]
struct Waiting {
    queue: VecDeque<Arc<dyn Flush>>,
    is_ending: bool,
}

/// The running threads. When dropped, they sync what waits and end.
pub struct Flushers {
    queue: Arc<Queue>,
    threads: Vec<JoinHandle<()>>,
}

impl Queue {
    /// Puts a partition in. The caller sees to it that it is not there already.
    pub fn push(&self, partition: Arc<dyn Flush>) {
        self.lock().queue.push_back(partition);
        self.filled.notify_one();
    }

    fn next(&self) -> Option<Arc<dyn Flush>> {
        let mut waiting = self.lock();
        loop {
            if let Some(partition) = waiting.queue.pop_front() {
                return Some(partition);
            }
            if waiting.is_ending {
                return None;
            }
            waiting = self
                .filled
                .wait(waiting)
                .unwrap_or_else(PoisonError::into_inner);
        }
    }

    fn lock(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Flushers {
    /// Starts `threads` threads on a queue.
    pub fn start(queue: Arc<Queue>, threads: usize) -> std::io::Result<Self> {
        let mut flushers = Flushers {
            queue,
            threads: Vec::with_capacity(threads),
        };
        for number in 0..threads {
            let queue = Arc::clone(&flushers.queue);
            let run = move || {
                while let Some(partition) = queue.next() {
                    if partition.flush() {
                        queue.push(partition);
                    }
                }
            };
            flushers.threads.push(
                std::thread::Builder::new()
                    .name(format!("log-sync-{number}"))
                    .spawn(run)?,
            );
        }
        Ok(flushers)
    }
}

impl Drop for Flushers {
    fn drop(&mut self) {
        self.queue.lock().is_ending = true;
        self.queue.filled.notify_all();
        for thread in self.threads.drain(..) {
            // A panic there has been reported; waiting appends end when their partition is dropped.
            let _ = thread.join();
        }
    }
}
