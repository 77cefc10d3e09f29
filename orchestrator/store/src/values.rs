//! How values are laid out: what is kept of an execution besides its history.
//!
//! Owns: the bytes of the values in `summaries`, `by_machine` and `by_status` (all three hold [`Facts`]), in `by_arn`
//! ([`Place`]) and in `names` ([`Taken`]). A change here needs a new [`crate::meta::FORMAT`].

use crate::error::StoreError;
use crate::keys::Generation;
use baton_engine::search::Findable;
use baton_engine::views::{Redrives, Summary};
use baton_machine::Status;
use baton_schemas::history::Closed;
use std::sync::Arc;

/// What is known of an execution; its start and ARN are in the key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Facts {
    /// Life of the partition's views that this belongs to.
    pub generation: Generation,
    /// How it stands.
    pub status: Status,
    /// When it closed, milliseconds since the epoch.
    pub stop_ms: Option<i64>,
    /// Revision of its definition.
    pub revision: u64,
    /// Hash of machine and input.
    pub start_hash: u64,
    /// ARN of its machine.
    pub machine: Arc<str>,
    /// How often and when last it was redriven.
    pub redrives: Redrives,
    /// What else it is found by.
    pub findable: Findable,
}

/// Where an execution is found by the hash of its ARN.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Place {
    /// When it started, milliseconds since the epoch.
    pub start_ms: i64,
    /// When it closed, milliseconds since the epoch.
    pub closed_ms: Option<i64>,
    /// Hash of machine and input.
    pub start_hash: u64,
}

/// A name that is taken without an execution in the store.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Taken {
    /// Hash of machine and input.
    pub start_hash: u64,
    /// When it closed, milliseconds since the epoch.
    pub closed_ms: i64,
}

/// Set in the byte of the status where the redrives follow.
const REDRIVEN: u8 = 0x80;
/// Set in the byte of the status where what it is found by follows, behind the redrives: a length and JSON.
const FINDABLE: u8 = 0x40;

/// Stands for "not closed".
const NEVER: i64 = i64::MIN;

/// The byte that a status is written as.
pub fn status_byte(status: Status) -> u8 {
    match status {
        Status::Running => 0,
        Status::Succeeded => 1,
        Status::Failed => 2,
        Status::Aborted => 3,
        Status::TimedOut => 4,
    }
}

impl Facts {
    /// As bytes.
    pub fn encode(&self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(29 + self.machine.len());
        bytes.extend_from_slice(&self.generation.to_be_bytes());
        let is_redriven = self.redrives.count > 0;
        let mut flags = if is_redriven { REDRIVEN } else { 0 };
        if !self.findable.is_empty() {
            flags |= FINDABLE;
        }
        bytes.push(status_byte(self.status) | flags);
        if is_redriven {
            bytes.extend_from_slice(&self.redrives.count.to_be_bytes());
            let last_ms = self.redrives.last_ms.unwrap_or(NEVER);
            bytes.extend_from_slice(&last_ms.to_be_bytes());
        }
        if !self.findable.is_empty() {
            let json = serde_json::to_vec(&self.findable).expect("plain data serialises");
            bytes.extend_from_slice(&(json.len() as u32).to_be_bytes());
            bytes.extend_from_slice(&json);
        }
        bytes.extend_from_slice(&self.stop_ms.unwrap_or(NEVER).to_be_bytes());
        bytes.extend_from_slice(&self.revision.to_be_bytes());
        bytes.extend_from_slice(&self.start_hash.to_be_bytes());
        bytes.extend_from_slice(self.machine.as_bytes());
        bytes
    }

    /// From bytes.
    ///
    /// # Errors
    /// [`StoreError::Corrupt`].
    pub fn decode(bytes: &[u8]) -> Result<Self, StoreError> {
        Self::parse(bytes).ok_or(StoreError::Corrupt("an execution's facts"))
    }

    fn parse(bytes: &[u8]) -> Option<Self> {
        let (generation, rest) = bytes.split_first_chunk()?;
        let (&status, mut rest) = rest.split_first()?;
        let mut redrives = Redrives::default();
        if status & REDRIVEN != 0 {
            let (count, behind) = rest.split_first_chunk()?;
            let (last_ms, behind) = behind.split_first_chunk()?;
            let last_ms = i64::from_be_bytes(*last_ms);
            redrives.count = u32::from_be_bytes(*count);
            redrives.last_ms = (last_ms != NEVER).then_some(last_ms);
            rest = behind;
        }
        let mut findable = Findable::default();
        if status & FINDABLE != 0 {
            let (length, behind) = rest.split_first_chunk()?;
            let length = u32::from_be_bytes(*length) as usize;
            let (json, behind) = behind.split_at_checked(length)?;
            findable = serde_json::from_slice(json).ok()?;
            rest = behind;
        }
        let (stop_ms, rest) = rest.split_first_chunk()?;
        let (revision, rest) = rest.split_first_chunk()?;
        let (start_hash, machine) = rest.split_first_chunk()?;
        let stop_ms = i64::from_be_bytes(*stop_ms);
        Some(Self {
            generation: Generation::from_be_bytes(*generation),
            status: match status & !(REDRIVEN | FINDABLE) {
                0 => Status::Running,
                1 => Status::Succeeded,
                2 => Status::Failed,
                3 => Status::Aborted,
                4 => Status::TimedOut,
                _ => return None,
            },
            stop_ms: (stop_ms != NEVER).then_some(stop_ms),
            revision: u64::from_be_bytes(*revision),
            start_hash: u64::from_be_bytes(*start_hash),
            machine: std::str::from_utf8(machine).ok()?.into(),
            redrives,
            findable,
        })
    }

    /// As a list shows it.
    pub fn summary(self, start_ms: i64, execution: Arc<str>) -> Summary {
        Summary {
            execution,
            machine: self.machine,
            revision: self.revision,
            status: self.status,
            start_ms,
            stop_ms: self.stop_ms,
            redrives: self.redrives,
            findable: self.findable,
        }
    }

    /// Where `by_arn` says that it is.
    pub fn place(&self, start_ms: i64) -> Place {
        let closed_ms = (self.status != Status::Running).then(|| self.stop_ms.unwrap_or(start_ms));
        Place {
            start_ms,
            closed_ms,
            start_hash: self.start_hash,
        }
    }
}

impl Place {
    /// As bytes.
    pub fn encode(self) -> [u8; 24] {
        let mut bytes = [0; 24];
        bytes[..8].copy_from_slice(&self.start_ms.to_be_bytes());
        bytes[8..16].copy_from_slice(&self.closed_ms.unwrap_or(NEVER).to_be_bytes());
        bytes[16..].copy_from_slice(&self.start_hash.to_be_bytes());
        bytes
    }

    /// From bytes.
    ///
    /// # Errors
    /// [`StoreError::Corrupt`].
    pub fn decode(bytes: &[u8]) -> Result<Self, StoreError> {
        let words = words::<3>(bytes).ok_or(StoreError::Corrupt("an execution's place"))?;
        let closed_ms = words[1].cast_signed();
        Ok(Self {
            start_ms: words[0].cast_signed(),
            closed_ms: (closed_ms != NEVER).then_some(closed_ms),
            start_hash: words[2],
        })
    }
}

impl Taken {
    /// As bytes.
    pub fn encode(self) -> [u8; 16] {
        let mut bytes = [0; 16];
        bytes[..8].copy_from_slice(&self.start_hash.to_be_bytes());
        bytes[8..].copy_from_slice(&self.closed_ms.to_be_bytes());
        bytes
    }

    /// From bytes.
    ///
    /// # Errors
    /// [`StoreError::Corrupt`].
    pub fn decode(bytes: &[u8]) -> Result<Self, StoreError> {
        let words = words::<2>(bytes).ok_or(StoreError::Corrupt("a taken name"))?;
        Ok(Self {
            start_hash: words[0],
            closed_ms: words[1].cast_signed(),
        })
    }

    /// As the checkpoint carries it.
    pub fn closed(self, arn_hash: u128) -> Closed {
        Closed {
            arn_hash: format!("{arn_hash:032x}").into(),
            start_hash: self.start_hash,
            closed_ms: self.closed_ms,
        }
    }
}

fn words<const N: usize>(bytes: &[u8]) -> Option<[u64; N]> {
    let (chunks, rest) = bytes.as_chunks::<8>();
    let chunks: &[[u8; 8]; N] = chunks.try_into().ok()?;
    rest.is_empty().then(|| chunks.map(u64::from_be_bytes))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_give_back_what_they_were_made_of() {
        let redriven = Redrives {
            count: 3,
            last_ms: Some(8),
        };
        for (status, stop_ms, redrives) in [
            (Status::Running, None, Redrives::default()),
            (Status::Running, None, redriven),
            (Status::TimedOut, Some(-4), redriven),
            (Status::Succeeded, Some(9), Redrives::default()),
        ] {
            let facts = Facts {
                generation: 3,
                status,
                stop_ms,
                revision: 8,
                start_hash: u64::MAX,
                machine: "arn:m".into(),
                redrives,
                findable: Findable {
                    error: stop_ms.map(|_| "E".into()),
                    ..Findable::default()
                },
            };
            assert_eq!(Facts::decode(&facts.encode()).unwrap(), facts);
            let place = facts.place(12);
            assert_eq!(Place::decode(&place.encode()).unwrap(), place);
        }
        let taken = Taken {
            start_hash: 5,
            closed_ms: -6,
        };
        assert_eq!(Taken::decode(&taken.encode()).unwrap(), taken);
    }

    #[test]
    fn other_bytes_are_refused() {
        assert!(Facts::decode(&[0; 28]).is_err());
        assert!(Facts::decode(&[9; 29]).is_err());
        assert!(Place::decode(&[0; 23]).is_err());
        assert!(Taken::decode(&[0; 17]).is_err());
    }
}
