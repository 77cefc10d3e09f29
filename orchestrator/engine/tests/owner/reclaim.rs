//! The claim that begins a restatement, made in the same life: what waits for it, and when it is not what was hoped (R14).

use crate::actions::replies;
use crate::machines::{TASK, execution, start_call, stop_call};
use crate::support::{OURS, Partition};
use baton_engine::{Action, Input, Reply};
use baton_schemas::history::{HistoryRecord, InputTopic, Restated};

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
    let (call, out) = p.call(stop_call(&arn));
    assert!(out.is_empty(), "{out:?}");
    let offset = p.write(json);
    let mut out = p.tell(p.appended(claim, offset));
    out.extend(p.settle());
    assert!(matches!(replies(&out)[..], [(to, Ok(Reply::Stopped { .. }))] if to == call));
    // What is touched is stated first: a reader that begins at the claim must know it.
    assert!(matches!(
        p.record(offset + 1),
        HistoryRecord::Restatement { state: Restated::Execution { execution, .. }, .. } if execution == arn
    ));
    assert!(matches!(p.record(offset + 2), HistoryRecord::Transition(t) if t.execution == arn));
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

#[test]
fn a_refusal_while_the_claim_is_under_way_is_not_lost() {
    let mut p = Partition::ready_with(|settings| settings.restate_every_records = 1);
    let arn = execution(TASK, OURS, 0);
    p.call(start_call(TASK, &arn, "1"));
    p.step();
    let (id, _) = p.take_send();
    p.now_ms += 10;
    p.tell(Input::Tick);
    let reason = "the topic does not exist".to_owned();
    let out = p.tell(Input::Sent {
        id,
        result: Err(reason),
    });
    assert!(out.is_empty(), "nothing can be appended now: {out:?}");
    p.settle();
    assert_eq!(
        p.events(&arn).last().map(String::as_str),
        Some("ExecutionFailed")
    );
}
