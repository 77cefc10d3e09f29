//! Reading what came out of the owner.

use baton_engine::{Action, CallError, Outbound, Reply};
use baton_schemas::TaskToken;
use baton_schemas::history::EventKind;

/// The variant's name.
pub fn name(kind: &impl std::fmt::Debug) -> String {
    let text = format!("{kind:?}");
    let end = text.find(|c: char| !c.is_alphanumeric());
    text[..end.unwrap_or(text.len())].to_owned()
}

/// The names of actions, in order.
pub fn names(actions: &[Action]) -> Vec<String> {
    actions.iter().map(name).collect()
}

/// What is sent, in order.
pub fn sends(actions: &[Action]) -> Vec<&Outbound> {
    let sent = actions.iter().filter_map(|action| match action {
        Action::Send { outbound, .. } => Some(outbound),
        _ => None,
    });
    sent.collect()
}

/// Tokens of the commands that are sent, in order.
pub fn commands(actions: &[Action]) -> Vec<TaskToken> {
    let commands = sends(actions).into_iter().filter_map(|sent| match sent {
        Outbound::Command { command, .. } => Some(command.token.clone()),
        _ => None,
    });
    commands.collect()
}

/// Reasons of the dead letters that are sent, in order.
pub fn dead_letters(actions: &[Action]) -> Vec<String> {
    let letters = sends(actions).into_iter().filter_map(|sent| match sent {
        Outbound::DeadLetter { reason, .. } => Some(reason.to_string()),
        _ => None,
    });
    letters.collect()
}

/// Answers that are given, in order.
pub fn replies(actions: &[Action]) -> Vec<(u64, Result<Reply, CallError>)> {
    let replies = actions.iter().filter_map(|action| match action {
        Action::Reply { id, reply } => Some((*id, reply.clone())),
        _ => None,
    });
    replies.collect()
}

/// The error of an event that carries one.
pub fn error_of(kind: &EventKind) -> Option<&str> {
    match kind {
        EventKind::ExecutionFailed(failure) | EventKind::TaskFailed(_, failure) => {
            failure.error.as_deref()
        }
        _ => None,
    }
}

/// Before which offset history was last told to go.
pub fn deleted(actions: &[Action]) -> Option<i64> {
    actions.iter().rev().find_map(|action| match action {
        Action::DeleteHistory { before } => Some(*before),
        _ => None,
    })
}

/// Whether the owner waits for an answer to this action.
pub fn is_answered(action: &Action) -> bool {
    matches!(
        action,
        Action::Append { .. }
            | Action::LoadCheckpoint
            | Action::ReadHistory { .. }
            | Action::LookAtEnd
            | Action::OpenInputs { .. }
            | Action::Send { .. }
            | Action::ReadRegistry
            | Action::Recall { .. }
            | Action::CheckOwnership
    )
}
