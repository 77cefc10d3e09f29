//! What is live is stated again, so that old history can go (R14).

use crate::actions::{commands, deleted, sends};
use crate::machines::{TASK, TWO, WAIT, execution, json, start_call, stop_call};
use crate::support::{OURS, Partition};
use baton_engine::ports::ReadFrom;
use baton_engine::{Action, Call, CallError, Input, Outbound, Reply};
use baton_schemas::history::{HistoryRecord, InputTopic, Restated};
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
    p.ask(stop_call(&closed)).expect("it runs");
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

#[test]
fn history_goes_up_to_a_claim_after_which_all_that_lives_was_stated() {
    let Restated12 { p, open, out, .. } = restated();
    let before = deleted(&out).expect("the restatement is complete");
    assert!(matches!(p.record(before), HistoryRecord::Claim { .. }));
    let mut stated = (before + 1..p.log.len() as i64).filter_map(|offset| match p.record(offset) {
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

/// The base as of which history may go, once everything is kept this long.
const KEPT_MS: i64 = 60_000;

#[test]
fn how_old_a_base_is_survives_a_restart() {
    let mut p = Partition::ready_with(|settings| {
        settings.restate_every_records = 1;
        settings.closed_kept_ms = KEPT_MS;
    });
    p.ask(start_call(TASK, &execution(TASK, OURS, 0), "1"))
        .expect("the name is free");
    let out = p.pass(5_000);
    assert!(
        out.iter().any(|a| matches!(a, Action::Owned { .. })),
        "restated"
    );
    assert_eq!(deleted(&out), None, "too young");
    p.restart();
    let mut out = p.pass(KEPT_MS);
    p.ask(start_call(TASK, &execution(TASK, OURS, 1), "1"))
        .expect("the name is free");
    out.extend(p.pass(5_000));
    let before = deleted(&out).expect("old enough now");
    assert!(matches!(p.record(before), HistoryRecord::Claim { .. }));
}

#[test]
fn an_execution_too_large_for_one_record_is_stated_in_parts() {
    let limit = 4_000;
    let mut p = Partition::ready_with(|settings| {
        settings.record_bytes_max = limit;
        settings.restate_every_records = EVERY;
        settings.closed_kept_ms = 0;
    });
    let arn = execution(TWO, OURS, 0);
    let large = format!("\"{}\"", "x".repeat(2_000));
    p.call(start_call(TWO, &arn, &large));
    let token = commands(&p.settle()).remove(0);
    let outcome = Outcome::Succeeded(json("\"small\""));
    let first = Call::Complete { token, outcome };
    let (_, out) = p.call(first);
    let second = commands(&[out, p.settle()].concat()).remove(0);
    let mut out = Vec::new();
    for n in 1..100 {
        if deleted(&out).is_some() {
            break;
        }
        p.ask(start_call(WAIT, &execution(WAIT, OURS, n), "1"))
            .expect("the name is free");
        out.extend(p.pass(1_100));
    }
    p.log_start = deleted(&out).expect("the restatement is complete");
    let parts = p.log.iter().flatten().filter(|json| {
        assert!(json.len() <= limit + 1_000, "{} bytes", json.len());
        matches!(
            HistoryRecord::from_json(json),
            Ok(HistoryRecord::Restatement { state: Restated::Execution { execution, .. }, .. }) if execution == arn
        )
    });
    assert!(parts.count() > 1);

    p.restart();
    p.settle();
    let outcome = Outcome::Succeeded(json("2"));
    assert_eq!(
        p.ask(Call::Complete {
            token: second,
            outcome
        }),
        Ok(Reply::Completed)
    );
    assert_eq!(
        p.events(&arn).last().map(String::as_str),
        Some("ExecutionSucceeded")
    );
}

#[test]
fn work_that_never_pauses_does_not_put_a_restatement_off() {
    let mut p = Partition::ready_with(|settings| settings.restate_every_records = EVERY);
    for n in 0..50 {
        p.now_ms += 100;
        let arn = execution(WAIT, OURS, n);
        p.ask(start_call(WAIT, &arn, "1"))
            .expect("the name is free");
        p.ask(stop_call(&arn)).expect("it runs");
        // As the driver does: a tick when one is wanted, and not otherwise.
        if p.owner.next_tick_ms().is_some_and(|at| at <= p.now_ms) {
            p.tell(Input::Tick);
            p.settle();
        }
    }
    let stated = p.log.iter().flatten().any(|json| {
        matches!(
            HistoryRecord::from_json(json),
            Ok(HistoryRecord::Restatement { .. })
        )
    });
    assert!(stated, "the history would grow without bound");
}
