//! One input topic of one partition, between the reader and the owner.
//!
//! Owns: which opening counts, what was read and is not wanted yet, and when the reader has to pause.

use crate::inbox::Read;
use crate::limits::{FEED_BYTES_MAX, FEED_RECORDS_MAX, FEED_RESUME_AT, FEED_RESUME_AT_BYTES};
use std::collections::VecDeque;

/// See the module.
#[derive(Default)]
pub struct Feed {
    session: u32,
    open: bool,
    paused: bool,
    waiting: VecDeque<Read>,
    /// Of what waits.
    bytes: usize,
    /// Where the partition ended when it was opened.
    end: Option<i64>,
    /// The next offset that the owner has not been given.
    next: Option<i64>,
    /// The last `next` that was known, whatever has been closed since.
    last_known: Option<i64>,
}

/// What the reader has to be told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Change {
    Pause,
    Resume,
}

impl Feed {
    /// Begins anew; returns the session's number.
    pub fn open(&mut self, position: Option<i64>) -> u32 {
        self.close();
        self.open = true;
        self.next = position;
        self.session
    }

    /// Nothing that was read counts any more.
    pub fn close(&mut self) {
        let session = self.session.wrapping_add(1);
        *self = Self {
            session,
            last_known: self.last_known(),
            ..Self::default()
        };
    }

    /// The partition is no longer this node's: where others get to with it is not known here.
    pub fn forget(&mut self) {
        self.close();
        self.last_known = None;
    }

    /// Whether what belongs to `session` still counts.
    pub fn is_current(&self, session: u32) -> bool {
        self.open && self.session == session
    }

    /// Notes where reading begins and where the partition ended then.
    pub fn opened(&mut self, next: i64, end: i64) {
        self.next = Some(next);
        self.end = Some(end);
    }

    /// Where it ended, once that is known.
    pub fn end(&self) -> Option<i64> {
        self.end
    }

    /// The next offset that the owner has not been given, if known.
    pub fn next(&self) -> Option<i64> {
        self.next
    }

    /// The same, or what it was before the partition was closed.
    pub fn last_known(&self) -> Option<i64> {
        self.next.or(self.last_known)
    }

    /// Takes what was read, if it still counts.
    pub fn push(&mut self, read: Read) {
        if self.is_current(read.session) {
            self.bytes += read.bytes;
            self.waiting.push_back(read);
        }
    }

    /// The next record for the owner.
    pub fn pop(&mut self) -> Option<Read> {
        let read = self.waiting.pop_front()?;
        self.bytes -= read.bytes;
        self.next = Some(if read.record.is_some() {
            read.offset + 1
        } else {
            read.offset
        });
        Some(read)
    }

    pub fn is_empty(&self) -> bool {
        self.waiting.is_empty()
    }

    /// Whether the reader must pause or go on.
    pub fn change(&mut self) -> Option<Change> {
        let records = self.waiting.len();
        let full = records > FEED_RECORDS_MAX || self.bytes > FEED_BYTES_MAX;
        let room = records <= FEED_RESUME_AT && self.bytes <= FEED_RESUME_AT_BYTES;
        if self.open && !self.paused && full {
            self.paused = true;
            Some(Change::Pause)
        } else if self.paused && room {
            self.paused = false;
            Some(Change::Resume)
        } else {
            None
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(session: u32, offset: i64) -> Read {
        Read {
            partition: 0,
            session,
            offset,
            bytes: 1,
            record: None,
        }
    }

    #[test]
    fn what_belongs_to_an_earlier_opening_is_dropped() {
        let mut feed = Feed::default();
        let first = feed.open(Some(0));
        feed.push(read(first, 0));
        let second = feed.open(Some(5));
        assert!(feed.is_empty() && feed.next() == Some(5));
        feed.push(read(first, 1));
        feed.push(read(second, 5));
        assert_eq!(feed.pop().map(|r| r.offset), Some(5));
        assert!(feed.pop().is_none());
    }

    #[test]
    fn what_was_known_outlives_a_closing_but_not_the_ownership() {
        let mut feed = Feed::default();
        feed.open(None);
        feed.opened(7, 9);
        feed.close();
        assert_eq!((feed.next(), feed.last_known()), (None, Some(7)));
        feed.forget();
        assert_eq!(feed.last_known(), None);
    }

    #[test]
    fn a_few_large_records_are_enough_to_pause() {
        let mut feed = Feed::default();
        let session = feed.open(None);
        let large = |offset| Read {
            bytes: FEED_BYTES_MAX / 2,
            ..read(session, offset)
        };
        (0..2).for_each(|offset| feed.push(large(offset)));
        assert_eq!(feed.change(), None);
        feed.push(large(2));
        assert_eq!(feed.change(), Some(Change::Pause));
        (0..2).for_each(|_| drop(feed.pop()));
        assert_eq!(feed.change(), None, "the last one is too large to go on");
        feed.pop();
        assert_eq!(feed.change(), Some(Change::Resume));
    }

    #[test]
    fn pauses_when_full_and_goes_on_when_there_is_room_again() {
        let mut feed = Feed::default();
        let session = feed.open(None);
        let full = FEED_RECORDS_MAX as i64 + 1;
        (0..full).for_each(|offset| feed.push(read(session, offset)));
        assert_eq!((feed.change(), feed.change()), (Some(Change::Pause), None));
        while feed.waiting.len() > FEED_RESUME_AT {
            assert_eq!(feed.change(), None);
            feed.pop();
        }
        assert_eq!((feed.change(), feed.change()), (Some(Change::Resume), None));
    }
}
