//! Texts that many executions have in common, kept once.
//!
//! Owns: what a fold does about names that every record of a machine spells out again: live executions share them with
//! their definition, folded ones with each other. Must not: change what an event says.

use crate::limits::SHARED_TEXTS_MAX;
use baton_schemas::history::{Event, EventKind};
use rustc_hash::FxHashSet;
use std::sync::Arc;

/// The texts seen so far, up to [`SHARED_TEXTS_MAX`].
#[derive(Default)]
pub struct Texts(FxHashSet<Arc<str>>);

impl Texts {
    /// Lets events share what an execution in memory keeps of them.
    pub fn share(&mut self, events: &mut [Event]) {
        for event in events {
            match &mut event.kind {
                EventKind::ExecutionStarted(started) => {
                    self.share_text(&mut started.machine);
                    self.share_text(&mut started.role_arn);
                    if let Some(reply_to) = &mut started.reply_to {
                        self.share_text(&mut reply_to.topic);
                    }
                }
                EventKind::TaskScheduled(task)
                | EventKind::LambdaFunctionScheduled(task)
                | EventKind::ActivityScheduled(task) => {
                    self.share_text(&mut task.resource.kind);
                    self.share_text(&mut task.resource.name);
                    self.share_text(&mut task.queue);
                }
                _ => {}
            }
        }
    }

    fn share_text(&mut self, text: &mut Arc<str>) {
        if let Some(known) = self.0.get(text) {
            *text = known.clone();
        } else if self.0.len() < SHARED_TEXTS_MAX {
            self.0.insert(text.clone());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_texts_are_one_up_to_the_bound() {
        let mut texts = Texts::default();
        let mut shared = |text: String| {
            let mut text: Arc<str> = text.into();
            texts.share_text(&mut text);
            text
        };
        let first = shared("queue".to_owned());
        assert!(Arc::ptr_eq(&first, &shared("queue".to_owned())));
        (1..=SHARED_TEXTS_MAX).for_each(|i| drop(shared(i.to_string())));
        let (one, other) = (shared("late".to_owned()), shared("late".to_owned()));
        assert!(one == other && !Arc::ptr_eq(&one, &other));
        assert_eq!(texts.0.len(), SHARED_TEXTS_MAX);
    }
}
