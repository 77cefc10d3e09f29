//! From the driver to a helper thread, without ever blocking the driver.
//!
//! Owns: the order of what is sent, and what waits when the helper is behind. How much can wait is bounded by what owners
//! have open at once: a few requests each, and sends up to `OUTBOX_MAX`.

use crossbeam_channel::{Sender, TrySendError};
use std::collections::VecDeque;

/// A sender that keeps what its channel has no room for.
pub struct Mailbox<T> {
    channel: Sender<T>,
    waiting: VecDeque<T>,
}

impl<T> Mailbox<T> {
    pub fn new(channel: Sender<T>) -> Self {
        Self {
            channel,
            waiting: VecDeque::new(),
        }
    }

    /// Sends now or, in order, when there is room.
    pub fn send(&mut self, message: T) {
        self.waiting.push_back(message);
        self.flush();
    }

    /// Sends what waits, as far as there is room. To be called now and then.
    pub fn flush(&mut self) {
        while let Some(message) = self.waiting.pop_front() {
            match self.channel.try_send(message) {
                Ok(()) => {}
                Err(TrySendError::Full(message)) => {
                    self.waiting.push_front(message);
                    return;
                }
                // The helper has ended: the process is stopping.
                Err(TrySendError::Disconnected(_)) => {}
            }
        }
    }

    pub fn is_behind(&self) -> bool {
        !self.waiting.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_finds_no_room_is_sent_later_and_in_order() {
        let (sender, receiver) = crossbeam_channel::bounded(2);
        let mut mailbox = Mailbox::new(sender);
        (0..5).for_each(|i| mailbox.send(i));
        assert!(mailbox.is_behind());
        let mut got = Vec::new();
        while got.len() < 5 {
            got.extend(receiver.try_iter());
            mailbox.flush();
        }
        assert_eq!(got, [0, 1, 2, 3, 4]);
        assert!(!mailbox.is_behind());
    }
}
