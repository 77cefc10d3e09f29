//! The completions of tasks that have just finished, so that a repeated command is answered without being done again.
//!
//! Bounded by count and by bytes; the oldest goes first. It doesn't survive the process: design promise 5 is "at least
//! once", this makes "twice" rare.

use crate::limits::{RECENT_BYTES_MAX, RECENT_TOKENS_MAX};
use baton_schemas::{Completion, Outcome, TaskToken};
use rustc_hash::FxHashMap;
use std::collections::VecDeque;

/// Finished tasks by token.
#[derive(Default)]
pub struct Recent {
    by_token: FxHashMap<TaskToken, Completion>,
    oldest_first: VecDeque<TaskToken>,
    bytes: usize,
}

impl Recent {
    /// The completion of `token`, if remembered.
    pub fn get(&self, token: &TaskToken) -> Option<&Completion> {
        self.by_token.get(token)
    }

    /// Remembers `completion`.
    pub fn put(&mut self, completion: Completion) {
        let (token, size) = (completion.token.clone(), size(&completion));
        if size > RECENT_BYTES_MAX {
            return;
        }
        self.bytes += size;
        match self.by_token.insert(token.clone(), completion) {
            Some(older) => self.bytes -= self::size(&older),
            None => self.oldest_first.push_back(token),
        }
        while self.by_token.len() > RECENT_TOKENS_MAX || self.bytes > RECENT_BYTES_MAX {
            let Some(oldest) = self.oldest_first.pop_front() else {
                return;
            };
            if let Some(gone) = self.by_token.remove(&oldest) {
                self.bytes -= self::size(&gone);
            }
        }
    }
}

fn size(completion: &Completion) -> usize {
    let value = match &completion.outcome {
        Outcome::Succeeded(output) => output.len(),
        Outcome::Failed(failure) => failure.cause.as_ref().map_or(0, |cause| cause.len()),
        Outcome::Heartbeat(_) | Outcome::Started { .. } => 0,
        Outcome::Submitted(answer) => answer.len(),
    };
    value + 2 * completion.token.as_str().len()
}

#[cfg(test)]
mod tests {
    use super::*;
    use baton_schemas::Payload;

    fn completion(n: usize, output: &str) -> Completion {
        let token = TaskToken::from_opaque(&format!("t{n}"));
        Completion {
            token,
            outcome: Outcome::Succeeded(Payload::from_text(output).unwrap()),
            traceparent: None,
        }
    }

    #[test]
    fn forgets_the_oldest_past_the_count() {
        let mut recent = Recent::default();
        (0..=RECENT_TOKENS_MAX).for_each(|n| recent.put(completion(n, "1")));
        assert!(recent.get(&TaskToken::from_opaque("t0")).is_none());
        assert_eq!(
            recent.get(&TaskToken::from_opaque("t1")),
            Some(&completion(1, "1"))
        );
        assert_eq!(recent.oldest_first.len(), recent.by_token.len());
    }

    #[test]
    fn forgets_the_oldest_past_the_bytes() {
        let mut recent = Recent::default();
        let large = format!("\"{}\"", "x".repeat(RECENT_BYTES_MAX / 3));
        (0..4).for_each(|n| recent.put(completion(n, &large)));
        assert_eq!(recent.by_token.len(), 2);
        assert!(recent.bytes <= RECENT_BYTES_MAX);
        (0..2).for_each(|n| recent.put(completion(n + 2, "1")));
        assert_eq!(
            recent.bytes,
            2 * (1 + 4),
            "the smaller completions took the place of the larger"
        );
    }
}
