//! What effective records call for reaches its topic, or becomes an event (R10).

use crate::actions::{commands, error_of};
use crate::machines::{TASK, execution, start_call, start_request};
use crate::support::{OURS, PARTITIONS, Partition};
use baton_engine::limits::QUEUE_OUTBOX_MAX;
use baton_engine::{Action, Input, InputRecord, Outbound};
use baton_schemas::history::{EventKind, HistoryRecord, InputTopic};
use baton_schemas::partition::partition_of;
use baton_schemas::{Outcome, Request, TaskToken};
use std::sync::Arc;

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

/// ARNs of executions of [`TASK`] on our partition.
fn many(count: usize) -> Vec<Arc<str>> {
    let sample = execution(TASK, OURS, 0);
    let machine = sample.rsplit_once(':').expect("ARNs have a name").0;
    let named = (0..).map(|n| Arc::from(format!("{machine}:n{n}")));
    let ours = named.filter(|arn: &Arc<str>| partition_of(arn.as_bytes(), PARTITIONS) == OURS);
    ours.take(count).collect()
}

#[test]
fn a_queue_that_nobody_can_write_to_holds_up_its_own_commands_only() {
    let mut p = Partition::ready_with(|settings| settings.open_executions_max = usize::MAX);
    let extra = 3;
    let arns = many(QUEUE_OUTBOX_MAX + extra);
    let mut sent = Vec::new();
    for arn in &arns {
        p.call(start_call(TASK, arn, "{}"));
        let (id, json) = p.take_append();
        let offset = p.write(json);
        sent.extend(commands(&p.tell(p.appended(id, offset))));
    }
    assert_eq!(sent.len(), QUEUE_OUTBOX_MAX, "the others wait their turn");
    assert!(p.owner.wants(InputTopic::Completions) && p.owner.wants(InputTopic::Requests));

    // A cancelled one is not sent when its turn comes; the rest are, in order, each once.
    p.call(crate::machines::stop_call(&arns[QUEUE_OUTBOX_MAX]));
    let out = p.settle();
    let tokens: Vec<TaskToken> = arns.iter().map(|arn| TaskToken::new(arn, 3)).collect();
    assert_eq!(commands(&out), tokens[QUEUE_OUTBOX_MAX + 1..]);
    p.pass(5_000);
    let last = p.log.len() as i64 - 2;
    assert!(
        marks(&p).last().is_some_and(|upto| *upto >= last - 1),
        "nothing is owed any more"
    );
}

#[test]
fn after_a_crash_commands_that_waited_their_turn_are_sent() {
    let mut p = Partition::ready_with(|settings| settings.open_executions_max = usize::MAX);
    let arns = many(QUEUE_OUTBOX_MAX + 1);
    for arn in &arns {
        p.call(start_call(TASK, arn, "{}"));
        let (id, json) = p.take_append();
        let offset = p.write(json);
        p.tell(p.appended(id, offset));
    }
    p.restart();
    let mut sent = commands(&p.settle());
    sent.sort_by_key(|token| token.as_str().to_owned());
    let mut tokens: Vec<TaskToken> = arns.iter().map(|arn| TaskToken::new(arn, 3)).collect();
    tokens.sort_by_key(|token| token.as_str().to_owned());
    assert_eq!(sent, tokens);
}

/// Refuses the next send for good; returns what that leads to.
fn refuse(p: &mut Partition) -> Vec<Action> {
    let (id, _) = p.take_send();
    let reason = "the topic does not exist".to_owned();
    let mut out = p.tell(Input::Sent {
        id,
        result: Err(reason),
    });
    out.extend(p.settle());
    out
}

fn noted(p: &Partition) -> Vec<Arc<str>> {
    let records = p.log.iter().flatten();
    records
        .filter_map(|json| match HistoryRecord::from_json(json) {
            Ok(HistoryRecord::Transition(t)) => t.rejected,
            _ => None,
        })
        .collect()
}

#[test]
fn a_result_that_is_refused_for_good_is_noted_in_the_history() {
    let mut p = Partition::ready();
    let arn = execution(TASK, OURS, 0);
    let start = InputRecord::Request(Request::Start(start_request(TASK, &arn, "{}")));
    p.feed(InputTopic::Requests, start);
    p.settle();
    p.call(crate::machines::stop_call(&arn));
    let out = p.step();
    let sent = crate::actions::sends(&out);
    assert!(
        matches!(sent[..], [Outbound::Control(_), Outbound::Closed { .. }]),
        "{sent:?}"
    );
    p.take_send();
    refuse(&mut p);
    let [note] = &noted(&p)[..] else {
        panic!("{:?}", noted(&p))
    };
    assert!(
        note.contains("an execution's result") && note.contains("the topic does not exist"),
        "{note}"
    );
    // The note is nothing to do anything about after a crash.
    p.restart();
    assert!(crate::actions::dead_letters(&p.settle()).is_empty());
}

#[test]
fn an_input_that_its_partition_refuses_goes_to_the_dead_letters() {
    let mut p = Partition::ready();
    let completion = baton_schemas::Completion {
        token: TaskToken::new(&execution(TASK, 1, 0), 3),
        outcome: Outcome::Heartbeat(None),
        traceparent: None,
    };
    p.feed(InputTopic::Completions, InputRecord::Completion(completion));
    p.step();
    let out = refuse(&mut p);
    let letters = crate::actions::dead_letters(&out);
    assert!(
        letters.len() == 1 && letters[0].contains("could not be passed on"),
        "{letters:?}"
    );
    p.restart();
    let again = crate::actions::dead_letters(&p.settle());
    assert!(
        again.iter().any(|reason| reason == &letters[0]),
        "{again:?}"
    );
}
