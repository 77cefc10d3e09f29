//! StartExecution, StopExecution and the SendTask calls: what is one start, and what is refused.

use crate::actions::{commands, replies};
use crate::machines::{TASK, TWO, execution, json, start_call, stop_call};
use crate::support::{OURS, Partition};
use baton_engine::limits::IGNORED_KEPT_MAX;
use baton_engine::{Action, Call, CallError, Change, InputRecord, Reply};
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

#[test]
fn signs_of_life_are_recorded_and_not_kept() {
    let mut p = Partition::ready_with(|settings| settings.restate_every_records = 500);
    let arn = execution(TASK, OURS, 0);
    p.call(start_call(TASK, &arn, "{}"));
    let token = commands(&p.settle()).remove(0);
    let heartbeat = Call::Complete {
        token: token.clone(),
        outcome: Outcome::Heartbeat(None),
    };
    for _ in 0..300 {
        assert_eq!(p.ask(heartbeat.clone()), Ok(Reply::Completed));
    }
    assert!(p.events(&arn).len() > 300, "the log has them all");
    let kept = |p: &mut Partition| {
        p.restart();
        let out = p.settle();
        let steps = out.iter().filter(|action| match action {
            Action::Apply(applied) => matches!(applied.change, Change::Step { .. }),
            _ => false,
        });
        steps.count()
    };
    assert_eq!(kept(&mut p), 1, "views get the start alone");
    assert_eq!(p.ask(succeed(&token)), Ok(Reply::Completed));
}

#[test]
fn late_completions_are_kept_up_to_a_bound() {
    let mut p = Partition::ready();
    let arn = execution(TWO, OURS, 0);
    p.call(start_call(TWO, &arn, "{}"));
    let token = commands(&p.settle()).remove(0);
    assert_eq!(p.ask(succeed(&token)), Ok(Reply::Completed));
    let mut views = 0;
    for _ in 0..IGNORED_KEPT_MAX + 20 {
        let completion = Completion {
            token: token.clone(),
            outcome: Outcome::Succeeded(json("1")),
            traceparent: None,
        };
        p.feed(InputTopic::Completions, InputRecord::Completion(completion));
        let out = p.settle();
        let is_step = |action: &&Action| matches!(action, Action::Apply(a) if matches!(a.change, Change::Step { .. }));
        views += out.iter().filter(is_step).count();
    }
    assert_eq!(views, IGNORED_KEPT_MAX as usize);
    let ignored = p
        .events(&arn)
        .into_iter()
        .filter(|e| e == "CompletionIgnored");
    assert_eq!(
        ignored.count(),
        IGNORED_KEPT_MAX as usize + 20,
        "the log has them all"
    );
}
