//! What a record of a bound topic leads to. Pure: a record and its position in, a record to send out.

use super::Binding;
use baton_schemas::arn::{NAME_LENGTH_MAX, arn_hash, execution_arn};
use baton_schemas::request::StartRequest;
use baton_schemas::{DeadLetter, Payload, Record};
use std::sync::Arc;

/// Largest input of an execution, bytes (AWS: 262,144).
const INPUT_BYTES_MAX: usize = 262_144;
/// How much of a long topic's name stands in the names of executions.
const TOPIC_SHOWN: usize = 30;
/// W3C Trace Context: 55 characters, and room for later versions.
const TRACEPARENT_LENGTH_MAX: usize = 128;

/// Where a record is.
#[derive(Clone, Copy, Debug)]
pub struct Position {
    pub partition: i32,
    pub offset: i64,
}

/// What is sent for a record.
#[derive(Clone, Debug, PartialEq)]
pub enum Reaction {
    /// A start request.
    Start(Box<StartRequest>),
    /// The record can't start anything.
    DeadLetter(Box<DeadLetter>),
}

/// Every record leads to exactly one of the two.
pub fn react(binding: &Binding, at: Position, record: Record) -> Reaction {
    match start(binding, at, &record) {
        Ok(request) => Reaction::Start(Box::new(request)),
        Err(why) => Reaction::DeadLetter(Box::new(dead_letter(binding, at, record, &why))),
    }
}

/// The record as a dead letter of this binding.
pub fn dead_letter(binding: &Binding, at: Position, record: Record, why: &str) -> DeadLetter {
    DeadLetter {
        original: record,
        topic: binding.topic.clone(),
        partition: at.partition,
        offset: at.offset,
        reason: format!("binding {}: {why}", binding.name).into(),
    }
}

fn start(binding: &Binding, at: Position, record: &Record) -> Result<StartRequest, String> {
    let Some(value) = &record.value else {
        return Err("the record has no value, so there is no input".to_owned());
    };
    if value.len() > INPUT_BYTES_MAX {
        let length = value.len();
        return Err(format!(
            "the value has {length} bytes; an input has at most {INPUT_BYTES_MAX}: pass large data by reference"
        ));
    }
    let input = Payload::from_bytes(value).map_err(|e| format!("the value is not JSON: {e}"))?;
    let name = name(&binding.topic, at);
    let execution = execution_arn(&binding.machine, &name)
        .ok_or_else(|| format!("{} is no ARN of a state machine", binding.machine))?;
    Ok(StartRequest {
        execution,
        machine: binding.machine.clone(),
        name: name.into(),
        input,
        reply_to: None,
        traceparent: traceparent(record),
        parent: None,
    })
}

/// `TOPIC-PARTITION-OFFSET`, which is the record's alone; of a long topic the beginning and a hash.
fn name(topic: &str, at: Position) -> String {
    let Position { partition, offset } = at;
    let name = format!("{topic}-{partition}-{offset}");
    if name.len() <= NAME_LENGTH_MAX {
        return name;
    }
    let (shown, hash) = (
        &topic[..TOPIC_SHOWN.min(topic.len())],
        arn_hash(topic) as u64,
    );
    format!("{shown}_{hash:016x}-{partition}-{offset}")
}

fn traceparent(record: &Record) -> Option<Arc<str>> {
    let mut headers = record.headers.iter();
    let (_, value) = headers.find(|(name, _)| name == "traceparent")?;
    let text = std::str::from_utf8(value).ok()?;
    (text.len() <= TRACEPARENT_LENGTH_MAX).then(|| text.into())
}

#[cfg(test)]
mod tests {
    use super::super::Begin;
    use super::*;
    use baton_schemas::arn::name_problem;
    use bytes::Bytes;

    const AT: Position = Position {
        partition: 3,
        offset: 41,
    };

    fn binding() -> Binding {
        Binding {
            name: "b".into(),
            topic: "orders".into(),
            from: Begin::Beginning,
            machine: "arn:aws:states:us-east-1:000000000000:stateMachine:m".into(),
        }
    }

    fn record(value: Option<&[u8]>) -> Record {
        Record {
            key: Some(Bytes::from_static(b"k")),
            headers: vec![("traceparent".into(), Bytes::from_static(b"00-1-2-01"))],
            value: value.map(Bytes::copy_from_slice),
        }
    }

    #[test]
    fn json_starts_an_execution_named_after_its_position() {
        let Reaction::Start(start) = react(&binding(), AT, record(Some(b"{\"a\":  1}"))) else {
            panic!("no start");
        };
        assert_eq!(
            &*start.execution,
            "arn:aws:states:us-east-1:000000000000:execution:m:orders-3-41"
        );
        assert_eq!(start.input.as_str(), "{\"a\":  1}");
        assert_eq!(start.traceparent.as_deref(), Some("00-1-2-01"));
    }

    #[test]
    fn anything_else_is_a_dead_letter_with_the_reason() {
        let long = format!("\"{}\"", "x".repeat(INPUT_BYTES_MAX));
        for (value, why) in [
            (None, "no value"),
            (Some(&b"{\"a\":"[..]), "not JSON: EOF"),
            (Some(&b""[..]), "not JSON"),
            (Some(&b"\xff\xfe"[..]), "not JSON"),
            (Some(long.as_bytes()), "at most 262144"),
        ] {
            let Reaction::DeadLetter(letter) = react(&binding(), AT, record(value)) else {
                panic!("{why}: no dead letter");
            };
            assert!(
                letter.reason.starts_with("binding b: "),
                "{}",
                letter.reason
            );
            assert!(letter.reason.contains(why), "{}", letter.reason);
            assert_eq!(letter.original, record(value));
            assert_eq!(
                (&*letter.topic, letter.partition, letter.offset),
                ("orders", 3, 41)
            );
        }
    }

    #[test]
    fn every_topic_and_position_makes_a_name() {
        let last = Position {
            partition: i32::MAX,
            offset: i64::MAX,
        };
        let long = "t".repeat(249);
        for topic in ["a", "a.b_c-d", &long] {
            assert_eq!(name_problem(&name(topic, last)), None, "{topic}");
        }
        assert_ne!(name(&long, AT), name(&long[1..], AT));
    }
}
