//! Which records of the log count (R2), and where a fold may begin.

use crate::actions::{commands, names};
use crate::machines::{TASK, execution, start_call};
use crate::support::{OURS, Partition};
use baton_engine::ports::ReadFrom;
use baton_engine::{Action, Checkpoint, Input};
use baton_schemas::history::{HistoryRecord, Transition};
use bytes::Bytes;
use std::sync::Arc;

/// A claim at 0 and a start at 1.
fn one_start() -> (Partition, Arc<str>) {
    let mut p = Partition::ready();
    let arn = execution(TASK, OURS, 0);
    p.ask(start_call(TASK, &arn, "1"))
        .expect("the name is free");
    (p, arn)
}

/// The start at 1, changed.
fn changed(p: &Partition, change: impl FnOnce(&mut Transition)) -> Bytes {
    let Ok(HistoryRecord::Transition(mut record)) =
        HistoryRecord::from_json(p.log[1].as_ref().expect("a record"))
    else {
        panic!("a start is a transition")
    };
    change(&mut record);
    HistoryRecord::Transition(record).to_json().into()
}

#[test]
fn a_record_counts_only_if_epoch_and_number_are_the_next() {
    let (mut p, _) = one_start();
    let other = execution(TASK, OURS, 1);
    for (epoch, seq) in [(0, 1), (0, 3), (7, 2), (-1, 2)] {
        let stray = changed(&p, |record| {
            (record.epoch, record.seq, record.execution) = (epoch, seq, other.clone());
        });
        p.write(stray);
    }
    p.restart();
    p.settle();
    assert_eq!(
        p.owner.open_executions(),
        1,
        "a repeat, a jump, and two foreign epochs"
    );

    let next = changed(&p, |record| {
        (record.epoch, record.seq, record.execution) = (6, 1, other.clone());
    });
    assert_eq!(p.owner.epoch(), Some(6));
    p.write(next);
    p.restart();
    p.settle();
    assert_eq!(
        p.owner.open_executions(),
        2,
        "the next of the last claim does count"
    );
}

#[test]
fn nothing_before_the_first_claim_that_is_seen_counts() {
    let (mut p, _) = one_start();
    p.log_start = 1;
    p.restart();
    p.settle();
    assert_eq!(p.owner.open_executions(), 0);
}

#[test]
fn what_no_owner_wrote_is_passed_over_and_what_a_newer_one_wrote_is_not() {
    let (mut p, _) = one_start();
    p.write("not json".into());
    p.restart();
    p.settle();
    assert_eq!(p.owner.open_executions(), 1);

    p.write(r#"{"v":2,"r":{"leap":{}}}"#.into());
    p.restart();
    let out = p.settle();
    let Some(Action::Halt { reason }) = out.last() else {
        panic!("{:?}", names(&out))
    };
    assert!(
        reason.contains("offset 4") && reason.contains("upgrade baton"),
        "{reason}"
    );
}

#[test]
fn a_revision_that_the_registry_does_not_have_to_its_end_halts() {
    let (mut p, _) = one_start();
    let json = p.log[1].clone().expect("a record");
    let unknown = String::from_utf8(json.to_vec()).expect("JSON");
    p.log[1] = Some(
        unknown
            .replace(r#""revision":0"#, r#""revision":99"#)
            .into(),
    );
    p.restart();
    let out = p.settle();
    assert!(names(&out).contains(&"ReadRegistry".to_owned()), "{out:?}");
    assert!(
        matches!(out.last(), Some(Action::Halt { reason }) if reason.contains("revision 99")),
        "{:?}",
        names(&out)
    );
}

/// What the store would hold after the start at 1.
fn checkpoint(p: &Partition, arn: &Arc<str>) -> Box<Checkpoint> {
    let json = p.log[1].clone().expect("a record");
    Box::new(Checkpoint {
        offset: 1,
        epoch: 0,
        seq: 1,
        mark: 0,
        open: vec![(arn.clone(), vec![(1, json)])],
        ..Checkpoint::default()
    })
}

/// Claims, with the store's answer.
fn recover(p: &mut Partition, checkpoint: Box<Checkpoint>) -> Vec<Action> {
    p.restart();
    p.step();
    let mut out = p.tell_instead(Input::Checkpoint(Some(checkpoint)));
    out.extend(p.settle());
    out
}

#[test]
fn from_a_checkpoint_only_what_follows_its_mark_is_read() {
    let (mut p, arn) = one_start();
    let second = execution(TASK, OURS, 1);
    p.ask(start_call(TASK, &second, "1"))
        .expect("the name is free");
    let checkpoint = checkpoint(&p, &arn);
    let out = recover(&mut p, checkpoint);
    assert!(
        matches!(
            out[0],
            Action::ReadHistory {
                from: ReadFrom::Offset(1),
                ..
            }
        ),
        "{out:?}"
    );
    assert!(!names(&out).contains(&"ResetViews".to_owned()));
    assert_eq!(p.owner.open_executions(), 2);
    assert_eq!(commands(&out).len(), 2, "both are past the mark");
}

#[test]
fn a_checkpoint_that_the_log_no_longer_reaches_is_dropped() {
    let (mut p, arn) = one_start();
    let checkpoint = checkpoint(&p, &arn);
    p.log_start = 2;
    let out = recover(&mut p, checkpoint);
    assert!(
        names(&out).contains(&"ResetViews".to_owned()),
        "the views begin anew too"
    );
    assert!(p.owner.is_ready());
    assert_eq!(p.owner.open_executions(), 0);
}

#[test]
fn a_checkpoint_of_another_log_is_dropped() {
    let (mut p, arn) = one_start();
    let mut checkpoint = checkpoint(&p, &arn);
    checkpoint.offset = 1_000;
    let out = recover(&mut p, checkpoint);
    assert!(names(&out).contains(&"ResetViews".to_owned()));
    assert_eq!(p.owner.open_executions(), 1);
}
