//! Size is checked before the append, and one bad input stops nobody else (R9).

use crate::actions::{commands, error_of};
use crate::machines::{TASK, execution, json, start_call};
use crate::support::{OURS, Partition};
use baton_engine::{Call, CallError, InputRecord, Reply};
use baton_schemas::history::{HistoryRecord, InputTopic};
use baton_schemas::{Completion, Outcome, TaskToken};
use std::sync::Arc;

const RECORD_BYTES_MAX: usize = 4_000;

fn small() -> Partition {
    Partition::ready_with(|settings| settings.record_bytes_max = RECORD_BYTES_MAX)
}

fn large() -> String {
    format!("\"{}\"", "x".repeat(RECORD_BYTES_MAX))
}

fn running(p: &mut Partition) -> (Arc<str>, TaskToken) {
    let arn = execution(TASK, OURS, 0);
    p.call(start_call(TASK, &arn, "{}"));
    let token = commands(&p.settle()).remove(0);
    (arn, token)
}

#[test]
fn a_start_that_is_too_large_is_refused_and_leaves_nothing() {
    let mut p = small();
    let arn = execution(TASK, OURS, 0);
    let length = p.log.len();
    let refused = p.ask(start_call(TASK, &arn, &large()));
    let Err(CallError::TooLarge { bytes, limit }) = refused else {
        panic!("{refused:?}")
    };
    assert_eq!(limit, RECORD_BYTES_MAX);
    assert!(bytes > limit);
    assert_eq!((p.log.len(), p.owner.open_executions()), (length, 0));
    p.ask(start_call(TASK, &arn, "1"))
        .expect("the name is still free");
}

#[test]
fn an_output_that_is_too_large_fails_the_execution_in_a_small_record() {
    let mut p = small();
    let (arn, token) = running(&mut p);
    let outcome = Outcome::Succeeded(json(&large()));
    let completion = Completion {
        token,
        outcome,
        traceparent: None,
    };
    p.feed(InputTopic::Completions, InputRecord::Completion(completion));
    p.settle();
    assert!(
        p.log
            .iter()
            .flatten()
            .all(|json| json.len() <= RECORD_BYTES_MAX)
    );
    let HistoryRecord::Transition(step) = p.last_record() else {
        panic!("{:?}", p.last_record())
    };
    assert_eq!(step.execution, arn);
    let end = &step.events.last().expect("a step has events").kind;
    assert_eq!(error_of(end), Some("States.DataLimitExceeded"));
    assert!(
        !p.events(&arn).contains(&"TaskSucceeded".to_owned()),
        "that step is forgotten"
    );

    // The fold agrees, and the partition goes on.
    p.restart();
    p.settle();
    assert_eq!(p.owner.open_executions(), 0);
    p.ask(start_call(TASK, &execution(TASK, OURS, 1), "1"))
        .expect("the next one runs");
}

#[test]
fn the_same_by_a_call() {
    let mut p = small();
    let (arn, token) = running(&mut p);
    let outcome = Outcome::Succeeded(json(&large()));
    assert_eq!(
        p.ask(Call::Complete { token, outcome }),
        Ok(Reply::Completed)
    );
    assert_eq!(
        p.events(&arn).last().map(String::as_str),
        Some("ExecutionFailed")
    );
}
