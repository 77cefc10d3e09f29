//! What operators did to an execution: redrives and a pause.
//!
//! Owns: what is remembered of them, apart from the execution, since most executions never see any.

use crate::execution::Execution;
use crate::limits::REDRIVE_TOKENS_MAX;
use std::collections::VecDeque;
use std::sync::Arc;

/// What operators did to an execution.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Interventions {
    /// How often it was redriven.
    pub redrives: u32,
    /// The last redrives, at most [`REDRIVE_TOKENS_MAX`], oldest first.
    pub recent: VecDeque<Redrive>,
    /// Since when it is paused, if it is, milliseconds since the epoch.
    pub paused_ms: Option<i64>,
}

/// One redrive.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Redrive {
    /// When, milliseconds since the epoch.
    pub at_ms: i64,
    /// `clientToken` of the call.
    pub token: Option<Arc<str>>,
}

impl Interventions {
    /// Notes a redrive.
    pub fn redriven(&mut self, count: u32, redrive: Redrive) {
        self.redrives = count;
        if self.recent.len() == REDRIVE_TOKENS_MAX {
            self.recent.pop_front();
        }
        self.recent.push_back(redrive);
    }
}

impl Execution {
    /// How often it was redriven.
    #[must_use]
    pub fn redrive_count(&self) -> u32 {
        self.interventions.as_ref().map_or(0, |i| i.redrives)
    }

    /// The last redrive.
    #[must_use]
    pub fn last_redrive(&self) -> Option<&Redrive> {
        self.interventions.as_ref()?.recent.back()
    }

    /// The redrive that a call with this `clientToken` made at `since_ms` or later, if it is among the last ones.
    #[must_use]
    pub fn redrive_of(&self, token: &str, since_ms: i64) -> Option<&Redrive> {
        let mut recent = self.interventions.as_ref()?.recent.iter();
        recent.find(|r| r.token.as_deref() == Some(token) && r.at_ms >= since_ms)
    }

    /// Since when it is paused, milliseconds since the epoch, if it is.
    #[must_use]
    pub fn paused_ms(&self) -> Option<i64> {
        self.interventions.as_ref()?.paused_ms
    }

    pub(crate) fn is_paused(&self) -> bool {
        self.paused_ms().is_some()
    }

    pub(crate) fn unpause(&mut self) {
        let Some(interventions) = self.interventions.as_mut() else {
            return;
        };
        interventions.paused_ms = None;
        if interventions.redrives == 0 {
            self.interventions = None;
        }
    }
}
