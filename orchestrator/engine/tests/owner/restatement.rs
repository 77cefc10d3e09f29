//! What is live is stated again, so that old history can go (R14).

use crate::actions::{commands, replies, sends};
use crate::machines::{TASK, WAIT, execution, json, start_call};
use crate::support::{OURS, Partition};
use baton_engine::ports::ReadFrom;
use baton_engine::{Action, Call, CallError, Input, Outbound, Reply};
use baton_schemas::history::{Failure, HistoryRecord, InputTopic, Restated};
use baton_schemas::{Outcome, TaskToken};
use std::sync::Arc;

const EVERY: u64 = 12;

/// One open task, one closed execution and one refused input, restated; old history goes at once.
struct Restated12 {
    p: Partition,
    open: Arc<str>,
    token: TaskToken,
    closed: Arc<str>,
    out: Vec<Action>,
}

fn restated() -> Restated12 {
    let mut p = Partition::ready_with(|settings| {
        settings.restate_every_records = EVERY;
        settings.closed_kept_ms = 0;
    });
    let (open, closed) = (execution(TASK, OURS, 0), execution(TASK, OURS, 1));
    p.call(start_call(TASK, &open, "1"));
    let token = commands(&p.settle()).remove(0);
    p.ask(start_call(TASK, &closed, "1"))
        .expect("the name is free");
    p.ask(stop(&closed)).expect("it runs");
    let mut out = Vec::new();
    for n in 0.. {
        if deleted(&out).is_some() {
            break;
        }
        assert!(n < 100, "no restatement: {out:?}");
        let token = TaskToken::from_opaque("made-up");
        let outcome = Outcome::Heartbeat(None);
        let completion = baton_schemas::Completion {
            token,
            outcome,
            traceparent: None,
        };
        let record = baton_engine::InputRecord::Completion(completion);
        out.extend(p.feed(InputTopic::Completions, record));
        out.extend(p.pass(1_100));
    }
    p.log_start = deleted(&out).expect("just seen");
    Restated12 {
        p,
        open,
        token,
        closed,
        out,
    }
}

fn stop(execution: &Arc<str>) -> Call {
    Call::Stop {
        execution: execution.clone(),
        failure: Failure {
            error: None,
            cause: None,
        },
    }
}

fn deleted(out: &[Action]) -> Option<i64> {
    out.iter().rev().find_map(|action| match action {
        Action::DeleteHistory { before } => Some(*before),
        _ => None,
    })
}

fn record(p: &Partition, offset: i64) -> HistoryRecord {
    let json = p.log[offset as usize]
        .as_ref()
        .expect("owners leave no gaps");
    HistoryRecord::from_json(json).expect("owners write history")
}

#[test]
fn history_goes_up_to_a_claim_after_which_all_that_lives_was_stated() {
    let Restated12 { p, open, out, .. } = restated();
    let before = deleted(&out).expect("the restatement is complete");
    assert!(matches!(record(&p, before), HistoryRecord::Claim { .. }));
    let mut stated =
        (before + 1..p.log.len() as i64).filter_map(|offset| match record(&p, offset) {
            HistoryRecord::Restatement { state, epoch, .. } if epoch == before => Some(state),
            _ => None,
        });
    let first = stated.next();
    assert!(
        matches!(&first, Some(Restated::Execution { execution, .. }) if *execution == open),
        "{first:?}"
    );
    assert!(matches!(&stated.next(), Some(Restated::Names(names)) if names.len() == 1));
    assert!(matches!(&stated.next(), Some(Restated::Complete { .. })));
    assert!(
        out.iter()
            .any(|a| matches!(a, Action::Owned { epoch } if *epoch == before))
    );
}

#[test]
fn a_reader_begins_at_the_base_and_knows_all_that_lives() {
    let Restated12 {
        mut p,
        open,
        token,
        closed,
        out,
    } = restated();
    let base = deleted(&out).expect("the restatement is complete");
    let positions = p.ends[0];
    // A transition carries the base; whoever comes after finds it there.
    p.ask(start_call(WAIT, &execution(WAIT, OURS, 0), "1"))
        .expect("the name is free");
    p.restart();
    let out = p.settle();
    let read = out.iter().filter_map(|action| match action {
        Action::ReadHistory { from, .. } => Some(*from),
        _ => None,
    });
    assert!(read.eq([ReadFrom::Last(256), ReadFrom::Offset(base)]));
    let opened = out.iter().find_map(|action| match action {
        Action::OpenInputs { completions, .. } => Some(*completions),
        _ => None,
    });
    assert_eq!(opened, Some(Some(positions)));

    assert_eq!(p.owner.open_executions(), 2);
    let taken = Err(CallError::ExecutionAlreadyExists(closed.clone()));
    assert_eq!(p.ask(start_call(TASK, &closed, "1")), taken);
    let outcome = Outcome::Succeeded(json("2"));
    assert_eq!(
        p.ask(Call::Complete { token, outcome }),
        Ok(Reply::Completed)
    );
    assert_eq!(
        p.events(&open).last().map(String::as_str),
        Some("ExecutionSucceeded")
    );
}

#[test]
fn calls_wait_while_the_claim_is_under_way() {
    let mut p = Partition::ready_with(|settings| settings.restate_every_records = 1);
    let arn = execution(TASK, OURS, 0);
    p.ask(start_call(TASK, &arn, "1"))
        .expect("the name is free");
    p.now_ms += 10;
    p.tell(Input::Tick);
    let (claim, json) = p.take_append();
    assert!(!p.owner.wants(InputTopic::Completions));
    let (call, out) = p.call(stop(&arn));
    assert!(out.is_empty(), "{out:?}");
    let offset = p.write(json);
    let mut out = p.tell(p.appended(claim, offset));
    out.extend(p.settle());
    assert!(matches!(replies(&out)[..], [(to, Ok(Reply::Stopped { .. }))] if to == call));
    // What is touched is stated first: a reader that begins at the claim must know it.
    assert!(matches!(
        record(&p, offset + 1),
        HistoryRecord::Restatement { state: Restated::Execution { execution, .. }, .. } if execution == arn
    ));
    assert!(matches!(record(&p, offset + 2), HistoryRecord::Transition(t) if t.execution == arn));
}

#[test]
fn nothing_goes_while_an_effect_from_before_the_claim_is_on_its_way() {
    let mut p = Partition::ready_with(|settings| {
        settings.restate_every_records = 1;
        settings.closed_kept_ms = 0;
    });
    p.call(start_call(TASK, &execution(TASK, OURS, 0), "1"));
    p.step();
    let (id, outbound) = p.take_send();
    assert!(matches!(outbound, Outbound::Command { .. }));
    let out = p.pass(20_000);
    assert_eq!(deleted(&out), None);
    let mut out = p.tell(Input::Sent { id, result: Ok(()) });
    out.extend(p.settle());
    assert!(deleted(&out).is_some());
    assert!(sends(&out).is_empty(), "restating sends nothing");
}

#[test]
fn a_claim_that_does_not_follow_what_was_expected_drops_memory() {
    let mut p = Partition::ready_with(|settings| settings.restate_every_records = 1);
    let arn = execution(TASK, OURS, 0);
    p.ask(start_call(TASK, &arn, "1"))
        .expect("the name is free");
    p.now_ms += 10;
    p.tell(Input::Tick);
    let (claim, json) = p.take_append();
    p.write_foreign_claim();
    let offset = p.write(json);
    let out = p.tell(p.appended(claim, offset));
    assert!(
        out.iter().any(|a| matches!(a, Action::CheckOwnership)),
        "{out:?}"
    );
    p.pass(1_000);
    assert!(p.owner.is_ready());
    assert!(p.owner.epoch().is_some_and(|epoch| epoch > offset));
    assert_eq!(p.owner.open_executions(), 1, "the fold knows better");
}
