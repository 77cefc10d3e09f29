//! A bounded table of things that belong to segments (open files, indexes): the least used gives way to another.

use std::{
    collections::HashMap,
    sync::{Mutex, MutexGuard, PoisonError},
};

/// Which segment: the partition's number in this process, and the segment's base offset.
pub type SegmentId = (u64, i64);

/// A bounded table. Finding one to give way looks at all, so bounds are in the hundreds.
pub struct Cache<T> {
    max: usize,
    table: Mutex<Table<T>>,
}

struct Table<T> {
    entries: HashMap<SegmentId, (T, u64)>,
    uses: u64,
}

impl<T: Clone> Cache<T> {
    /// An empty table for up to `max` things.
    pub fn new(max: usize) -> Self {
        Cache {
            max,
            table: Mutex::new(Table {
                entries: HashMap::new(),
                uses: 0,
            }),
        }
    }

    /// What is there for a segment; it counts as used now.
    pub fn get(&self, id: SegmentId) -> Option<T> {
        let mut table = self.lock();
        table.uses += 1;
        let uses = table.uses;
        let (value, used) = table.entries.get_mut(&id)?;
        *used = uses;
        Some(value.clone())
    }

    /// Puts something in, or in another's place.
    pub fn put(&self, id: SegmentId, value: T) {
        let mut table = self.lock();
        if table.entries.len() >= self.max
            && let Some(least) = table
                .entries
                .iter()
                .min_by_key(|(_, (_, used))| *used)
                .map(|(id, _)| *id)
        {
            table.entries.remove(&least);
        }
        table.uses += 1;
        let uses = table.uses;
        table.entries.insert(id, (value, uses));
    }

    /// Takes out a segment's, or all of a partition's.
    pub fn forget(&self, partition: u64, segment: Option<i64>) {
        self.lock()
            .entries
            .retain(|id, _| id.0 != partition || segment.is_some_and(|base| base != id.1));
    }

    fn lock(&self) -> MutexGuard<'_, Table<T>> {
        self.table.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_least_used_gives_way() {
        let cache = Cache::new(2);
        cache.put((1, 0), 'a');
        cache.put((1, 9), 'b');
        assert_eq!(cache.get((1, 0)), Some('a'));
        cache.put((2, 0), 'c');
        assert_eq!(
            (cache.get((1, 0)), cache.get((1, 9)), cache.get((2, 0))),
            (Some('a'), None, Some('c'))
        );
        cache.forget(1, Some(9));
        assert_eq!(cache.get((1, 0)), Some('a'));
        cache.forget(1, None);
        assert_eq!((cache.get((1, 0)), cache.get((2, 0))), (None, Some('c')));
    }
}
