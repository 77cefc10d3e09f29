//! Tests of what the recorder's thread makes of records: live, after a takeover, and with a gap.

use super::*;
use baton_engine::views::{ListPage, ListQuery, Summary};
use baton_schemas::history::{Cause, EventKind, Started, StateType, Transition};

const NOW_MS: i64 = 1_000_000_000;

/// Views that hold one execution's records.
struct Fixed(Vec<Bytes>);

impl Views for Fixed {
    fn describe(&self, _: &str) -> Option<Summary> {
        None
    }

    fn history(&self, _: &str) -> Option<Vec<Bytes>> {
        Some(self.0.clone())
    }

    fn list(&self, _: &ListQuery) -> ListPage {
        ListPage::default()
    }
}

fn event(id: u64, kind: EventKind) -> Event {
    Event {
        id,
        prev: id - 1,
        frame: 0,
        kind,
        data: None,
    }
}

/// A start, one state, and the end: three records of one execution at offsets 0 to 2, the first `age_ms` before now.
fn history(age_ms: i64) -> Vec<Step> {
    let started = EventKind::ExecutionStarted(Box::new(Started {
        machine: "arn:aws:states:us-east-1:000000000000:stateMachine:m".into(),
        revision: 0,
        role_arn: "".into(),
        traceparent: None,
        reply_to: None,
        qualifier: None,
        express: None,
        parent: None,
    }));
    let (state, name): (_, Arc<str>) = (StateType::Wait, "S".into());
    let entered = EventKind::StateEntered {
        state,
        name: name.clone(),
    };
    let exited = EventKind::StateExited {
        state,
        name,
        assigned: None,
    };
    let records = [
        vec![event(1, started), event(2, entered)],
        vec![event(3, exited)],
        vec![event(4, EventKind::ExecutionSucceeded)],
    ];
    let steps = records.into_iter().zip(0_i64..);
    steps
        .map(|(events, at)| step(events, at, NOW_MS - age_ms + at))
        .collect()
}

fn step(events: Vec<Event>, offset: i64, now_ms: i64) -> Step {
    let execution: Arc<str> = "arn:aws:states:us-east-1:000000000000:execution:m:e".into();
    let closes = events.iter().any(|event| event.kind.closes());
    let transition = Transition {
        epoch: 0,
        seq: offset as u64 + 1,
        cause: Cause::Timer,
        now: now_ms,
        execution: execution.clone(),
        events,
        rejected: None,
        passed_on: None,
        report_again: None,
        base: None,
    };
    let json = HistoryRecord::Transition(transition).to_json().into();
    Step {
        partition: 0,
        offset,
        now_ms,
        execution,
        json,
        closes,
    }
}

/// Names of the spans that ended with each item.
fn told(work: &mut Work, items: Vec<Item>) -> Vec<Vec<String>> {
    let names = |ended: Vec<SpanData>| ended.iter().map(|span| span.name.to_string()).collect();
    items
        .into_iter()
        .map(|item| names(work.take(item, NOW_MS)))
        .collect()
}

fn steps_only(steps: Vec<Step>) -> Vec<Item> {
    steps.into_iter().map(Item::Step).collect()
}

#[test]
fn spans_end_with_the_record_that_ends_them_and_once() {
    let mut work = Work::new(Arc::new(Fixed(Vec::new())));
    let live = told(&mut work, steps_only(history(10)));
    assert_eq!(live, [vec![], vec!["S".to_owned()], vec!["m".to_owned()]]);
    assert!(work.trackers.is_empty(), "a closed execution is forgotten");
    let again = told(&mut work, steps_only(history(10)));
    assert_eq!(
        again,
        vec![Vec::<String>::new(); 3],
        "folded again in the same process"
    );
}

#[test]
fn what_a_killed_owner_may_not_have_told_is_told_again_by_the_next() {
    let mut work = Work::new(Arc::new(Fixed(Vec::new())));
    let hour = 3_600_000;
    let mut items = steps_only(history(hour));
    items.push(Item::Claim {
        partition: 0,
        now_ms: NOW_MS,
    });
    let told = told(&mut work, items);
    assert_eq!(told[..3], vec![Vec::<String>::new(); 3]);
    assert_eq!(told[3], ["S", "m"]);
}

#[test]
fn what_was_told_long_before_the_end_of_the_log_is_not_told_again() {
    let mut work = Work::new(Arc::new(Fixed(Vec::new())));
    let mut items = steps_only(history(3_600_000));
    let late = step(
        vec![event(1, EventKind::ExecutionSucceeded)],
        3,
        NOW_MS - 1_800_000,
    );
    items.push(Item::Step(late));
    told(&mut work, items);
    assert_eq!(work.partitions[&0].again.len(), 1);
}

#[test]
fn an_execution_not_seen_from_its_start_is_read_from_the_views() {
    let steps = history(10);
    let records = steps.iter().map(|step| step.json.clone()).collect();
    let mut work = Work::new(Arc::new(Fixed(records)));
    let last = steps_only(steps).pop();
    let ended = work.take(last.expect("three steps"), NOW_MS);
    assert_eq!(ended.len(), 1, "only what ends with this record");
    assert_eq!(ended[0].name, "m");
    let (whole, mut tracker) = (history(10), Vec::new());
    let mut live = Work::new(Arc::new(Fixed(Vec::new())));
    for step in whole {
        tracker.extend(live.take(Item::Step(step), NOW_MS));
    }
    assert_eq!(
        tracker.last(),
        ended.first(),
        "the very same span as if it had been seen whole"
    );
}
