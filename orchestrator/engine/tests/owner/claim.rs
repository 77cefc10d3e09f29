//! Taking the partition: claim, fold, open, drain, and only then act (R1, R3, R7, R11).

use crate::actions::{commands, names, replies};
use crate::machines::{TASK, TIMED, WAIT, execution, json, start_call};
use crate::support::{OURS, Partition};
use baton_engine::ports::ReadFrom;
use baton_engine::{Action, Appended, CallError, Input, InputRecord};
use baton_schemas::history::{HistoryRecord, InputTopic};
use baton_schemas::{Completion, Outcome, TaskToken};

#[test]
fn a_claim_is_followed_by_a_fold_through_it_and_then_the_inputs() {
    let mut p = Partition::with(|_| {});
    assert_eq!(names(&p.tell(Input::Assigned)), ["Append"]);
    assert_eq!(names(&p.step()), ["LoadCheckpoint"]);
    let looked = p.step();
    let [Action::ReadHistory { from, through, .. }] = looked[..] else {
        panic!("{looked:?}")
    };
    assert!(matches!(from, ReadFrom::Last(_)));
    assert_eq!(through, 0, "the claim's offset");
    let read = p.step();
    assert_eq!(names(&read), ["ResetViews", "ReadHistory"]);
    assert!(matches!(
        read[1],
        Action::ReadHistory {
            from: ReadFrom::Earliest,
            through: 0,
            ..
        }
    ));
    assert_eq!(names(&p.step()), ["Apply", "OpenInputs"]);
    assert!(!p.owner.is_ready());
    assert_eq!(names(&p.step())[0], "Owned");
    assert!(p.owner.is_ready());
    assert_eq!(p.owner.epoch(), Some(0));
}

#[test]
fn until_the_fold_is_over_calls_are_refused_and_inputs_not_wanted() {
    let mut p = Partition::with(|_| {});
    let arn = execution(TASK, OURS, 0);
    p.tell(Input::Assigned);
    while p.owner.epoch().is_none() {
        assert!(!p.owner.wants(InputTopic::Completions));
        let (id, out) = p.call(start_call(TASK, &arn, "{}"));
        let refused = Err(CallError::NotOwner { partition: OURS });
        assert_eq!(replies(&out), [(id, refused)]);
        p.step();
    }
    assert!(p.owner.wants(InputTopic::Completions));
}

/// A log with an open task of 60 s and a wait of 10 s, whose owner went away before its command was acknowledged.
fn left_behind() -> (Partition, TaskToken) {
    let mut p = Partition::ready();
    p.call(start_call(WAIT, &execution(WAIT, OURS, 0), "{}"));
    let (_, mut out) = p.call(start_call(TIMED, &execution(TIMED, OURS, 0), "{}"));
    while commands(&out).is_empty() {
        out.extend(p.step());
    }
    let token = commands(&out).remove(0);
    (p, token)
}

#[test]
fn no_timer_fires_and_no_command_goes_before_the_drain_is_over() {
    let (mut p, token) = left_behind();
    p.now_ms += 11_000;
    p.ends = [1, 0];
    p.restart();
    let out = p.settle();
    assert_eq!(
        p.owner.epoch(),
        Some(3),
        "the claim after one claim and two starts"
    );
    assert!(!p.owner.is_ready());
    assert!(commands(&out).is_empty());
    assert!(!names(&p.tell(Input::Tick)).contains(&"Append".to_owned()));

    // The one record there was at the claim has been passed over.
    let mut out = p.tell(Input::ReadUpTo {
        topic: InputTopic::Completions,
        next: 1,
    });
    assert!(p.owner.is_ready());
    out.extend(p.settle());
    assert_eq!(commands(&out), [token], "sent again, with the same id");
    let waited = p.events(&execution(WAIT, OURS, 0));
    assert_eq!(
        waited.last().map(String::as_str),
        Some("ExecutionSucceeded")
    );
}

#[test]
fn a_completion_that_stood_in_the_topic_wins_over_timeout_and_second_command() {
    let (mut p, token) = left_behind();
    p.now_ms += 61_000;
    p.ends = [1, 0];
    p.restart();
    p.settle();
    let outcome = Outcome::Succeeded(json("1"));
    let completion = Completion {
        token,
        outcome,
        traceparent: None,
    };
    let mut out = p.tell(Input::Record {
        topic: InputTopic::Completions,
        offset: 0,
        record: InputRecord::Completion(completion),
    });
    out.extend(p.settle());
    assert!(p.owner.is_ready());
    assert!(commands(&out).is_empty());
    let events = p.events(&execution(TIMED, OURS, 0));
    assert!(!events.contains(&"TaskTimedOut".to_owned()), "{events:?}");
    assert_eq!(
        events.last().map(String::as_str),
        Some("ExecutionSucceeded")
    );
}

#[test]
fn inputs_are_read_from_where_the_history_says_and_never_twice() {
    let mut p = Partition::ready();
    let arn = execution(TASK, OURS, 0);
    p.call(start_call(TASK, &arn, "{}"));
    let token = commands(&p.settle()).remove(0);
    let outcome = Outcome::Succeeded(json("1"));
    let completion = InputRecord::Completion(Completion {
        token,
        outcome,
        traceparent: None,
    });
    p.feed(InputTopic::Completions, completion.clone());
    p.settle();
    p.restart();
    let opened = p.settle().into_iter().find_map(|action| match action {
        Action::OpenInputs {
            completions,
            requests,
        } => Some((completions, requests)),
        _ => None,
    });
    assert_eq!(opened, Some((Some(1), None)));
    let before = p.log.len();
    let again = p.tell(Input::Record {
        topic: InputTopic::Completions,
        offset: 0,
        record: completion,
    });
    assert!(again.is_empty(), "{again:?}");
    assert_eq!(p.log.len(), before);
}

#[test]
fn time_never_goes_back_behind_what_is_recorded() {
    let mut p = Partition::ready();
    let started_ms = p.now_ms;
    p.ask(start_call(TASK, &execution(TASK, OURS, 0), "{}"))
        .expect("the name is free");
    p.now_ms -= 5_000;
    p.ask(start_call(TASK, &execution(TASK, OURS, 1), "{}"))
        .expect("the name is free");
    let HistoryRecord::Transition(last) = p.last_record() else {
        panic!("{:?}", p.last_record())
    };
    assert_eq!(last.now, started_ms);
}

#[test]
fn a_clock_off_the_brokers_halts() {
    let mut p = Partition::with(|_| {});
    p.tell(Input::Assigned);
    let (id, json) = p.take_append();
    let offset = p.write(json);
    let broker_ms = Some(p.now_ms - 30_001);
    let result = Appended::At { offset, broker_ms };
    let out = p.tell(Input::Appended { id, result });
    let Some(Action::Halt { reason }) = out.last() else {
        panic!("{out:?}")
    };
    assert!(reason.contains("30001 ms off the broker's"), "{reason}");
    p.now_ms += 60_000;
    assert!(
        p.tell(Input::Tick).is_empty(),
        "nothing until somebody looks"
    );
}

#[test]
fn a_position_out_of_range_halts_and_never_resets() {
    let mut p = Partition::ready();
    let reason = "completions: 7 was asked for, 90 is the first".to_owned();
    let out = p.tell(Input::InputsOutOfRange {
        reason: reason.clone(),
    });
    assert!(
        out.iter()
            .any(|a| matches!(a, Action::Halt { reason: said } if *said == reason))
    );
    assert_eq!(p.owner.next_tick_ms(), None);
    assert!(p.tell(Input::Assigned).is_empty());
}

#[test]
fn a_claim_whose_offset_is_not_known_is_superseded_by_another() {
    for result in [
        Appended::NoOffset,
        Appended::Failed {
            reason: "timed out".into(),
        },
    ] {
        let mut p = Partition::with(|_| {});
        p.tell(Input::Assigned);
        let (id, json) = p.take_append();
        p.write(json);
        p.tell(Input::Appended { id, result });
        assert_eq!(p.owner.epoch(), None);
        p.pass(1_000);
        assert_eq!(
            p.owner.epoch(),
            Some(1),
            "its own claim, not the doubtful one"
        );
    }
}

#[test]
fn a_history_that_cannot_be_read_leads_to_a_new_claim() {
    let mut p = Partition::with(|_| {});
    p.tell(Input::Assigned);
    p.step();
    let read = p.step().into_iter().find_map(|action| match action {
        Action::ReadHistory { read, .. } => Some(read),
        _ => None,
    });
    let read = read.expect("no checkpoint: the log is read");
    p.tell(Input::HistoryFailed {
        read,
        reason: "broker away".into(),
    });
    p.pass(1_000);
    assert_eq!(p.owner.epoch(), Some(1));
    assert!(p.owner.is_ready());
}

#[test]
fn revoked_drops_everything_and_says_so() {
    let mut p = Partition::ready();
    let (id, _) = p.call(start_call(TASK, &execution(TASK, OURS, 0), "{}"));
    let out = p.tell(Input::Revoked);
    assert_eq!(names(&out), ["Reply", "CloseInputs", "Released"]);
    assert_eq!(
        replies(&out),
        [(id, Err(CallError::InDoubt { partition: OURS }))]
    );
    assert_eq!((p.owner.epoch(), p.owner.open_executions()), (None, 0));
}
