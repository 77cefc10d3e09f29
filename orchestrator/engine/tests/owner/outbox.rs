//! What effective records call for reaches its topic, or becomes an event (R10).

use crate::actions::{commands, error_of};
use crate::machines::{TASK, execution, start_call};
use crate::support::{OURS, Partition};
use baton_engine::Input;
use baton_schemas::TaskToken;
use baton_schemas::history::{EventKind, HistoryRecord};

/// An execution whose command is sent and not yet acknowledged.
fn sent() -> (Partition, TaskToken) {
    let mut p = Partition::ready();
    p.call(start_call(TASK, &execution(TASK, OURS, 0), "{}"));
    let token = commands(&p.step()).remove(0);
    (p, token)
}

fn marks(p: &Partition) -> Vec<i64> {
    let records = p.log.iter().flatten();
    records
        .filter_map(|json| match HistoryRecord::from_json(json) {
            Ok(HistoryRecord::Mark { upto, .. }) => Some(upto),
            _ => None,
        })
        .collect()
}

#[test]
fn a_command_that_is_refused_for_good_fails_its_task() {
    let (mut p, _) = sent();
    let (id, _) = p.take_send();
    let reason = "the topic does not exist".to_owned();
    p.tell(Input::Sent {
        id,
        result: Err(reason),
    });
    p.settle();
    let HistoryRecord::Transition(step) = p.last_record() else {
        panic!("{:?}", p.last_record())
    };
    let failed: Vec<&EventKind> = step.events.iter().map(|event| &event.kind).collect();
    assert!(matches!(failed[0], EventKind::TaskFailed(..)), "{failed:?}");
    assert_eq!(error_of(failed[0]), Some("Baton.CommandNotSent"));
    assert!(matches!(failed.last(), Some(EventKind::ExecutionFailed(_))));
    assert_eq!(p.owner.open_executions(), 0);
}

#[test]
fn the_mark_stops_below_what_is_not_acknowledged() {
    let (mut p, _) = sent();
    let first = p.take_send();
    p.ask(start_call(TASK, &execution(TASK, OURS, 1), "{}"))
        .expect("the name is free");
    p.pass(5_000);
    assert!(
        marks(&p).iter().all(|upto| *upto < 1),
        "record 1's command is on its way: {:?}",
        marks(&p)
    );
    p.tell(Input::Sent {
        id: first.0,
        result: Ok(()),
    });
    p.pass(5_000);
    assert!(
        marks(&p).last().is_some_and(|upto| *upto >= 2),
        "{:?}",
        marks(&p)
    );
}

#[test]
fn after_a_crash_what_is_past_the_mark_is_sent_again_with_the_same_token() {
    let (mut p, token) = sent();
    p.restart();
    assert_eq!(commands(&p.settle()), [token]);
}

#[test]
fn after_a_crash_what_is_marked_is_not_sent_again() {
    let (mut p, _) = sent();
    p.settle();
    p.pass(2_000);
    assert!(marks(&p).last().is_some_and(|upto| *upto >= 1));
    p.restart();
    assert!(commands(&p.settle()).is_empty());
    assert_eq!(p.owner.open_executions(), 1);
}

#[test]
fn an_open_command_is_sent_again_before_its_topic_drops_it() {
    let mut p = Partition::ready_with(|settings| settings.command_resend_ms = 10_000);
    p.call(start_call(TASK, &execution(TASK, OURS, 0), "{}"));
    let token = commands(&p.settle()).remove(0);
    assert!(commands(&p.pass(9_000)).is_empty());
    assert_eq!(commands(&p.pass(4_000)), [token]);
}

#[test]
fn an_answer_to_a_send_of_an_earlier_life_is_nothing() {
    let (mut p, _) = sent();
    let (id, _) = p.take_send();
    p.tell(Input::Revoked);
    p.tell(Input::Assigned);
    p.settle();
    let length = p.log.len();
    let reason = "the topic does not exist".to_owned();
    let out = p.tell(Input::Sent {
        id,
        result: Err(reason),
    });
    assert!(out.is_empty(), "{out:?}");
    assert_eq!((p.log.len(), p.owner.open_executions()), (length, 1));
}
