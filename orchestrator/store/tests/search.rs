//! Executions are found by their error and by search attributes, at every moment: while they wait to be written, when
//! they are on disk, and after the store was opened again.

use baton_engine::registry::{Folded, Registry};
use baton_engine::search::{Condition, Field, Op};
use baton_engine::views::{
    Applied, Change, ClosedAs, ListQuery, Opened, Redrives, ViewWriter, Views,
};
use baton_machine::Status;
use baton_schemas::Payload;
use baton_schemas::history::{
    Assigned, Cause, Event, EventKind, Failure, HistoryRecord, Positions, Redriven, Started,
    StateType, Transition,
};
use baton_store::{Settings, Store};
use bytes::Bytes;
use std::path::Path;
use std::sync::Arc;

const MACHINE: &str = "arn:aws:states:us-east-1:000000000000:stateMachine:m";

/// A registry with one machine that declares an attribute of each kind of place.
fn registry() -> Arc<Registry> {
    let entry = r#"{"v":1,"arn":"arn:aws:states:us-east-1:000000000000:stateMachine:m","based_on":null,"attempt":"a","time_ms":0,
        "body":{"state_machine":{"name":"m","definition":"{\"StartAt\":\"A\",\"States\":{\"A\":{\"Type\":\"Succeed\"}}}",
        "role_arn":"r","kind":"STANDARD","created_ms":0,"search_attributes":{
            "customer":{"type":"string","value":"$.customer"},
            "total":{"type":"number","value":"{% $order.total %}"}}}}}"#;
    let registry = Registry::default();
    assert_eq!(registry.fold(0, entry.as_bytes()), Folded::Accepted);
    Arc::new(registry)
}

struct Kept {
    store: Arc<Store>,
    writer: Box<dyn ViewWriter>,
    offset: i64,
}

impl Kept {
    fn open(dir: &Path, offset: i64) -> Self {
        let settings = Settings {
            retention_ms: i64::MAX / 2,
            clock: Arc::new(|| 0),
            declarations: Some(registry()),
        };
        let (store, writer) = Store::open(dir, settings).expect("the store opens");
        Self {
            store,
            writer,
            offset,
        }
    }

    fn apply(&mut self, change: Change) {
        self.offset += 1;
        self.writer.apply(vec![Applied {
            partition: 0,
            offset: self.offset,
            epoch: 0,
            seq: self.offset as u64,
            positions: Positions::default(),
            mark: 0,
            base: None,
            now_ms: 0,
            since_base: 0,
            change,
        }]);
    }

    fn start(&mut self, name: &str, start_ms: i64, customer: &str) {
        let started = Started {
            machine: MACHINE.into(),
            revision: 0,
            role_arn: "r".into(),
            traceparent: None,
            reply_to: None,
            qualifier: None,
            express: None,
            parent: None,
        };
        let input = format!(r#"{{"customer":"{customer}"}}"#);
        let event = event(EventKind::ExecutionStarted(Box::new(started)), Some(&input));
        self.step(name, start_ms, vec![event], true, None);
    }

    fn assign(&mut self, name: &str, start_ms: i64, total: u64) {
        let value = Payload::from_text(&format!(r#"{{"total":{total}}}"#)).expect("JSON");
        let assigned: Assigned = [("order".into(), value)].into();
        let kind = EventKind::StateExited {
            state: StateType::Pass,
            name: "A".into(),
            assigned: Some(Box::new(assigned)),
        };
        self.step(name, start_ms, vec![event(kind, Some("{}"))], false, None);
    }

    fn fail(&mut self, name: &str, start_ms: i64, error: &str) {
        let failure = Failure {
            error: Some(error.into()),
            cause: None,
        };
        let failed = event(EventKind::ExecutionFailed(failure), None);
        self.step(name, start_ms, vec![failed], false, Some(Status::Failed));
    }

    fn step(
        &mut self,
        name: &str,
        start_ms: i64,
        events: Vec<Event>,
        opens: bool,
        closes: Option<Status>,
    ) {
        let json = json(&arn(name), events);
        self.apply(Change::Step {
            execution: arn(name),
            start_ms,
            json,
            opened: opens.then(opened),
            closed: closes.map(|status| ClosedAs {
                status,
                stop_ms: start_ms + 1,
            }),
        });
    }

    /// Names of the executions that meet the condition, newest first.
    fn found(&self, field: &str, op: Op, value: &str) -> Vec<String> {
        let field = match field {
            "error" => Field::Error,
            name => Field::Attribute(name.into()),
        };
        let condition = Condition {
            field,
            op,
            value: value.into(),
        };
        let page = self.store.list(&ListQuery {
            limit: 100,
            conditions: vec![condition],
            ..ListQuery::default()
        });
        let name = |arn: &str| arn.rsplit(':').next().unwrap_or_default().to_owned();
        page.executions
            .iter()
            .map(|found| name(&found.execution))
            .collect()
    }
}

fn opened() -> Opened {
    Opened {
        machine: MACHINE.into(),
        revision: 0,
        start_hash: 1,
    }
}

fn arn(name: &str) -> Arc<str> {
    format!("arn:aws:states:us-east-1:000000000000:execution:m:{name}").into()
}

fn event(kind: EventKind, data: Option<&str>) -> Event {
    Event {
        id: 1,
        prev: 0,
        frame: 0,
        kind,
        data: data.map(|text| Payload::from_text(text).expect("JSON")),
    }
}

fn json(execution: &Arc<str>, events: Vec<Event>) -> Bytes {
    let record = HistoryRecord::Transition(Transition {
        epoch: 0,
        seq: 1,
        cause: Cause::Timer,
        now: 0,
        execution: execution.clone(),
        events,
        rejected: None,
        passed_on: None,
        report_again: None,
        base: None,
    });
    Bytes::from(record.to_json())
}

#[test]
fn attributes_of_the_input_and_of_variables_are_found_and_follow_changes() {
    let dir = tempfile::tempdir().expect("a folder");
    let mut views = Kept::open(dir.path(), 0);
    views.start("a", 10, "c-1");
    views.start("b", 20, "c-1");
    views.start("c", 30, "c-2");
    assert_eq!(views.found("customer", Op::Equal, "c-1"), ["b", "a"]);
    assert_eq!(views.found("customer", Op::Unequal, "c-1"), ["c"]);
    views.assign("a", 10, 5);
    assert_eq!(views.found("total", Op::Equal, "5"), ["a"]);
    views.assign("a", 10, 6);
    views.assign("c", 30, 100);
    assert_eq!(views.found("total", Op::Equal, "5"), [""; 0]);
    assert_eq!(views.found("total", Op::GreaterOrEqual, "6"), ["c", "a"]);
    let summary = views.store.describe(&arn("a")).expect("it is there");
    assert_eq!(summary.findable.attributes.len(), 2);
    views.store.close();
    drop(views);
    let views = Kept::open(dir.path(), 5);
    assert_eq!(views.found("total", Op::Equal, "6"), ["a"]);
    assert_eq!(views.found("customer", Op::Prefix, "c-"), ["c", "b", "a"]);
}

#[test]
fn the_error_is_found_until_a_redrive() {
    let dir = tempfile::tempdir().expect("a folder");
    let mut views = Kept::open(dir.path(), 0);
    views.start("a", 10, "c-1");
    views.assign("a", 10, 5);
    views.fail("a", 10, "Card.Refused");
    let waiting = views.store.describe(&arn("a")).expect("it is there");
    assert_eq!(waiting.findable.error.as_deref(), Some("Card.Refused"));
    assert_eq!(views.found("error", Op::Prefix, "Card."), ["a"]);
    assert_eq!(views.found("error", Op::Equal, "Card"), [""; 0]);
    let redriven = event(
        EventKind::ExecutionRedriven(Box::new(Redriven {
            count: 1,
            token: None,
        })),
        None,
    );
    views.apply(Change::Reopened {
        execution: arn("a"),
        start_ms: 10,
        opened: opened(),
        redrives: Redrives {
            count: 1,
            last_ms: Some(50),
        },
        past: json(&arn("a"), Vec::new()),
        json: json(&arn("a"), vec![redriven]),
        closed: None,
    });
    assert_eq!(views.found("error", Op::Prefix, "Card."), [""; 0]);
    assert_eq!(views.found("total", Op::Equal, "5"), ["a"]);
    views.fail("a", 10, "Late");
    assert_eq!(views.found("error", Op::Equal, "Late"), ["a"]);
}

#[test]
fn an_execution_that_runs_long_keeps_its_place_in_the_list() {
    let dir = tempfile::tempdir().expect("a folder");
    let mut views = Kept::open(dir.path(), 0);
    for n in 0..5 {
        views.start(&format!("x{n}"), i64::from(n), "c-1");
    }
    views.store.flush().expect("it writes");
    views.assign("x0", 0, 1);
    let query = |after| ListQuery {
        limit: 2,
        after,
        conditions: vec![Condition {
            field: Field::Attribute("customer".into()),
            op: Op::Equal,
            value: "c-1".into(),
        }],
        ..ListQuery::default()
    };
    let (mut after, mut names) = (None, Vec::new());
    loop {
        let page = views.store.list(&query(after));
        names.extend(page.executions.iter().map(|found| found.start_ms));
        after = page.next;
        if after.is_none() {
            break;
        }
    }
    assert_eq!(names, [4, 3, 2, 1, 0]);
}
