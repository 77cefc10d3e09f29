//! RedriveExecution: how a closed execution comes back, and what must hold when it does.

use crate::actions::{commands, names, replies};
use crate::machines::{FAIL, TASK, TWO, execution, json, start_call, stop_call};
use crate::support::{OURS, Partition};
use baton_engine::{Action, Call, CallError, Change, Input, Reply};
use baton_schemas::Outcome;
use baton_schemas::history::{HistoryRecord, Restated};
use std::sync::Arc;

const DAY_MS: i64 = 24 * 3_600 * 1_000;

fn redrive(execution: &Arc<str>, token: &str) -> Call {
    Call::Redrive {
        execution: execution.clone(),
        token: Some(token.into()),
    }
}

fn pause(execution: &Arc<str>, paused: bool) -> Call {
    Call::Pause {
        execution: execution.clone(),
        paused,
    }
}

/// An execution of TWO whose second task failed.
fn failed(p: &mut Partition) -> Arc<str> {
    let arn = execution(TWO, OURS, 0);
    p.ask(start_call(TWO, &arn, r#"{"n":1}"#))
        .expect("the name is free");
    let tokens = [
        Outcome::Succeeded(json("1")),
        Outcome::Failed(Default::default()),
    ];
    for (task, outcome) in [3, 8].into_iter().zip(tokens) {
        let token = baton_schemas::TaskToken::new(&arn, task);
        p.ask(Call::Complete { token, outcome })
            .expect("the task is open");
    }
    assert_eq!(
        p.events(&arn).last().map(String::as_str),
        Some("ExecutionFailed")
    );
    arn
}

#[test]
fn what_is_said_again_precedes_the_record_that_reopens_it() {
    let mut p = Partition::ready();
    let arn = failed(&mut p);
    let (id, mut out) = p.call(redrive(&arn, "a"));
    assert_eq!(names(&out), ["Recall"], "memory has nothing but the name");
    out.extend(p.settle());
    let redrive_ms = p.now_ms;
    assert!(replies(&out).contains(&(id, Ok(Reply::Redriven { redrive_ms }))));
    assert_eq!(
        commands(&out).len(),
        1,
        "the failed task's, not the first's"
    );
    let applied: Vec<_> = out
        .iter()
        .filter_map(|action| match action {
            Action::Apply(applied) => Some(&applied.change),
            _ => None,
        })
        .filter(|change| !matches!(change, Change::Marked(_)))
        .collect();
    assert!(
        matches!(applied[..], [Change::Reopened { .. }]),
        "views hear of it once, whole"
    );
    let at = p.log.len() as i64;
    let said = (0..at).filter(|offset| {
        matches!(
            p.record(*offset),
            HistoryRecord::Restatement {
                state: Restated::Recalled { .. },
                ..
            }
        )
    });
    let said: Vec<i64> = said.collect();
    assert_eq!(said.len(), 1);
    assert!(matches!(p.record(said[0] + 1), HistoryRecord::Transition(t) if t.events[0].id == 12));
}

#[test]
fn a_reader_of_the_log_has_it_open_and_its_end_is_found_again() {
    let mut p = Partition::ready();
    let arn = failed(&mut p);
    p.ask(redrive(&arn, "a")).expect("it failed");
    p.restart();
    let out = p.settle();
    assert_eq!(p.owner.open_executions(), 1);
    assert_eq!(commands(&out).len(), 1, "its command is sent again");
    p.ask(stop_call(&arn)).expect("it runs");
    p.ask(redrive(&arn, "b")).expect("it was stopped");
    assert_eq!(p.owner.open_executions(), 1);
    let redriven = p
        .events(&arn)
        .iter()
        .filter(|e| *e == "ExecutionRedriven")
        .count();
    assert_eq!(redriven, 2);
}

#[test]
fn a_repeated_call_is_one_redrive_also_after_it_closed_again() {
    let mut p = Partition::ready();
    let arn = execution(FAIL, OURS, 0);
    p.ask(start_call(FAIL, &arn, "{}"))
        .expect("the name is free");
    let redrive_ms = p.now_ms;
    let answer = Ok(Reply::Redriven { redrive_ms });
    assert_eq!(p.ask(redrive(&arn, "a")), answer, "it fails again at once");
    p.now_ms += 1_000;
    assert_eq!(p.ask(redrive(&arn, "a")), answer);
    p.now_ms += 15 * 60 * 1_000;
    let redrive_ms = p.now_ms;
    assert_eq!(
        p.ask(redrive(&arn, "a")),
        Ok(Reply::Redriven { redrive_ms }),
        "tokens are kept 15 minutes"
    );
}

#[test]
fn two_calls_at_once_are_two_answers_and_one_redrive() {
    let mut p = Partition::ready();
    let arn = failed(&mut p);
    let (first, mut out) = p.call(redrive(&arn, "a"));
    let (second, more) = p.call(redrive(&arn, "b"));
    out.extend(more);
    out.extend(p.settle());
    let answers = replies(&out);
    assert!(
        answers
            .iter()
            .any(|(id, answer)| *id == first && answer.is_ok())
    );
    let running = Err(CallError::ExecutionNotRedrivable(
        "Execution is RUNNING and cannot be redriven",
    ));
    assert!(answers.contains(&(second, running)));
}

#[test]
fn what_must_not_be_redriven_is_refused_as_aws_does() {
    let mut p = Partition::ready();
    let arn = execution(TASK, OURS, 0);
    let refused = |why| Err(CallError::ExecutionNotRedrivable(why));
    let unknown = Err(CallError::ExecutionDoesNotExist(arn.clone()));
    assert_eq!(p.ask(redrive(&arn, "a")), unknown);
    p.ask(start_call(TASK, &arn, "{}"))
        .expect("the name is free");
    assert_eq!(
        p.ask(redrive(&arn, "a")),
        refused("Execution is RUNNING and cannot be redriven")
    );
    let token = baton_schemas::TaskToken::new(&arn, 3);
    let outcome = Outcome::Succeeded(json("1"));
    p.ask(Call::Complete { token, outcome })
        .expect("the task is open");
    assert_eq!(
        p.ask(redrive(&arn, "a")),
        refused("Execution is SUCCEEDED and cannot be redriven")
    );
    let late = failed(&mut p);
    p.now_ms += 14 * DAY_MS + 1;
    assert_eq!(
        p.ask(redrive(&late, "a")),
        refused("Execution redrivable period exceeded")
    );
}

#[test]
fn a_copy_that_is_not_all_of_the_history_is_not_used() {
    let mut p = Partition::ready();
    let arn = failed(&mut p);
    let (id, _) = p.call(redrive(&arn, "a"));
    let out = p.tell_instead(Input::Recalled {
        execution: arn.clone(),
        steps: None,
    });
    assert!(matches!(&replies(&out)[..], [(to, Err(CallError::Throttled(_)))] if *to == id));
    assert_eq!(p.owner.open_executions(), 0);
    p.ask(redrive(&arn, "a")).expect("asked again, it is found");
}

#[test]
fn a_long_history_is_said_again_in_parts() {
    let mut p = Partition::ready_with(|settings| settings.record_bytes_max = 2_000);
    let arn = execution(TWO, OURS, 0);
    let input = format!("\"{}\"", "x".repeat(1_000));
    p.ask(start_call(TWO, &arn, &input)).expect("it fits");
    let token = baton_schemas::TaskToken::new(&arn, 3);
    let outcome = Outcome::Succeeded(json("1"));
    p.ask(Call::Complete { token, outcome })
        .expect("the task is open");
    p.ask(stop_call(&arn)).expect("it runs");
    let out = p.ask(redrive(&arn, "a"));
    assert!(out.is_ok(), "{out:?}");
    let parts = p.log.iter().flatten().filter(|json| {
        matches!(
            HistoryRecord::from_json(json),
            Ok(HistoryRecord::Restatement {
                state: Restated::Recalled { .. },
                ..
            })
        )
    });
    assert!(parts.count() > 1);
    p.restart();
    p.settle();
    assert_eq!(p.owner.open_executions(), 1);
}

#[test]
fn a_pause_survives_a_restart_and_a_closed_execution_has_none() {
    let mut p = Partition::ready();
    let arn = execution(TASK, OURS, 0);
    p.ask(start_call(TASK, &arn, "{}"))
        .expect("the name is free");
    let since = Reply::Paused {
        paused_ms: Some(p.now_ms),
    };
    assert_eq!(p.ask(pause(&arn, true)), Ok(since.clone()));
    p.restart();
    p.settle();
    p.now_ms += 1_000;
    assert_eq!(p.ask(pause(&arn, true)), Ok(since), "it is paused already");
    let token = baton_schemas::TaskToken::new(&arn, 3);
    let outcome = Outcome::Succeeded(json("1"));
    p.ask(Call::Complete { token, outcome })
        .expect("the task is open");
    assert_eq!(
        p.events(&arn).last().map(String::as_str),
        Some("CompletionHeld")
    );
    p.restart();
    p.settle();
    assert_eq!(
        p.ask(pause(&arn, false)),
        Ok(Reply::Paused { paused_ms: None })
    );
    assert_eq!(
        p.events(&arn).last().map(String::as_str),
        Some("ExecutionSucceeded")
    );
    assert_eq!(
        p.ask(pause(&arn, true)),
        Err(CallError::ExecutionClosed(arn))
    );
}
