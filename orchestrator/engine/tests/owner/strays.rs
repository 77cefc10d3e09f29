//! Inputs that belong to another partition are passed on (R12).

use crate::actions::{names, sends};
use crate::machines::{TASK, execution, json, start_request};
use crate::support::Partition;
use baton_engine::{Action, Input, InputRecord, Outbound};
use baton_schemas::history::{HistoryRecord, InputTopic};
use baton_schemas::{Completion, Outcome, Record, Request, TaskToken};

/// The partition that is not ours.
const OTHER: i32 = 1;

/// The one record that is passed on.
fn passed_on(out: &[Action]) -> (InputTopic, i32, &Record) {
    let sent = sends(out);
    match sent[..] {
        [
            Outbound::PassOn {
                topic,
                partition,
                record,
                ..
            },
        ] => (*topic, *partition, record),
        _ => panic!("{sent:?}"),
    }
}

fn stray(output: &str) -> Completion {
    Completion {
        token: TaskToken::new(&execution(TASK, OTHER, 0), 3),
        outcome: Outcome::Succeeded(json(output)),
        traceparent: Some("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01".into()),
    }
}

#[test]
fn a_completion_is_passed_on_as_it_came_once_that_is_on_record() {
    let mut p = Partition::ready();
    let out = p.feed(
        InputTopic::Completions,
        InputRecord::Completion(stray("[1]")),
    );
    assert_eq!(names(&out), ["Append"]);
    let out = p.step();
    let (topic, partition, record) = passed_on(&out);
    assert_eq!((topic, partition), (InputTopic::Completions, OTHER));
    assert_eq!(
        Completion::from_view(record).expect("a completion"),
        stray("[1]")
    );
}

#[test]
fn a_crash_before_it_was_sent_sends_it_all_the_same() {
    let mut p = Partition::ready();
    p.feed(
        InputTopic::Completions,
        InputRecord::Completion(stray("[1]")),
    );
    let (_, noted) = p.take_append();
    p.write(noted);
    p.restart();
    let out = p.settle();
    let (_, partition, record) = passed_on(&out);
    assert_eq!(partition, OTHER);
    assert_eq!(
        Completion::from_view(record).expect("a completion"),
        stray("[1]")
    );
}

#[test]
fn one_too_large_to_be_noted_goes_on_as_the_failure_it_would_become() {
    let mut p = Partition::ready_with(|settings| settings.record_bytes_max = 2_000);
    let large = format!("\"{}\"", "x".repeat(2_000));
    p.feed(
        InputTopic::Completions,
        InputRecord::Completion(stray(&large)),
    );
    let out = p.settle();
    let (_, _, record) = passed_on(&out);
    let small = Completion::from_view(record).expect("a completion");
    let Outcome::Failed(failure) = small.outcome else {
        panic!("{:?}", small.outcome)
    };
    assert_eq!(failure.error.as_deref(), Some("States.DataLimitExceeded"));
    let HistoryRecord::Transition(noted) = p.last_record() else {
        panic!("{:?}", p.last_record())
    };
    assert_eq!(noted.seq, 1, "the record that was too large took no number");
}

#[test]
fn a_start_is_passed_on_too() {
    let mut p = Partition::ready();
    let request = start_request(TASK, &execution(TASK, OTHER, 0), "1");
    p.feed(
        InputTopic::Requests,
        InputRecord::Request(Request::Start(request.clone())),
    );
    let out = p.settle();
    let (topic, partition, record) = passed_on(&out);
    assert_eq!((topic, partition), (InputTopic::Requests, OTHER));
    assert_eq!(
        Request::from_view(record).expect("a request"),
        Request::Start(request)
    );
    assert_eq!(p.owner.open_executions(), 0);
}

#[test]
fn its_position_counts_like_any_other() {
    let mut p = Partition::ready();
    p.feed(
        InputTopic::Completions,
        InputRecord::Completion(stray("[1]")),
    );
    p.settle();
    let length = p.log.len();
    let record = InputRecord::Completion(stray("[1]"));
    let out = p.tell(Input::Record {
        topic: InputTopic::Completions,
        offset: 0,
        record,
    });
    assert!(out.is_empty(), "{out:?}");
    assert_eq!(p.log.len(), length);
}
