//! The driver's inbox: everything that anybody tells it.
//!
//! Owns: one lock, held for a push or a swap. The driver takes all that waits at once, so it wakes once per batch and
//! not once per record; nobody is woken who isn't asleep. Bounds: messages make their sender wait, calls are refused,
//! delivery reports are bounded by the producers' queues (and must never wait, or a full producer would block the driver
//! that has to empty this).

use crate::limits::{INBOX_BYTES_MAX, INBOX_CALLS_MAX, INBOX_MESSAGES_MAX};
use crate::producer::Delivery;
use baton_engine::ports::{Input, InputRecord};
use baton_engine::{Call, CallError, Reply};
use baton_schemas::history::InputTopic;
use crossbeam_channel::Sender;
use std::collections::VecDeque;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// Answers a call.
pub type Answer = Box<dyn FnOnce(Result<Reply, CallError>) + Send>;

/// A call on its way to an owner.
pub struct QueuedCall {
    pub partition: i32,
    pub call: Call,
    pub answer: Answer,
}

/// What the driver is told.
pub enum Message {
    /// The group gave these partitions to this node.
    Assigned(Vec<i32>),
    /// The group will take these partitions away: begin nothing new, and drop `done` when nothing is under way.
    Leaving {
        partitions: Vec<i32>,
        done: Sender<()>,
    },
    /// The group took these partitions away.
    Revoked(Vec<i32>),
    /// Records of an input topic.
    Records {
        topic: InputTopic,
        records: Vec<Read>,
    },
    /// Where an input partition is to be read from, and where it ends now.
    Found {
        topic: InputTopic,
        partition: i32,
        session: u32,
        next: i64,
        end: i64,
    },
    /// An input partition can't be read where it should.
    OutOfRange {
        partition: i32,
        session: u32,
        topic: InputTopic,
        reason: String,
    },
    /// The registry is read to its end, for the owner of a partition that asked so.
    RegistryRead { partition: i32, read: u64 },
    /// An answer for the owner of a partition.
    Input { partition: i32, input: Input },
    /// Take no more inputs and calls; when nothing is under way, say so in the status.
    Drain,
    /// End.
    Stop,
}

/// A record of an input topic, or the news that there is none before `offset`.
pub struct Read {
    pub partition: i32,
    /// Which opening of the partition this belongs to.
    pub session: u32,
    pub offset: i64,
    /// About how much memory it needs.
    pub bytes: usize,
    /// `None`: everything below `offset` has been read.
    pub record: Option<InputRecord>,
}

/// Everything that waited. Kept and given back, so that its memory is used again.
#[derive(Default)]
pub struct Taken {
    pub deliveries: Vec<Delivery>,
    pub messages: VecDeque<Message>,
    pub calls: VecDeque<QueuedCall>,
}

/// See the module.
#[derive(Default)]
pub struct Inbox {
    state: Mutex<State>,
    filled: Condvar,
    room: Condvar,
}

#[derive(Default)]
struct State {
    taken: Taken,
    /// Of records in `taken`.
    bytes: usize,
    /// The driver sleeps.
    asleep: bool,
    closed: bool,
}

/// The driver has ended.
#[derive(Debug)]
pub struct Closed;

impl Inbox {
    /// Reports what became of a produced record. Never waits.
    pub fn push_delivery(&self, delivery: Delivery) {
        let mut state = self.lock();
        state.taken.deliveries.push(delivery);
        self.wake(state);
    }

    /// Waits for room and gives a message.
    pub fn push(&self, message: Message) -> Result<(), Closed> {
        let bytes = message.bytes();
        let mut state = self.lock();
        while state.is_full() && !state.closed {
            state = self
                .room
                .wait(state)
                .unwrap_or_else(PoisonError::into_inner);
        }
        if state.closed {
            return Err(Closed);
        }
        state.bytes += bytes;
        state.taken.messages.push_back(message);
        self.wake(state);
        Ok(())
    }

    /// Gives a call, or gives it back if there is no room.
    pub fn push_call(&self, call: QueuedCall) -> Result<(), QueuedCall> {
        let mut state = self.lock();
        if state.closed || state.taken.calls.len() >= INBOX_CALLS_MAX {
            return Err(call);
        }
        state.taken.calls.push_back(call);
        self.wake(state);
        Ok(())
    }

    /// Waits up to `timeout` for anything, and swaps all of it into `taken`, which must be empty.
    pub fn take(&self, timeout: Duration, taken: &mut Taken) {
        let mut state = self.lock();
        if state.taken.is_empty() && !timeout.is_zero() {
            state.asleep = true;
            let (woken, _timed_out) = self
                .filled
                .wait_timeout_while(state, timeout, |state| state.taken.is_empty())
                .unwrap_or_else(PoisonError::into_inner);
            state = woken;
            state.asleep = false;
        }
        std::mem::swap(&mut state.taken, taken);
        state.bytes = 0;
        drop(state);
        if !taken.messages.is_empty() {
            self.room.notify_all();
        }
    }

    /// From now on nothing is taken; who waits is told.
    pub fn close(&self) {
        self.lock().closed = true;
        self.room.notify_all();
    }

    pub fn is_closed(&self) -> bool {
        self.lock().closed
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn wake(&self, mut state: MutexGuard<'_, State>) {
        if std::mem::take(&mut state.asleep) {
            drop(state);
            self.filled.notify_one();
        }
    }
}

impl State {
    fn is_full(&self) -> bool {
        self.taken.messages.len() >= INBOX_MESSAGES_MAX || self.bytes >= INBOX_BYTES_MAX
    }
}

impl Message {
    /// Memory that its records need.
    fn bytes(&self) -> usize {
        match self {
            Self::Records { records, .. } => records.iter().map(|read| read.bytes).sum(),
            Self::Input {
                input: Input::History { records, .. },
                ..
            } => records.iter().map(|(_, value)| value.len()).sum(),
            _ => 0,
        }
    }
}

impl Taken {
    fn is_empty(&self) -> bool {
        self.deliveries.is_empty() && self.messages.is_empty() && self.calls.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Arc;

    #[test]
    fn senders_wait_for_room_and_nothing_is_lost() {
        let inbox = Arc::new(Inbox::default());
        let sender = inbox.clone();
        let many = 10 * INBOX_MESSAGES_MAX;
        let thread = std::thread::spawn(move || {
            (0..many).all(|i| sender.push(Message::Assigned(vec![i as i32])).is_ok())
        });
        let (mut taken, mut got) = (Taken::default(), Vec::new());
        while got.len() < many {
            inbox.take(Duration::from_secs(10), &mut taken);
            assert!(taken.messages.len() <= INBOX_MESSAGES_MAX);
            for message in taken.messages.drain(..) {
                let Message::Assigned(partitions) = message else {
                    panic!("only these were sent")
                };
                got.extend(partitions);
            }
        }
        assert!(thread.join().expect("no panic"));
        assert!(
            got.iter().enumerate().all(|(i, got)| *got == i as i32),
            "in order"
        );
    }

    #[test]
    fn large_records_make_their_sender_wait_before_many_messages_do() {
        let inbox = Arc::new(Inbox::default());
        let chunk = || Message::Records {
            topic: InputTopic::Requests,
            records: vec![Read {
                partition: 0,
                session: 0,
                offset: 0,
                bytes: INBOX_BYTES_MAX / 2,
                record: None,
            }],
        };
        let sender = inbox.clone();
        let thread = std::thread::spawn(move || (0..20).all(|_| sender.push(chunk()).is_ok()));
        let (mut taken, mut got) = (Taken::default(), 0);
        while got < 20 {
            inbox.take(Duration::from_secs(10), &mut taken);
            assert!(taken.messages.len() <= 2);
            got += taken.messages.drain(..).count();
        }
        assert!(thread.join().expect("no panic"));
    }

    #[test]
    fn a_closed_inbox_frees_who_waits() {
        let inbox = Arc::new(Inbox::default());
        for _ in 0..INBOX_MESSAGES_MAX {
            inbox.push(Message::Drain).expect("room");
        }
        let sender = inbox.clone();
        let thread = std::thread::spawn(move || sender.push(Message::Stop).is_err());
        inbox.close();
        assert!(thread.join().expect("no panic"));
    }
}
