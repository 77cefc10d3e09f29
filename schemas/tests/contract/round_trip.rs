//! Whatever a type holds, the record says; whatever bytes a record holds, reading it ends in a value or an error.

use baton_schemas::history::{
    Cause, Event, EventKind, Failure, HistoryRecord, Resource, StateType, Transition,
};
use baton_schemas::node::NodeAnnouncement;
use baton_schemas::parent::{MapItem, Parent, ReportForm};
use baton_schemas::record::Outgoing;
use baton_schemas::record_kinds::RECORD_KINDS;
use baton_schemas::registry::{
    ActivityEntry, AliasEntry, AttributeType, JobAction, JobEntry, JobProgress, JobStatus,
    RegistryBody, RegistryEntry, Route, SavedViewEntry, SearchAttribute, StateMachineEntry, Tag,
    TagsEntry, VersionEntry,
};
use baton_schemas::request::{ExecutionClosed, ReplyTo, StartRequest, StopRequest};
use baton_schemas::{
    Command, Completion, Control, DeadLetter, Outcome, Payload, Record, Request, TaskToken,
};
use baton_schemas::{arn, cloudevents as ce, execution_closed::STATUSES};
use bytes::Bytes;
use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;
use serde_json::json;
use std::sync::Arc;

fn text() -> impl Strategy<Value = Arc<str>> {
    "[a-zA-Zé😀 \"\\\\/:._-]{1,12}".prop_map(Arc::from)
}

fn name() -> impl Strategy<Value = Arc<str>> {
    "[a-zA-Z0-9é._-]{1,20}".prop_map(Arc::from)
}

fn payload() -> impl Strategy<Value = Payload> {
    prop_oneof![
        Just(json!(null)),
        any::<i64>().prop_map(|n| json!(n)),
        text().prop_map(|t| json!(*t)),
        (text(), text()).prop_map(|(a, b)| json!({ "z": [*a, { "": *b }], "a": 1.5 })),
    ]
    .prop_map(|value| Payload::from_value(&value))
}

fn failure() -> impl Strategy<Value = Failure> {
    (option::of(text()), option::of(text())).prop_map(|(error, cause)| Failure { error, cause })
}

fn traceparent() -> impl Strategy<Value = Option<Arc<str>>> {
    option::of("00-[0-9a-f]{32}-[0-9a-f]{16}-01".prop_map(Arc::from))
}

fn time_ms() -> impl Strategy<Value = i64> {
    0..253_402_300_799_999_i64
}

fn execution() -> impl Strategy<Value = Arc<str>> {
    (name(), name()).prop_map(|(machine, name)| {
        arn::execution_arn(
            &arn::state_machine_arn("us-east-1", "000000000000", &machine),
            &name,
        )
        .expect("an ARN")
    })
}

fn token() -> impl Strategy<Value = TaskToken> {
    (execution(), any::<u64>()).prop_map(|(execution, id)| TaskToken::new(&execution, id))
}

fn command() -> impl Strategy<Value = Command> {
    let times = (time_ms(), option::of(time_ms()), option::of(any::<u64>()));
    let reply = (text(), 0..i32::MAX, traceparent());
    (
        token(),
        execution(),
        (text(), option::of(text())),
        any::<u32>(),
        times,
        reply,
        payload(),
    )
        .prop_map(
            |(
                token,
                execution,
                (state, resource),
                attempt,
                (time_ms, deadline_ms, heartbeat_s),
                reply,
                input,
            )| Command {
                token,
                execution,
                state,
                attempt,
                time_ms,
                deadline_ms,
                heartbeat_s,
                resource,
                reply_topic: reply.0,
                reply_partition: reply.1,
                traceparent: reply.2,
                input,
            },
        )
}

fn completion() -> impl Strategy<Value = Completion> {
    let outcome = prop_oneof![
        payload().prop_map(Outcome::Succeeded),
        failure().prop_map(Outcome::Failed),
        option::of(payload()).prop_map(Outcome::Heartbeat),
        option::of(name()).prop_map(|worker| Outcome::Started { worker }),
        payload().prop_map(Outcome::Submitted),
    ];
    (token(), outcome, traceparent()).prop_map(|(token, outcome, traceparent)| Completion {
        token,
        outcome,
        traceparent,
    })
}

fn reply_to() -> impl Strategy<Value = ReplyTo> {
    (name(), 0..i32::MAX).prop_map(|(topic, partition)| ReplyTo { topic, partition })
}

fn parent() -> impl Strategy<Value = Parent> {
    let item = (name(), name(), any::<u64>(), any::<u64>(), any::<bool>()).prop_map(
        |(run, state, index, revision, express)| {
            Box::new(MapItem {
                run,
                state,
                index,
                revision,
                express,
            })
        },
    );
    (name(), 0..i32::MAX, option::of(item)).prop_map(|(token, partition, item)| Parent {
        token,
        partition,
        report: if item.is_some() {
            ReportForm::Item
        } else {
            ReportForm::Sync2
        },
        item,
    })
}

fn request() -> impl Strategy<Value = Request> {
    prop_oneof![
        (
            name(),
            name(),
            payload(),
            option::of(reply_to()),
            traceparent(),
            option::of(parent())
        )
            .prop_map(|(machine, name, input, reply_to, traceparent, parent)| {
                let machine = arn::state_machine_arn("us-east-1", "000000000000", &machine);
                let execution = arn::execution_arn(&machine, &name).expect("an ARN");
                Request::Start(StartRequest {
                    execution,
                    machine,
                    name,
                    input,
                    reply_to,
                    traceparent,
                    parent: parent.map(Box::new),
                })
            }),
        (execution(), failure())
            .prop_map(|(execution, failure)| Request::Stop(StopRequest { execution, failure })),
    ]
}

fn execution_closed() -> impl Strategy<Value = ExecutionClosed> {
    (
        execution(),
        0..STATUSES.len(),
        payload(),
        failure(),
        traceparent(),
    )
        .prop_map(
            |(execution, status, output, failure, traceparent)| ExecutionClosed {
                execution,
                status: STATUSES[status],
                output: (status == 0).then_some(output),
                failure: if status == 0 {
                    Failure::default()
                } else {
                    failure
                },
                traceparent,
            },
        )
}

fn events() -> impl Strategy<Value = Vec<Event>> {
    let kind = prop_oneof![
        Just(EventKind::ExecutionSucceeded),
        failure().prop_map(EventKind::ExecutionFailed),
        text().prop_map(|name| EventKind::StateEntered {
            state: StateType::Task,
            name
        }),
        (text(), failure()).prop_map(|(t, f)| EventKind::TaskFailed(
            Resource {
                kind: t.clone(),
                name: t
            },
            f
        )),
    ];
    let one = (
        any::<(u64, u64, u32)>(),
        kind,
        option::of(payload()),
        any::<bool>(),
    );
    vec(one, 0..6).prop_map(|list| {
        let mut events: Vec<Event> = Vec::new();
        for ((id, prev, frame), kind, data, repeat) in list {
            // A repeat is the same text in memory, as where a state passes its input on.
            let before = events.iter().rev().find_map(|event| event.data.clone());
            events.push(Event {
                id,
                prev,
                frame,
                kind,
                data: if repeat { before } else { data },
            });
        }
        events
    })
}

fn bytes() -> impl Strategy<Value = Bytes> {
    prop_oneof![
        vec(any::<u8>(), 0..40),
        "[\\[\\]{}\":,a-z0-9 ]{0,40}".prop_map(String::into_bytes)
    ]
    .prop_map(Bytes::from)
}

/// A record with the headers that readers look for and any bytes in them.
fn any_record() -> impl Strategy<Value = Record> {
    let names: Vec<&'static str> = RECORD_KINDS
        .iter()
        .flat_map(|kind| kind.headers)
        .map(|header| header.name)
        .collect();
    let kinds = ce::TYPES
        .map(|kind| Bytes::from_static(kind.as_bytes()))
        .to_vec();
    let header = (prop::sample::select(names), bytes());
    let kind = option::of(prop::sample::select(kinds));
    let structured = any::<bool>();
    (
        option::of(bytes()),
        vec(header, 0..12),
        kind,
        structured,
        option::of(bytes()),
    )
        .prop_map(|(key, headers, kind, structured, value)| {
            let mut headers: Vec<_> = headers
                .into_iter()
                .map(|(name, value)| (name.into(), value))
                .collect();
            headers.extend(kind.map(|kind| (ce::TYPE.into(), kind)));
            if structured {
                headers.push((
                    ce::CONTENT_TYPE.into(),
                    Bytes::from_static(ce::STRUCTURED_JSON),
                ));
            }
            Record {
                key,
                headers,
                value,
            }
        })
}

proptest! {
    #[test]
    fn commands(command in command()) {
        prop_assert_eq!(Command::from_view(&command.to_record()), Ok(command));
    }

    #[test]
    fn completions(completion in completion()) {
        prop_assert_eq!(Completion::from_view(&completion.to_record()), Ok(completion));
    }

    #[test]
    fn requests(request in request()) {
        prop_assert_eq!(Request::from_view(&request.to_record()), Ok(request));
    }

    #[test]
    fn results(closed in execution_closed()) {
        prop_assert_eq!(ExecutionClosed::from_view(&closed.to_record()), Ok(closed));
    }

    #[test]
    fn controls(token in token()) {
        let control = Control::Cancelled(token);
        prop_assert_eq!(Control::from_view(&control.to_record()), Ok(control));
    }

    #[test]
    fn dead_letters(completion in completion(), topic in text(), partition in 0..i32::MAX, offset: i64, reason in text()) {
        let dead = DeadLetter { original: completion.to_record(), topic, partition, offset, reason };
        let read = DeadLetter::from_view(&dead.to_record()).expect("a dead letter");
        prop_assert_eq!(Completion::from_view(&read.original), Ok(completion), "it can be sent again as it is");
        prop_assert_eq!(&read, &dead);
        // One that comes back and fails again has the newer reason only.
        let again = DeadLetter { original: dead.to_record(), reason: "again".into(), ..dead };
        let read = DeadLetter::from_view(&again.to_record()).expect("a dead letter");
        prop_assert_eq!(&*read.reason, "again");
    }

    #[test]
    fn announcements(partition in 0..4096, epoch: i64, url in text(), node in text(), time_ms in time_ms()) {
        let node = NodeAnnouncement { partition, epoch, url, node, time_ms };
        let record = node.to_record();
        prop_assert_eq!(&record.key, &Some(Bytes::from(partition.to_string())));
        prop_assert_eq!(NodeAnnouncement::from_view(&record), Ok(node));
    }

    #[test]
    fn registry_entries(arn in text(), based_on: Option<i64>, attempt in text(), time_ms in time_ms(), form in 0..9) {
        let body = match form {
            0 => RegistryBody::Deleted,
            1 => RegistryBody::Cluster { partitions: 4 },
            2 => RegistryBody::Version(VersionEntry {
                machine: arn.clone(),
                of: time_ms,
                number: 3,
                revision: 7,
                description: attempt.clone(),
                created_ms: time_ms,
            }),
            3 => RegistryBody::Alias(AliasEntry {
                machine: arn.clone(),
                of: time_ms,
                name: attempt.clone(),
                description: attempt.clone(),
                routes: vec![Route { version: 3, weight: 100 }],
                created_ms: time_ms,
                updated_ms: time_ms,
            }),
            8 => RegistryBody::Job(JobEntry {
                id: arn.clone(),
                action: JobAction::StartAgain,
                filter: attempt.clone(),
                error: None,
                cause: based_on.map(|_| arn.clone()),
                per_second: 7,
                created_ms: time_ms,
                status: JobStatus::Running,
                reason: None,
                progress: JobProgress {
                    after: based_on.map(|ms| (ms, arn.clone())),
                    failures: vec![(arn.clone(), arn.clone())],
                    ..JobProgress::default()
                },
                updated_ms: time_ms,
            }),
            7 => RegistryBody::SavedView(SavedViewEntry {
                name: arn.clone(),
                filter: attempt.clone(),
                description: arn.clone(),
                created_ms: time_ms,
                updated_ms: time_ms,
            }),
            4 => RegistryBody::Activity(ActivityEntry { name: arn.clone(), created_ms: time_ms, settings: json!({}) }),
            5 => RegistryBody::Tags(TagsEntry { of: time_ms, tags: vec![Tag { key: arn.clone(), value: attempt.clone() }] }),
            _ => RegistryBody::StateMachine(StateMachineEntry {
                name: arn.clone(),
                definition: attempt.clone(),
                role_arn: arn.clone(),
                kind: "STANDARD".into(),
                created_ms: time_ms,
                settings: json!({ "tags": { *arn: null } }),
                search_attributes: [(arn.clone(), SearchAttribute { kind: AttributeType::Time, value: attempt.clone() })].into(),
            }),
        };
        let entry = RegistryEntry { v: 1, arn, based_on, attempt, time_ms, body };
        prop_assert_eq!(RegistryEntry::from_view(&entry.to_record()), Ok(entry));
    }

    #[test]
    fn transitions(events in events(), execution in execution(), seq: u64, offset: i64, now: i64, to in option::of(reply_to())) {
        let record = HistoryRecord::Transition(Transition {
            epoch: offset,
            seq,
            cause: Cause::Completions(offset),
            now,
            execution,
            events,
            rejected: None,
            passed_on: None,
            report_again: to,
            base: None,
        });
        prop_assert_eq!(HistoryRecord::from_json(&record.to_json()).expect("history"), record);
    }

    #[test]
    fn anything_is_read_without_a_panic(record in any_record()) {
        let _ = Command::from_view(&record);
        let _ = Completion::from_view(&record).map(|completion| completion.token.parts());
        let _ = Request::from_view(&record);
        let _ = ExecutionClosed::from_view(&record);
        let _ = Control::from_view(&record);
        let _ = DeadLetter::from_view(&record);
        let _ = NodeAnnouncement::from_view(&record);
        let _ = RegistryEntry::from_view(&record);
        let _ = HistoryRecord::from_json(record.value.as_deref().unwrap_or_default());
    }
}

#[test]
fn a_repeated_payload_is_written_once() {
    let data = Payload::from_text("{\"large\":\"payload\"}").expect("JSON");
    let event = |id, data| Event {
        id,
        prev: 0,
        frame: 0,
        kind: EventKind::ExecutionSucceeded,
        data,
    };
    let record = HistoryRecord::Transition(Transition {
        epoch: 1,
        seq: 1,
        cause: Cause::Timer,
        now: 0,
        execution: "e".into(),
        events: vec![
            event(1, Some(data.clone())),
            event(2, None),
            event(3, Some(data.clone())),
            event(4, Some(data)),
        ],
        rejected: None,
        passed_on: None,
        report_again: None,
        base: None,
    });
    let text = String::from_utf8(record.to_json()).expect("UTF-8");
    assert_eq!(
        (
            text.matches("large").count(),
            text.matches("\"same\":true").count()
        ),
        (1, 2),
        "{text}"
    );
    let HistoryRecord::Transition(read) =
        HistoryRecord::from_json(text.as_bytes()).expect("history")
    else {
        panic!("{text}")
    };
    assert!(
        read.events[0]
            .data
            .as_ref()
            .zip(read.events[3].data.as_ref())
            .is_some_and(|(a, b)| a.is_same(b))
    );
}
