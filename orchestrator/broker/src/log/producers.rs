//! Idempotent producers of one partition (KIP-98): their last batches, so that a repeat is recognised and a gap refused.
//!
//! Owns: the decision whether a batch continues, repeats or breaks its producer's sequence. Must not: touch the log.
//! Rules as in Kafka's `ProducerStateManager`: a producer that is not known may begin anywhere, since its earlier
//! batches may have been deleted; a new epoch begins at 0.

use super::{
    LogError,
    batch::Header,
    limits::{PRODUCER_BATCHES, PRODUCER_KEPT_MS, PRODUCERS_MAX},
};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, VecDeque};

/// All that have written to a partition lately.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Producers {
    by_id: BTreeMap<i64, Producer>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Producer {
    epoch: i16,
    /// Unix time of its last batch here.
    last_ms: i64,
    /// Oldest first; at most `PRODUCER_BATCHES`.
    batches: VecDeque<Sent>,
}

/// A batch that was appended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
struct Sent {
    first_sequence: i32,
    last_sequence: i32,
    base_offset: i64,
    last_offset: i64,
}

/// What to do with a batch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// Append it.
    Continues,
    /// It is there: answer as the first time.
    Repeats {
        /// Offset that its first record got.
        base_offset: i64,
        /// Offset that its last record got.
        last_offset: i64,
    },
}

impl Producers {
    /// Decides about a batch of an idempotent producer.
    pub fn check(&self, header: &Header) -> Result<Verdict, LogError> {
        let Some(known) = self.by_id.get(&header.producer_id) else {
            return Ok(Verdict::Continues);
        };
        if header.producer_epoch < known.epoch {
            return Err(LogError::InvalidProducerEpoch {
                producer_id: header.producer_id,
                current: known.epoch,
                got: header.producer_epoch,
            });
        }
        let expected = if header.producer_epoch > known.epoch {
            0
        } else {
            known.next_sequence()
        };
        if header.producer_epoch == known.epoch
            && let Some(sent) = known.repeated(header)
        {
            return Ok(Verdict::Repeats {
                base_offset: sent.base_offset,
                last_offset: sent.last_offset,
            });
        }
        if header.base_sequence != expected {
            let producer_id = header.producer_id;
            return Err(LogError::OutOfOrderSequence {
                producer_id,
                expected,
                got: header.base_sequence,
            });
        }
        Ok(Verdict::Continues)
    }

    /// Remembers a batch that was appended at the header's offset.
    pub fn remember(&mut self, header: &Header, now_ms: i64) {
        if !self.by_id.contains_key(&header.producer_id) {
            self.make_room();
        }
        let new = || Producer {
            epoch: header.producer_epoch,
            last_ms: now_ms,
            batches: VecDeque::new(),
        };
        let producer = self.by_id.entry(header.producer_id).or_insert_with(new);
        if producer.epoch != header.producer_epoch {
            *producer = new();
        }
        while producer.batches.len() >= PRODUCER_BATCHES {
            producer.batches.pop_front();
        }
        producer.last_ms = now_ms;
        producer.batches.push_back(Sent {
            first_sequence: header.base_sequence,
            last_sequence: header.last_sequence(),
            base_offset: header.base_offset,
            last_offset: header.last_offset(),
        });
    }

    /// Forgets those that were silent for long.
    pub fn expire(&mut self, now_ms: i64) {
        self.by_id
            .retain(|_, producer| now_ms.saturating_sub(producer.last_ms) < PRODUCER_KEPT_MS);
    }

    /// Forgets batches that are not before `end`: the log has lost them, so they were not repeated if they come again.
    pub fn forget_from(&mut self, end: i64) {
        self.by_id.retain(|_, producer| {
            producer.batches.retain(|sent| sent.last_offset < end);
            !producer.batches.is_empty()
        });
    }

    fn make_room(&mut self) {
        if self.by_id.len() >= PRODUCERS_MAX
            && let Some((&silent, _)) = self
                .by_id
                .iter()
                .min_by_key(|(_, producer)| producer.last_ms)
        {
            self.by_id.remove(&silent);
        }
    }
}

impl Producer {
    fn next_sequence(&self) -> i32 {
        match self.batches.back() {
            Some(sent) if sent.last_sequence < i32::MAX => sent.last_sequence + 1,
            _ => 0,
        }
    }

    fn repeated(&self, header: &Header) -> Option<&Sent> {
        let (first, last) = (header.base_sequence, header.last_sequence());
        self.batches
            .iter()
            .find(|sent| sent.first_sequence == first && sent.last_sequence == last)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn batch(epoch: i16, base_sequence: i32, count: i32, base_offset: i64) -> Header {
        Header {
            base_offset,
            bytes: 100,
            crc: 0,
            attributes: 0,
            last_offset_delta: count - 1,
            base_timestamp: 0,
            max_timestamp: 0,
            producer_id: 7,
            producer_epoch: epoch,
            base_sequence,
            count,
        }
    }

    fn after(batches: &[Header]) -> Producers {
        let mut producers = Producers::default();
        for batch in batches {
            assert_eq!(producers.check(batch).unwrap(), Verdict::Continues);
            producers.remember(batch, 0);
        }
        producers
    }

    #[test]
    fn a_sequence_continues_repeats_or_breaks() {
        let producers = after(&[batch(0, 0, 3, 10), batch(0, 3, 2, 20)]);
        assert_eq!(
            producers.check(&batch(0, 5, 1, 0)).unwrap(),
            Verdict::Continues
        );
        assert_eq!(
            producers.check(&batch(0, 0, 3, 0)).unwrap(),
            Verdict::Repeats {
                base_offset: 10,
                last_offset: 12
            }
        );
        assert!(matches!(
            producers.check(&batch(0, 6, 1, 0)),
            Err(LogError::OutOfOrderSequence {
                expected: 5,
                got: 6,
                ..
            })
        ));
    }

    #[test]
    fn only_the_last_five_batches_are_known() {
        let batches: Vec<_> = (0..6).map(|n| batch(0, n, 1, i64::from(n))).collect();
        let producers = after(&batches);
        assert_eq!(
            producers.check(&batches[1]).unwrap(),
            Verdict::Repeats {
                base_offset: 1,
                last_offset: 1
            }
        );
        assert!(matches!(
            producers.check(&batches[0]),
            Err(LogError::OutOfOrderSequence { expected: 6, .. })
        ));
    }

    #[test]
    fn a_new_epoch_begins_at_zero_and_ends_the_old_one() {
        let mut producers = after(&[batch(0, 0, 3, 0)]);
        assert!(matches!(
            producers.check(&batch(1, 3, 1, 0)),
            Err(LogError::OutOfOrderSequence { expected: 0, .. })
        ));
        producers.remember(&batch(1, 0, 1, 3), 0);
        assert!(matches!(
            producers.check(&batch(0, 3, 1, 0)),
            Err(LogError::InvalidProducerEpoch {
                current: 1,
                got: 0,
                ..
            })
        ));
    }

    #[test]
    fn sequences_wrap_to_zero() {
        let producers = after(&[batch(0, i32::MAX - 1, 3, 0)]);
        assert_eq!(
            producers.check(&batch(0, 1, 1, 3)).unwrap(),
            Verdict::Continues
        );
    }

    #[test]
    fn the_number_of_producers_is_bounded_and_the_silent_go_first() {
        let mut producers = Producers::default();
        for id in 0..=PRODUCERS_MAX as i64 {
            producers.remember(
                &Header {
                    producer_id: id,
                    ..batch(0, 5, 1, 0)
                },
                id,
            );
        }
        assert_eq!(producers.by_id.len(), PRODUCERS_MAX);
        assert!(!producers.by_id.contains_key(&0));
        producers.expire(PRODUCER_KEPT_MS + 10);
        assert_eq!(
            producers.by_id.first_key_value().map(|(id, _)| *id),
            Some(11)
        );
    }
}
