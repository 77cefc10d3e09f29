//! StartExecution, StopExecution and the SendTask calls: what is one start, and what is refused.

use crate::actions::{commands, replies};
use crate::machines::{TASK, execution, json, start_call, stop_call};
use crate::support::{OURS, Partition};
use baton_engine::{Call, CallError, InputRecord, Reply};
use baton_schemas::history::InputTopic;
use baton_schemas::{Completion, Outcome, TaskToken};

fn succeed(token: &TaskToken) -> Call {
    Call::Complete {
        token: token.clone(),
        outcome: Outcome::Succeeded(json("1")),
    }
}

#[test]
fn the_same_start_again_is_one_start() {
    let mut p = Partition::ready();
    let arn = execution(TASK, OURS, 0);
    let first = p.ask(start_call(TASK, &arn, r#"{"n": 1}"#));
    let length = p.log.len();
    p.now_ms += 5_000;
    assert_eq!(p.ask(start_call(TASK, &arn, r#"{"n": 1}"#)), first);
    assert_eq!(p.log.len(), length, "nothing is appended");
}

#[test]
fn a_name_is_taken_by_another_input_and_by_a_closed_execution() {
    let mut p = Partition::ready();
    let arn = execution(TASK, OURS, 0);
    let taken = Err(CallError::ExecutionAlreadyExists(arn.clone()));
    p.ask(start_call(TASK, &arn, "1"))
        .expect("the name is free");
    assert_eq!(p.ask(start_call(TASK, &arn, "2")), taken);
    p.ask(stop_call(&arn)).expect("it runs");
    assert_eq!(p.ask(start_call(TASK, &arn, "1")), taken);
    p.restart();
    p.settle();
    assert_eq!(
        p.ask(start_call(TASK, &arn, "1")),
        taken,
        "the fold knows the name too"
    );
}

#[test]
fn a_name_is_free_again_when_it_has_been_kept_long_enough() {
    let mut p = Partition::ready_with(|settings| settings.names_kept_ms = 60_000);
    let arn = execution(TASK, OURS, 0);
    p.ask(start_call(TASK, &arn, "1"))
        .expect("the name is free");
    p.ask(stop_call(&arn)).expect("it runs");
    p.pass(62_000);
    p.ask(start_call(TASK, &arn, "2"))
        .expect("the name is free again");
}

#[test]
fn a_stop_closes_cancels_and_can_be_repeated() {
    let mut p = Partition::ready();
    let arn = execution(TASK, OURS, 0);
    p.ask(start_call(TASK, &arn, "{}"))
        .expect("the name is free");
    let stop_ms = p.now_ms;
    assert_eq!(p.ask(stop_call(&arn)), Ok(Reply::Stopped { stop_ms }));
    assert_eq!(
        p.events(&arn).last().map(String::as_str),
        Some("ExecutionAborted")
    );
    assert_eq!(p.owner.open_executions(), 0);
    p.now_ms += 1_000;
    let length = p.log.len();
    assert_eq!(
        p.ask(stop_call(&arn)),
        Ok(Reply::Stopped { stop_ms }),
        "when it was stopped"
    );
    assert_eq!(p.log.len(), length);
}

#[test]
fn a_stop_of_what_never_was_is_refused() {
    let mut p = Partition::ready();
    let arn = execution(TASK, OURS, 0);
    assert_eq!(
        p.ask(stop_call(&arn)),
        Err(CallError::ExecutionDoesNotExist(arn))
    );
}

#[test]
fn a_task_is_completed_once() {
    let mut p = Partition::ready();
    let arn = execution(TASK, OURS, 0);
    p.call(start_call(TASK, &arn, "{}"));
    let token = commands(&p.settle()).remove(0);
    let heartbeat = Call::Complete {
        token: token.clone(),
        outcome: Outcome::Heartbeat(None),
    };
    assert_eq!(p.ask(heartbeat.clone()), Ok(Reply::Completed));
    assert_eq!(p.ask(succeed(&token)), Ok(Reply::Completed));
    assert_eq!(
        p.events(&arn).last().map(String::as_str),
        Some("ExecutionSucceeded")
    );
    for late in [succeed(&token), heartbeat] {
        assert_eq!(p.ask(late), Err(CallError::TaskTimedOut));
    }
}

#[test]
fn a_token_that_is_not_ours_is_refused() {
    let mut p = Partition::ready();
    let token = TaskToken::from_opaque("made-up");
    assert_eq!(
        p.ask(succeed(&token)),
        Err(CallError::InvalidToken("made-up".into()))
    );
}

#[test]
fn a_call_for_another_partition_is_sent_there() {
    let mut p = Partition::ready();
    let arn = execution(TASK, 1, 0);
    let elsewhere = Err(CallError::NotOwner { partition: 1 });
    assert_eq!(p.ask(start_call(TASK, &arn, "{}")), elsewhere);
    assert_eq!(p.ask(stop_call(&arn)), elsewhere);
    assert_eq!(p.ask(succeed(&TaskToken::new(&arn, 3))), elsewhere);
}

#[test]
fn past_its_bounds_it_throttles() {
    let mut p = Partition::ready_with(|settings| settings.open_executions_max = 1);
    p.ask(start_call(TASK, &execution(TASK, OURS, 0), "{}"))
        .expect("room for one");
    let refused = p.ask(start_call(TASK, &execution(TASK, OURS, 1), "{}"));
    assert!(
        matches!(refused, Err(CallError::Throttled(_))),
        "{refused:?}"
    );

    let mut p = Partition::ready_with(|settings| settings.in_flight_max = 1);
    p.call(start_call(TASK, &execution(TASK, OURS, 0), "{}"));
    assert!(!p.owner.wants(InputTopic::Completions));
    let (id, out) = p.call(start_call(TASK, &execution(TASK, OURS, 1), "{}"));
    let answers = replies(&out);
    assert!(
        matches!(answers[..], [(to, Err(CallError::Throttled(_)))] if to == id),
        "{answers:?}"
    );
    p.settle();
    assert!(p.owner.wants(InputTopic::Completions));
}

#[test]
fn a_call_and_a_record_that_complete_the_same_task_count_once() {
    let mut p = Partition::ready();
    let arn = execution(TASK, OURS, 0);
    p.call(start_call(TASK, &arn, "{}"));
    let token = commands(&p.settle()).remove(0);
    let outcome = Outcome::Succeeded(json("2"));
    let completion = Completion {
        token: token.clone(),
        outcome,
        traceparent: None,
    };
    p.call(succeed(&token));
    p.feed(InputTopic::Completions, InputRecord::Completion(completion));
    p.settle();
    let ends = p
        .events(&arn)
        .into_iter()
        .filter(|name| name == "TaskSucceeded");
    assert_eq!(ends.count(), 1);
}
