//! CloudEvents structured mode: the whole event as JSON in the record's value.
//!
//! Owns: turning such a record into the binary form that everything else here reads. Attributes become headers (`id` is
//! `ce_id`, `batontoken` is `ce_batontoken`), `data` becomes the value. Source: CloudEvents 1.0.2, JSON event format and
//! Kafka protocol binding, section 3.3; `traceparent` as in the distributed tracing extension.

use crate::Record;
use crate::cloudevents as ce;
use crate::record::{RecordView, WireError};
use base64::{Engine, engine::general_purpose::STANDARD};
use bytes::Bytes;
use serde_json::{Value, value::RawValue};
use std::borrow::Cow;
use std::collections::BTreeMap;

/// Most attributes of an event that are looked at.
const ATTRIBUTES_MAX: usize = 64;

/// Whether a record with this `content-type` holds a structured event.
pub(crate) fn is_structured(content_type: Option<&[u8]>) -> bool {
    const MEDIA_TYPE: &[u8] = ce::STRUCTURED_JSON;
    let Some(found) = content_type.filter(|found| found.len() >= MEDIA_TYPE.len()) else {
        return false;
    };
    let (start, rest) = found.split_at(MEDIA_TYPE.len());
    start.eq_ignore_ascii_case(MEDIA_TYPE) && matches!(rest.first(), None | Some(b';' | b' '))
}

/// The same record in binary mode. Headers other than `content-type` are kept, attributes come after them.
///
/// # Errors
/// [`WireError::BadValue`] when the value is not a JSON event.
pub(crate) fn to_binary(view: &impl RecordView) -> Result<Record, WireError> {
    let bytes = view.value().ok_or_else(|| bad("the record has no value"))?;
    let envelope: BTreeMap<String, &RawValue> =
        serde_json::from_slice(bytes).map_err(|e| bad(&format!("not a JSON object: {e}")))?;
    if envelope.len() > ATTRIBUTES_MAX {
        return Err(bad(&format!(
            "{} attributes; at most {ATTRIBUTES_MAX} are allowed",
            envelope.len()
        )));
    }
    let mut record = Record {
        key: view.key().map(Bytes::copy_from_slice),
        ..Record::default()
    };
    view.for_each_header(&mut |name, value| {
        if name != ce::CONTENT_TYPE {
            record
                .headers
                .push((name.to_owned().into(), Bytes::copy_from_slice(value)));
        }
    });
    for (name, raw) in envelope {
        match name.as_str() {
            "data" => record.value = Some(Bytes::copy_from_slice(raw.get().as_bytes())),
            "data_base64" => record.value = Some(from_base64(raw)?),
            _ => {
                if let Some(text) = attribute(&name, raw)? {
                    record.headers.push((header_name(&name), text.into()));
                }
            }
        }
    }
    Ok(record)
}

fn header_name(attribute: &str) -> Cow<'static, str> {
    match attribute {
        "datacontenttype" => ce::CONTENT_TYPE.into(),
        "traceparent" => ce::TRACEPARENT.into(),
        other => format!("ce_{other}").into(),
    }
}

/// An attribute's value as text; `null` is as good as absent.
fn attribute(name: &str, raw: &RawValue) -> Result<Option<String>, WireError> {
    match serde_json::from_str(raw.get()) {
        Ok(Value::String(text)) => Ok(Some(text)),
        Ok(Value::Number(number)) => Ok(Some(number.to_string())),
        Ok(Value::Bool(flag)) => Ok(Some(flag.to_string())),
        Ok(Value::Null) => Ok(None),
        _ => Err(bad(&format!(
            "attribute `{name}` must be a string, a number or a boolean"
        ))),
    }
}

fn from_base64(raw: &RawValue) -> Result<Bytes, WireError> {
    let text: String =
        serde_json::from_str(raw.get()).map_err(|_| bad("`data_base64` must be a string"))?;
    STANDARD
        .decode(text)
        .map(Bytes::from)
        .map_err(|e| bad(&format!("`data_base64` is not base64: {e}")))
}

fn bad(what: &str) -> WireError {
    WireError::BadValue(format!(
        "not a CloudEvent in structured mode, as `content-type` says: {what}"
    ))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Completion, Outcome, Payload, Request, TaskToken};
    use proptest::prelude::*;

    fn structured(key: &str, value: &str) -> Record {
        Record {
            key: Some(Bytes::copy_from_slice(key.as_bytes())),
            headers: vec![(
                ce::CONTENT_TYPE.into(),
                Bytes::from_static(b"application/cloudevents+json; charset=utf-8"),
            )],
            value: Some(Bytes::copy_from_slice(value.as_bytes())),
        }
    }

    #[test]
    fn only_the_json_event_format_counts() {
        assert!(is_structured(Some(b"application/cloudevents+json")));
        assert!(is_structured(Some(
            b"Application/CloudEvents+JSON;charset=utf-8"
        )));
        assert!(!is_structured(Some(b"application/cloudevents+jsonx")));
        assert!(!is_structured(Some(b"application/json")));
        assert!(!is_structured(None));
    }

    #[test]
    fn a_completion_is_read() {
        let completion = Completion::from_view(&structured(
            "t",
            r#"{"specversion":"1.0","id":"1","source":"w","type":"baton.task.succeeded.v1","batontoken":"abc","traceparent":"00-1",
               "data":{"b":1, "a":2}}"#,
        ));
        assert_eq!(
            completion,
            Ok(Completion {
                token: TaskToken::from_opaque("abc"),
                outcome: Outcome::Succeeded(Payload::from_text(r#"{"b":1, "a":2}"#).expect("JSON")),
                traceparent: Some("00-1".into()),
            })
        );
    }

    #[test]
    fn a_request_is_read() {
        let arn = "arn:aws:states:us-east-1:000000000000:execution:m:e";
        let request = Request::from_view(&structured(
            arn,
            r#"{"type":"baton.execution.start.v1","subject":"e","batonreplytopic":"t","batonreplypartition":3,
               "batonstatemachine":"arn:aws:states:us-east-1:000000000000:stateMachine:m","data_base64":"WzFd"}"#,
        ));
        let Ok(Request::Start(start)) = request else {
            panic!("{request:?}")
        };
        assert_eq!(start.input.as_str(), "[1]");
        assert_eq!(start.reply_to.map(|to| to.partition), Some(3));
    }

    #[test]
    fn what_is_not_an_event_is_refused() {
        for (value, why) in [
            ("[]", "not a JSON object"),
            (r#"{"type":{}}"#, "attribute `type`"),
            (r#"{"data_base64":"*"}"#, "not base64"),
            (r#"{"data_base64":1}"#, "must be a string"),
            (r#"{"id":"1"}"#, "`ce_type` is missing"),
        ] {
            let error = Completion::from_view(&structured("t", value))
                .expect_err(value)
                .to_string();
            assert!(error.contains(why), "{error}");
        }
        let none = Record {
            value: None,
            ..structured("t", "")
        };
        assert!(Completion::from_view(&none).is_err());
    }

    proptest! {
        #[test]
        fn an_envelope_within_an_envelope_is_data(depth in 1_usize..200) {
            let open = r#"{"type":"baton.task.succeeded.v1","datacontenttype":"application/cloudevents+json","data":"#;
            let text = format!("{}1{}", open.repeat(depth), "}".repeat(depth));
            prop_assert_eq!(Completion::from_view(&structured("t", &text)).is_ok(), depth <= crate::payload::DEPTH_MAX + 1);
        }
    }
}
