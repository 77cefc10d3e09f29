//! The AsyncAPI 3.0 document of the wire contract, generated from [`crate::record_kinds`].
//!
//! Owns: the content of `asyncapi/baton.json`. It is written as the orchestrator sees itself: `send` is what it produces.
//! Headers and values are described by the JSON Schemas beside it. Source: AsyncAPI 3.0.0, Kafka bindings 0.5.0.

use crate::json_schema::{headers_file, value_file};
use crate::record_kinds::{Party, RECORD_KINDS, RecordKind};
use crate::topics::PREFIX_DEFAULT;
use serde_json::{Map, Value, json};

/// The document.
#[must_use]
pub fn document() -> Value {
    let messages: Map<String, Value> = RECORD_KINDS
        .iter()
        .map(|kind| (kind.name.to_owned(), message(kind)))
        .collect();
    let (mut channels, mut operations) = (Map::new(), Map::new());
    for topic in topics() {
        let kinds: Vec<&RecordKind> = RECORD_KINDS
            .iter()
            .filter(|kind| kind.topic == topic)
            .collect();
        let id = channel_id(topic);
        let sent = |kind: &&RecordKind| matches!(kind.from, Party::Orchestrator | Party::Anyone);
        let read = |kind: &&RecordKind| kind.read;
        let actions: [(&str, Vec<&RecordKind>); 2] = [
            ("send", kinds.iter().copied().filter(sent).collect()),
            ("receive", kinds.iter().copied().filter(read).collect()),
        ];
        for (action, concerned) in actions
            .into_iter()
            .filter(|(_, concerned)| !concerned.is_empty())
        {
            operations.insert(format!("{action}-{id}"), operation(action, &id, &concerned));
        }
        channels.insert(id, channel(topic, &kinds));
    }
    json!({
        "asyncapi": "3.0.0",
        "info": {
            "title": "Baton",
            "version": "1",
            "description": "Records between Baton's orchestrator and its workers. Topics are shown with the default prefix \
                `baton.`. See docs/wire-contract.md.",
            "license": { "name": "Apache-2.0" },
        },
        "defaultContentType": "application/json",
        "channels": channels,
        "operations": operations,
        "components": { "messages": messages },
    })
}

/// Topics behind the prefix, each once, in the order of the kinds.
fn topics() -> Vec<&'static str> {
    let mut topics: Vec<&str> = Vec::new();
    for kind in &RECORD_KINDS {
        if !topics.contains(&kind.topic) {
            topics.push(kind.topic);
        }
    }
    topics
}

fn channel_id(topic: &str) -> String {
    match topic.split_once(['.', '{']) {
        Some(("", _)) => "replies".to_owned(),
        Some((head, _)) => head.to_owned(),
        None => topic.to_owned(),
    }
}

fn channel(topic: &str, kinds: &[&RecordKind]) -> Value {
    let refs: Map<String, Value> = kinds
        .iter()
        .map(|kind| {
            (
                kind.name.to_owned(),
                json!({ "$ref": format!("#/components/messages/{}", kind.name) }),
            )
        })
        .collect();
    let mut channel = json!({ "address": format!("{PREFIX_DEFAULT}{topic}"), "messages": refs });
    for (parameter, description) in [
        (
            "queue",
            "Task queue; what Kafka does not allow in a topic name is written `_x` and two hexadecimal digits a byte.",
        ),
        ("bus", "Event bus, written like a task queue."),
    ] {
        if topic.contains(&format!("{{{parameter}}}")) {
            channel["parameters"] = json!({ parameter: { "description": description } });
        }
    }
    if topic.starts_with('{') {
        channel["address"] = Value::Null;
        channel["description"] = "The topic that the start named in `ce_batonreplytopic`.".into();
    }
    channel
}

fn operation(action: &str, channel: &str, kinds: &[&RecordKind]) -> Value {
    let messages: Vec<Value> = kinds
        .iter()
        .map(|kind| json!({ "$ref": format!("#/channels/{channel}/messages/{}", kind.name) }))
        .collect();
    json!({ "action": action, "channel": { "$ref": format!("#/channels/{channel}") }, "messages": messages })
}

fn message(kind: &RecordKind) -> Value {
    let mut message = json!({
        "name": kind.ce_type().unwrap_or(kind.name),
        "title": kind.name,
        "summary": kind.summary,
        "payload": { "$ref": format!("../json/{}", value_file(kind)) },
        "bindings": {
            "kafka": { "key": { "type": "string", "description": kind.key }, "bindingVersion": "0.5.0" },
        },
    });
    if !kind.headers.is_empty() {
        message["headers"] = json!({ "$ref": format!("../json/{}", headers_file(kind)) });
    }
    message
}
