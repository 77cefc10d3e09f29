//! Starts and stops by a record, and completions of this partition (R7, R12, R13).

use crate::actions::{commands, dead_letters, names, sends};
use crate::machines::{TASK, execution, json, start_call, start_request};
use crate::support::{OURS, Partition};
use baton_engine::{Action, InputRecord, Outbound};
use baton_schemas::history::{Failure, HistoryRecord, InputTopic};
use baton_schemas::request::{StartRequest, StopRequest};
use baton_schemas::{Completion, Outcome, Record, Request, TaskToken};
use std::sync::Arc;

fn start(request: StartRequest) -> InputRecord {
    InputRecord::Request(Request::Start(request))
}

fn stop(execution: &Arc<str>) -> InputRecord {
    let failure = Failure {
        error: Some("Enough".into()),
        cause: None,
    };
    InputRecord::Request(Request::Stop(StopRequest {
        execution: execution.clone(),
        failure,
    }))
}

fn completion(token: TaskToken, outcome: Outcome) -> InputRecord {
    InputRecord::Completion(Completion {
        token,
        outcome,
        traceparent: None,
    })
}

/// Feeds one record and answers everything.
fn feed(p: &mut Partition, topic: InputTopic, record: InputRecord) -> Vec<Action> {
    let mut out = p.feed(topic, record);
    out.extend(p.settle());
    out
}

#[test]
fn a_start_by_record_runs_once_and_reports() {
    let mut p = Partition::ready();
    let arn = execution(TASK, OURS, 0);
    let out = feed(
        &mut p,
        InputTopic::Requests,
        start(start_request(TASK, &arn, "1")),
    );
    let token = commands(&out).remove(0);
    let length = p.log.len();
    let again = feed(
        &mut p,
        InputTopic::Requests,
        start(start_request(TASK, &arn, "1")),
    );
    assert!(again.is_empty(), "it runs and will report: {again:?}");
    assert_eq!(p.log.len(), length);

    let out = feed(
        &mut p,
        InputTopic::Completions,
        completion(token, Outcome::Succeeded(json("2"))),
    );
    let sent = sends(&out);
    let [Outbound::Closed { to, closed }] = sent[..] else {
        panic!("{sent:?}")
    };
    assert_eq!((&*to.topic, to.partition), ("answers", 0));
    assert_eq!((&closed.execution, closed.status), (&arn, "SUCCEEDED"));

    let out = feed(
        &mut p,
        InputTopic::Requests,
        start(start_request(TASK, &arn, "1")),
    );
    let sent = sends(&out);
    assert!(
        matches!(&sent[..], [Outbound::ReportAgain { execution, .. }] if *execution == arn),
        "a repeated start means: report again; {sent:?}"
    );
}

#[test]
fn a_start_with_another_input_goes_to_the_dead_letters_running_or_closed() {
    let mut p = Partition::ready();
    let arn = execution(TASK, OURS, 0);
    feed(
        &mut p,
        InputTopic::Requests,
        start(start_request(TASK, &arn, "1")),
    );
    let out = feed(
        &mut p,
        InputTopic::Requests,
        start(start_request(TASK, &arn, "2")),
    );
    assert_eq!(
        dead_letters(&out),
        ["an execution with this name runs with another input"]
    );
    feed(&mut p, InputTopic::Requests, stop(&arn));
    let out = feed(
        &mut p,
        InputTopic::Requests,
        start(start_request(TASK, &arn, "2")),
    );
    assert_eq!(
        dead_letters(&out),
        ["an execution with this name has closed; it had another input"]
    );
}

#[test]
fn a_stop_before_its_start_leaves_a_tombstone() {
    let mut p = Partition::ready();
    let arn = execution(TASK, OURS, 0);
    feed(&mut p, InputTopic::Requests, stop(&arn));
    assert_eq!(p.events(&arn), ["ExecutionAborted"]);
    for restarted in [false, true] {
        if restarted {
            p.restart();
            p.settle();
        }
        let out = feed(
            &mut p,
            InputTopic::Requests,
            start(start_request(TASK, &arn, "1")),
        );
        assert!(commands(&out).is_empty(), "the start finds itself stopped");
        assert_eq!(p.owner.open_executions(), 0);
    }
}

#[test]
fn before_a_machine_does_not_exist_the_registry_is_read_to_its_end() {
    let mut p = Partition::ready();
    let arn = execution(TASK, OURS, 0);
    let mut request = start_request(TASK, &arn, "1");
    request.machine = "arn:aws:states:us-east-1:000000000000:stateMachine:none".into();
    let out = p.feed(InputTopic::Requests, start(request));
    assert_eq!(names(&out), ["ReadRegistry"]);
    assert!(
        !p.owner.wants(InputTopic::Requests),
        "requests keep their order"
    );
    assert!(p.owner.wants(InputTopic::Completions));
    let out = p.settle();
    let letters = dead_letters(&out);
    assert!(
        letters.len() == 1 && letters[0].ends_with("stateMachine:none does not exist"),
        "{letters:?}"
    );
    assert!(p.owner.wants(InputTopic::Requests));
}

#[test]
fn what_cannot_be_read_is_recorded_before_it_goes_to_the_dead_letters() {
    let mut p = Partition::ready();
    let record = Record {
        key: None,
        headers: Vec::new(),
        value: Some("{".into()),
    };
    let reason = "no ce_type".to_owned();
    let out = p.feed(
        InputTopic::Completions,
        InputRecord::Malformed { record, reason },
    );
    assert_eq!(names(&out), ["Append"]);
    let out = p.step();
    assert_eq!(dead_letters(&out), ["no ce_type"]);
    let HistoryRecord::Transition(noted) = p.last_record() else {
        panic!("{:?}", p.last_record())
    };
    assert_eq!(noted.rejected.as_deref(), Some("no ce_type"));
}

#[test]
fn a_refused_input_is_sent_to_the_dead_letters_after_a_crash_too() {
    let mut p = Partition::ready();
    let record = Record {
        key: None,
        headers: Vec::new(),
        value: None,
    };
    let reason = "no ce_type".to_owned();
    p.feed(
        InputTopic::Completions,
        InputRecord::Malformed { record, reason },
    );
    let (_, json) = p.take_append();
    p.write(json);
    p.restart();
    let out = p.settle();
    let sent = sends(&out);
    assert!(
        matches!(
            &sent[..],
            [Outbound::DeadLetter {
                offset: 0,
                record: None,
                ..
            }]
        ),
        "its place says which record it was: {sent:?}"
    );
}

#[test]
fn completions_of_nothing_open_are_recorded_but_never_applied() {
    let mut p = Partition::ready();
    let arn = execution(TASK, OURS, 0);
    let done = || Outcome::Succeeded(json("1"));
    let out = feed(
        &mut p,
        InputTopic::Completions,
        completion(TaskToken::new(&arn, 3), done()),
    );
    assert_eq!(dead_letters(&out), ["no such execution"]);
    let out = feed(
        &mut p,
        InputTopic::Completions,
        completion(TaskToken::from_opaque("made-up"), done()),
    );
    assert_eq!(
        dead_letters(&out),
        ["the token is not one that baton gave out"]
    );

    p.call(start_call(TASK, &arn, "{}"));
    let token = commands(&p.settle()).remove(0);
    feed(
        &mut p,
        InputTopic::Completions,
        completion(token.clone(), done()),
    );
    let out = feed(
        &mut p,
        InputTopic::Completions,
        completion(token.clone(), done()),
    );
    assert_eq!(dead_letters(&out), ["the execution has closed"]);
    let out = feed(
        &mut p,
        InputTopic::Completions,
        completion(token, Outcome::Heartbeat(None)),
    );
    assert!(
        out.is_empty(),
        "a last heartbeat that crossed the end: {out:?}"
    );
}

#[test]
fn a_report_that_was_asked_for_again_is_owed_after_a_crash_too() {
    let mut p = Partition::ready();
    let arn = execution(TASK, OURS, 0);
    feed(
        &mut p,
        InputTopic::Requests,
        start(start_request(TASK, &arn, "1")),
    );
    feed(&mut p, InputTopic::Requests, stop(&arn));
    p.pass(2_000);
    let out = p.feed(InputTopic::Requests, start(start_request(TASK, &arn, "1")));
    assert_eq!(names(&out), ["Append"]);
    let (_, noted) = p.take_append();
    p.write(noted);
    p.restart();
    let out = p.settle();
    let sent = sends(&out);
    assert!(
        matches!(&sent[..], [Outbound::ReportAgain { execution, .. }] if *execution == arn),
        "{sent:?}"
    );
}
