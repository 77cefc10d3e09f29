//! What happens by itself: sessions end, rebalances are cut short.

use super::messages::Answer;
use super::{Group, Parked, Phase};

impl Group {
    /// The next moment at which [`Group::tick`] has something to do.
    pub(crate) fn next_deadline_ms(&self) -> Option<i64> {
        let sessions = self
            .members
            .values()
            .filter(|member| member.parked.is_none())
            .map(|member| member.deadline_ms);
        let phase = match self.phase {
            Phase::Preparing { deadline_ms } | Phase::Completing { deadline_ms } => {
                Some(deadline_ms)
            }
            Phase::Empty | Phase::Stable => None,
        };
        sessions
            .chain(self.pending.values().copied())
            .chain(phase)
            .min()
    }

    /// Does all that is due.
    pub(crate) fn tick(&mut self, now_ms: i64, out: &mut Vec<Answer>) {
        let before = self.pending.len();
        self.pending.retain(|_, deadline_ms| *deadline_ms > now_ms);
        if self.pending.len() < before {
            self.try_complete_join(now_ms, out);
        }
        self.evict_silent(now_ms, out);
        match self.phase {
            Phase::Preparing { deadline_ms } if deadline_ms <= now_ms => {
                // Who was given an id and did not come back in all this time is not waited for.
                self.pending.clear();
                self.complete_join(now_ms, out);
            }
            Phase::Completing { deadline_ms } if deadline_ms <= now_ms => {
                self.evict_unsynced(now_ms, out)
            }
            _ => {}
        }
    }

    fn evict_silent(&mut self, now_ms: i64, out: &mut Vec<Answer>) {
        let silent = |(_, member): &(&String, &super::Member)| {
            member.parked.is_none() && member.deadline_ms <= now_ms
        };
        let ids: Vec<_> = self
            .members
            .iter()
            .filter(silent)
            .map(|(id, _)| id.clone())
            .collect();
        for id in ids {
            // Removing one may have formed a generation, and with it begun the session of another anew.
            if self
                .members
                .get(&id)
                .is_some_and(|member| member.parked.is_none() && member.deadline_ms <= now_ms)
            {
                self.remove_member(&id, now_ms, out);
            }
        }
    }

    /// The leader, or whoever else has joined without asking for its share, holds up the others no longer.
    fn evict_unsynced(&mut self, now_ms: i64, out: &mut Vec<Answer>) {
        let unsynced = |(_, member): &(&String, &super::Member)| {
            !matches!(member.parked, Some(Parked::Sync(_)))
        };
        let ids: Vec<_> = self
            .members
            .iter()
            .filter(unsynced)
            .map(|(id, _)| id.clone())
            .collect();
        for id in ids {
            self.remove_member(&id, now_ms, out);
        }
    }
}
