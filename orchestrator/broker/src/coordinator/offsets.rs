//! Committed offsets: in memory for reading, durable before a commit is answered.

use std::collections::BTreeMap;

use bytes::Bytes;
use kafka_protocol::ResponseError;
use serde::{Deserialize, Serialize};
use tracing::warn;

use super::{Coordinator, State};
use crate::group::{Group, Identity};
use crate::server::limits::{GROUPS_MAX, OFFSETS_MAX};
use crate::server::unix_ms;

/// What the keys of offsets begin with, among the server's own.
const KEY_PREFIX: &[u8] = b"offset\0";

/// Topic and partition.
pub(crate) type Position = (String, i32);

/// A committed offset.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Committed {
    /// The next offset to be read.
    pub(crate) offset: i64,
    /// The leader epoch that the client saw; -1 if unknown.
    pub(crate) leader_epoch: i32,
    /// The client's own note.
    pub(crate) metadata: String,
    /// When it was committed, Unix time in ms.
    pub(crate) at_ms: i64,
    /// Its place in the order of all changes, for commits that are told at the same time; -1 of those before the start.
    #[serde(skip, default = "before_all")]
    pub(crate) place: i64,
}

fn before_all() -> i64 {
    -1
}

/// The offsets of one group.
#[derive(Debug, Default)]
pub(crate) struct Offsets {
    committed: BTreeMap<Position, Committed>,
}

impl Offsets {
    /// All positions.
    pub(crate) fn positions(&self) -> impl Iterator<Item = &Position> {
        self.committed.keys()
    }

    /// Whether there is none.
    pub(crate) fn is_empty(&self) -> bool {
        self.committed.is_empty()
    }

    /// Takes commits over, but those that a later one was faster than.
    fn take(&mut self, commits: Vec<(Position, Committed)>, place: i64) {
        for (position, committed) in commits {
            let known = self.committed.get(&position);
            if known.is_none_or(|known| known.place <= place) {
                self.committed
                    .insert(position, Committed { place, ..committed });
            }
        }
    }

    /// Positions whose last commit is older.
    pub(super) fn committed_before(&self, at_ms: i64) -> Vec<Position> {
        let old = |(_, committed): &(&Position, &Committed)| committed.at_ms < at_ms;
        self.committed
            .iter()
            .filter(old)
            .map(|(position, _)| position.clone())
            .collect()
    }
}

impl Coordinator {
    /// Commits offsets if the member may; they are durable when this returns.
    pub(crate) async fn commit(
        &self,
        group: &str,
        identity: &Identity,
        generation: i32,
        commits: Vec<(Position, Committed)>,
    ) -> Result<(), ResponseError> {
        {
            let mut state = self.lock();
            let now_ms = self.now_ms();
            if state.adds_too_many(group, &commits) {
                return Err(ResponseError::GroupMaxSizeReached);
            }
            if let Some(found) = state.groups.get_mut(group) {
                found.check_commit(identity, generation, now_ms)?;
            } else if generation >= 0 {
                return Err(ResponseError::IllegalGeneration);
            } else if state.groups.len() >= GROUPS_MAX {
                return Err(ResponseError::GroupMaxSizeReached);
            } else {
                state.groups.insert(group.to_owned(), Group::new(now_ms));
            }
        }
        let mut entries = Vec::with_capacity(commits.len());
        for (position, committed) in &commits {
            let value =
                serde_json::to_vec(committed).map_err(|_| ResponseError::UnknownServerError)?;
            entries.push((key(group, position), Some(Bytes::from(value))));
        }
        let place = self.put(entries).await?;
        let mut state = self.lock();
        // It may have been forgotten meanwhile, as nothing was left of it.
        state
            .groups
            .entry(group.to_owned())
            .or_insert_with(|| Group::new(self.now_ms()));
        let offsets = state.offsets.entry(group.to_owned()).or_default();
        offsets.take(commits, place);
        Ok(())
    }

    /// One committed offset.
    pub(crate) fn committed(&self, group: &str, position: &Position) -> Option<Committed> {
        self.lock()
            .offsets
            .get(group)?
            .committed
            .get(position)
            .cloned()
    }

    /// All committed offsets of a group.
    pub(crate) fn all_committed(&self, group: &str) -> Vec<(Position, Committed)> {
        let state = self.lock();
        let offsets = state
            .offsets
            .get(group)
            .into_iter()
            .flat_map(|offsets| &offsets.committed);
        offsets
            .map(|(position, committed)| (position.clone(), committed.clone()))
            .collect()
    }

    /// The metadata of the group's members if it is a group of consumers; none is an empty group. Other groups with
    /// members can't be looked into.
    pub(crate) fn subscriptions(&self, group: &str) -> Result<Vec<Bytes>, ResponseError> {
        let state = self.lock();
        let found = state
            .groups
            .get(group)
            .ok_or(ResponseError::GroupIdNotFound)?;
        if !found.is_empty() && found.protocol_type() != Some("consumer") {
            return Err(ResponseError::NonEmptyGroup);
        }
        Ok(found.subscriptions().collect())
    }

    /// Forgets some offsets of a group.
    pub(crate) async fn forget_offsets(
        &self,
        group: &str,
        positions: Vec<Position>,
    ) -> Result<(), ResponseError> {
        self.put(removals(group, &positions)).await?;
        let mut state = self.lock();
        if let Some(offsets) = state.offsets.get_mut(group) {
            for position in &positions {
                offsets.committed.remove(position);
            }
        }
        state.forget_if_unused(group);
        Ok(())
    }

    /// Forgets a deleted topic in all groups.
    pub(crate) async fn forget_topic(&self, topic: &str) -> Result<(), ResponseError> {
        let affected: Vec<(String, Vec<Position>)> = {
            let state = self.lock();
            let of = |offsets: &Offsets| {
                offsets
                    .positions()
                    .filter(|(name, _)| name == topic)
                    .cloned()
                    .collect()
            };
            state
                .offsets
                .iter()
                .map(|(group, offsets)| (group.clone(), of(offsets)))
                .collect()
        };
        for (group, positions) in affected {
            if !positions.is_empty() {
                self.forget_offsets(&group, positions).await?;
            }
        }
        Ok(())
    }
}

impl State {
    /// Whether commits to new positions would exceed what is kept of all groups.
    fn adds_too_many(&self, group: &str, commits: &[(Position, Committed)]) -> bool {
        let known = self.offsets.get(group);
        let is_new = |(position, _): &&(Position, Committed)| {
            known.is_none_or(|known| !known.committed.contains_key(position))
        };
        let added = commits.iter().filter(is_new).count();
        let all: usize = self
            .offsets
            .values()
            .map(|offsets| offsets.committed.len())
            .sum();
        added > 0 && all + added > OFFSETS_MAX
    }
}

/// The offsets among the server's own keys and values. What can't be read is left out, with a line in the log.
pub(super) fn load(kept: &BTreeMap<Bytes, Bytes>) -> BTreeMap<String, Offsets> {
    let mut groups: BTreeMap<String, Offsets> = BTreeMap::new();
    for (key, value) in kept {
        let Some(rest) = key.strip_prefix(KEY_PREFIX) else {
            continue;
        };
        let (Some((group, position)), Ok(committed)) =
            (parse_key(rest), serde_json::from_slice(value))
        else {
            warn!(key = %String::from_utf8_lossy(key), "a committed offset can't be read and is left out");
            continue;
        };
        groups
            .entry(group)
            .or_default()
            .committed
            .insert(position, committed);
    }
    groups
}

/// What deletes these positions.
pub(super) fn removals<'a>(
    group: &str,
    positions: impl IntoIterator<Item = &'a Position>,
) -> Vec<(Bytes, Option<Bytes>)> {
    positions
        .into_iter()
        .map(|position| (key(group, position), None))
        .collect()
}

/// `offset NUL partition NUL topic NUL group`: only the group may contain anything, so it is last.
fn key(group: &str, (topic, partition): &Position) -> Bytes {
    let mut key = KEY_PREFIX.to_vec();
    key.extend_from_slice(format!("{partition}\0{topic}\0{group}").as_bytes());
    Bytes::from(key)
}

fn parse_key(rest: &[u8]) -> Option<(String, Position)> {
    let text = std::str::from_utf8(rest).ok()?;
    let mut parts = text.splitn(3, '\0');
    let partition = parts.next()?.parse().ok()?;
    let topic = parts.next()?.to_owned();
    Some((parts.next()?.to_owned(), (topic, partition)))
}

impl Committed {
    /// A commit of this moment.
    pub(crate) fn now(offset: i64, leader_epoch: i32, metadata: String) -> Self {
        Self {
            offset,
            leader_epoch,
            metadata,
            at_ms: unix_ms(),
            place: before_all(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_two_commits_at_the_same_time_the_later_counts_whichever_is_told_first() {
        let position = ("orders".to_owned(), 0);
        let commit = |offset| vec![(position.clone(), Committed::now(offset, 0, String::new()))];
        for order in [[0, 1], [1, 0]] {
            let mut offsets = Offsets::default();
            order
                .into_iter()
                .for_each(|place| offsets.take(commit(10 + place), place));
            assert_eq!(offsets.committed[&position].offset, 11, "{order:?}");
        }
    }

    #[test]
    fn keys_are_read_back_whatever_the_group_is_called() {
        for group in ["g", "", "a\0b\0c", "ü"] {
            let position = ("orders".to_owned(), 3);
            let key = key(group, &position);
            let rest = key.strip_prefix(KEY_PREFIX).expect("has the prefix");
            assert_eq!(parse_key(rest), Some((group.to_owned(), position)));
        }
    }
}
