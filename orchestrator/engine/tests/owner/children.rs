//! Child executions: their starts reach them, whatever is lost on the way (R10, R12).

use crate::actions::sends;
use crate::machines::{MAP, execution, json, start_call};
use crate::support::{OURS, Partition};
use baton_engine::{Action, Call, Checkpoint, Input, Outbound};
use baton_schemas::history::{HistoryRecord, Restated};
use baton_schemas::{Outcome, Request, TaskToken};
use std::sync::Arc;

/// Event id of MapRunStarted, where the Map is the first state.
const RUN: u64 = 4;

/// Numbers of the children whose starts are sent, in order.
fn starts(actions: &[Action]) -> Vec<u64> {
    let children = sends(actions).into_iter().filter_map(|sent| match sent {
        Outbound::Request { request, .. } => match &**request {
            Request::Start(start) => Some(start.parent.as_ref()?.item.as_ref()?.index),
            Request::Stop(_) => None,
        },
        _ => None,
    });
    children.collect()
}

/// The child of this number ended well.
fn ended(arn: &Arc<str>, child: u64) -> Call {
    Call::Complete {
        token: TaskToken::new(arn, RUN),
        outcome: Outcome::Succeeded(json(&format!(
            r#"{{"child":{child},"status":"SUCCEEDED","output":1}}"#
        ))),
    }
}

/// A store that keeps of an execution what was stated of it, in place of the records before.
fn stated(p: &Partition, arn: &Arc<str>) -> Checkpoint {
    let found = (0..p.log.len() as i64).rev().find_map(|offset| {
        let json = p.log[offset as usize].clone()?;
        match HistoryRecord::from_json(&json).expect("owners write history") {
            HistoryRecord::Restatement {
                epoch,
                seq,
                state: Restated::Execution { execution, .. },
            } if execution == *arn => Some((offset, epoch, seq, json)),
            _ => None,
        }
    });
    let (offset, epoch, seq, json) = found.expect("a restatement has begun");
    Checkpoint {
        offset,
        epoch,
        seq,
        mark: -1,
        now_ms: p.now_ms,
        open: vec![(arn.clone(), vec![(offset, json)])],
        ..Checkpoint::default()
    }
}

#[test]
fn starts_of_which_a_statement_stands_in_place_are_sent_again() {
    let mut p = Partition::ready_with(|settings| settings.restate_every_records = 1);
    let arn = execution(MAP, OURS, 0);
    p.call(start_call(MAP, &arn, "[10,20,30]"));
    let out = p.step();
    assert_eq!(starts(&out), [0, 1, 2]);
    // The first gets through, the others don't; so no mark passes them.
    let lost = [(); 3].map(|()| p.take_send());
    p.ask(ended(&arn, 0)).expect("the run waits for it");
    p.pass(5_000);
    let checkpoint = stated(&p, &arn);
    drop(lost);

    p.restart();
    p.step(); // the claim
    let mut out = p.tell_instead(Input::Checkpoint(Some(Box::new(checkpoint))));
    out.extend(p.settle());
    assert!(p.owner.is_ready());
    assert_eq!(starts(&out), [1, 2], "those whose end is not known");
}

#[test]
fn children_that_are_waited_for_long_are_asked_for_again() {
    let every_ms = 60_000;
    let mut p = Partition::ready_with(|settings| settings.command_resend_ms = every_ms);
    let arn = execution(MAP, OURS, 0);
    p.ask(start_call(MAP, &arn, "[10,20]"))
        .expect("the name is free");
    p.ask(ended(&arn, 1)).expect("the run waits for it");
    assert!(starts(&p.pass(every_ms / 2)).is_empty());
    assert_eq!(starts(&p.pass(every_ms)), [0]);
}
