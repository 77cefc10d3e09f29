//! Express executions: what is written of them, what is not, and what a crash leaves.

use crate::actions::{commands, names, replies, sends};
use crate::machines::{EXPRESS, TASK, execution, json, start_call, start_request};
use crate::support::{OURS, Partition};
use baton_engine::limits::EXPRESS_RUN_MS_MAX;
use baton_engine::{Action, Call, CallError, Input, InputRecord, Outbound, Reply};
use baton_machine::Status;
use baton_schemas::history::{HistoryRecord, InputTopic};
use baton_schemas::{Completion, Outcome, Request, TaskToken};
use std::sync::Arc;

fn sync(machine: u64, execution: &Arc<str>) -> Call {
    match start_call(machine, execution, r#"{"n":1}"#) {
        Call::Start(start) => Call::StartSync(start),
        other => unreachable!("{other:?}"),
    }
}

fn completed(token: &TaskToken) -> InputRecord {
    InputRecord::Completion(Completion {
        token: token.clone(),
        outcome: Outcome::Succeeded(json("7")),
        traceparent: None,
    })
}

/// The offsets of Express starts that the last mark said still run.
fn marked(p: &Partition) -> Option<Vec<i64>> {
    let records = p.log.iter().rev().flatten();
    records
        .filter_map(|json| match HistoryRecord::from_json(json) {
            Ok(HistoryRecord::Mark { express, .. }) => Some(express),
            _ => None,
        })
        .next()
}

#[test]
fn a_synchronous_execution_writes_nothing_and_answers_with_its_result() {
    let mut p = Partition::ready();
    let length = p.log.len();
    let arn = execution(EXPRESS, OURS, 0);
    let (id, out) = p.call(sync(EXPRESS, &arn));
    assert_eq!(names(&out), ["Send"], "its command leaves at once");
    let token = commands(&out)[0].clone();
    p.settle();
    p.now_ms += 30;
    let out = p.feed(InputTopic::Completions, completed(&token));
    let answers = replies(&out);
    let [(to, Ok(Reply::Finished(finished)))] = &answers[..] else {
        panic!("{answers:?}")
    };
    assert_eq!(
        (*to, finished.status, &finished.output),
        (id, Status::Succeeded, &Some(json("7")))
    );
    assert_eq!(finished.stop_ms - finished.start_ms, 30);
    assert_eq!(p.log.len(), length);
    assert_eq!(p.owner.express_running(), 0);
}

#[test]
fn only_express_machines_are_run_synchronously() {
    let mut p = Partition::ready();
    let arn = execution(TASK, OURS, 0);
    assert_eq!(p.ask(sync(TASK, &arn)), Err(CallError::NotExpress));
}

#[test]
fn the_caller_of_a_run_that_is_lost_is_told_and_it_is_not_run_again() {
    let mut p = Partition::ready();
    let arn = execution(EXPRESS, OURS, 0);
    let (id, _) = p.call(sync(EXPRESS, &arn));
    let out = p.tell(Input::Revoked);
    assert!(replies(&out).contains(&(id, Err(CallError::CutOff))));
    p.tell(Input::Assigned);
    let out = p.settle();
    assert!(commands(&out).is_empty());
}

#[test]
fn a_run_takes_five_minutes_at_most() {
    let mut p = Partition::ready();
    let arn = execution(EXPRESS, OURS, 0);
    let (id, _) = p.call(sync(EXPRESS, &arn));
    assert!(replies(&p.pass(EXPRESS_RUN_MS_MAX - 1)).is_empty());
    let out = p.pass(1);
    let timed_out =
        |reply: &Reply| matches!(reply, Reply::Finished(f) if f.status == Status::TimedOut);
    assert!(
        replies(&out)
            .iter()
            .any(|(to, reply)| *to == id && reply.as_ref().is_ok_and(timed_out))
    );
    assert!(
        sends(&out)
            .iter()
            .any(|sent| matches!(sent, Outbound::Control(_))),
        "its task is cancelled"
    );
}

#[test]
fn a_start_that_nobody_waits_for_is_one_record_and_runs_when_that_is_effective() {
    let mut p = Partition::ready();
    let arn = execution(EXPRESS, OURS, 0);
    let length = p.log.len() as i64;
    let (_, out) = p.call(start_call(EXPRESS, &arn, r#"{"n":1}"#));
    assert_eq!(
        names(&out),
        ["Append"],
        "nothing leaves before the record is effective"
    );
    let out = p.settle();
    let token = commands(&out)[0].clone();
    p.ask(start_call(EXPRESS, &arn, r#"{"n":1}"#))
        .expect("the same start");
    p.ask(start_call(TASK, &execution(TASK, OURS, 0), "{}"))
        .expect("the name is free");
    p.pass(1_000);
    assert_eq!(
        marked(&p),
        Some(vec![length]),
        "the mark passes it, and says that it runs"
    );
    p.feed(InputTopic::Completions, completed(&token));
    p.pass(1_000);
    assert_eq!(marked(&p), Some(vec![]));
    assert_eq!(p.events(&arn), ["ExecutionStarted"]);
}

#[test]
fn a_run_that_was_not_over_is_run_again_and_takes_nothing_of_the_earlier_run() {
    let mut p = Partition::ready();
    let arn = execution(EXPRESS, OURS, 0);
    p.ask(start_call(EXPRESS, &arn, "{}"))
        .expect("there is room");
    let earlier = {
        let (_, out) = p.call(start_call(EXPRESS, &execution(EXPRESS, OURS, 1), "{}"));
        assert_eq!(names(&out), ["Append"]);
        commands(&p.settle())[0].clone()
    };
    p.pass(1_000);
    p.restart();
    let out = p.settle();
    assert_eq!(commands(&out).len(), 2, "both are run again");
    assert!(!commands(&out).contains(&earlier));
    p.feed(InputTopic::Completions, completed(&earlier));
    assert_eq!(p.owner.express_running(), 2);
    for token in commands(&out) {
        p.feed(InputTopic::Completions, completed(&token));
    }
    p.pass(1_000);
    p.restart();
    assert!(
        commands(&p.settle()).is_empty(),
        "what is over is not run again"
    );
}

#[test]
fn a_start_by_record_reports_its_result_before_it_is_over() {
    let mut p = Partition::ready();
    let arn = execution(EXPRESS, OURS, 0);
    let start = start_request(EXPRESS, &arn, "{}");
    p.feed(
        InputTopic::Requests,
        InputRecord::Request(Request::Start(start)),
    );
    let token = commands(&p.settle())[0].clone();
    p.feed(InputTopic::Completions, completed(&token));
    let (id, sent) = p.take_send();
    assert!(matches!(sent, Outbound::Closed { .. }));
    p.pass(1_000);
    assert_eq!(
        marked(&p).map(|open| open.len()),
        Some(1),
        "nobody has heard of the result yet"
    );
    p.tell(Input::Sent { id, result: Ok(()) });
    p.pass(1_000);
    assert_eq!(marked(&p), Some(vec![]));
}

#[test]
fn no_base_moves_past_a_run() {
    let mut p = Partition::ready_with(|settings| settings.restate_every_records = 5);
    let arn = execution(EXPRESS, OURS, 0);
    p.ask(start_call(EXPRESS, &arn, "{}"))
        .expect("there is room");
    for n in 1..10 {
        p.ask(start_call(TASK, &execution(TASK, OURS, n), "{}"))
            .expect("the name is free");
    }
    let complete = |p: &Partition| {
        let records = p.log.iter().flatten();
        records
            .filter(|json| String::from_utf8_lossy(json).contains("\"complete\""))
            .count()
    };
    p.pass(2_000);
    assert_eq!(complete(&p), 0);
    let out = p.pass(EXPRESS_RUN_MS_MAX);
    assert!(
        !out.iter()
            .any(|action| matches!(action, Action::Halt { .. }))
    );
    assert!(complete(&p) > 0);
}
