//! Wait: waits for a number of seconds or until a time.

use super::Draft;
use crate::fields::Role;
use crate::limits;
use crate::program::{Language, StateKind, WaitFor};
use crate::timestamp::timestamp_ms;

pub(super) const FIELDS: &[&str] = &["Seconds", "Timestamp"];
pub(super) const PATHS: &[&str] = &["SecondsPath", "TimestampPath"];
const ALL: &[&str] = &["Seconds", "SecondsPath", "Timestamp", "TimestampPath"];

pub(super) fn parse(draft: &mut Draft<'_, '_, '_>) -> Option<StateKind> {
    let fields = draft.fields;
    let findings = &mut draft.compiler.findings;
    fields.at_most_one(ALL, findings);
    if !ALL.iter().any(|name| fields.has(name)) {
        findings.invalid(
            fields.place,
            format!("One of these fields is required: [{}]", ALL.join(", ")),
        );
        return None;
    }
    let is_jsonata = draft.language == Language::Jsonata;
    let wait = if is_jsonata && fields.is_expression("Timestamp") {
        WaitFor::TimestampExpression(fields.expression("Timestamp", Role::default(), findings)?)
    } else if fields.has("Timestamp") {
        let time_ms = timestamp_ms(fields.text("Timestamp", findings)?);
        if time_ms.is_none() {
            findings.invalid(
                &fields.place.field("Timestamp"),
                "String does not match RFC3339 timestamp".to_owned(),
            );
        }
        WaitFor::Timestamp(time_ms?)
    } else if fields.has("TimestampPath") {
        WaitFor::TimestampPath(fields.path("TimestampPath", findings)?)
    } else {
        WaitFor::Seconds(draft.number("Seconds", "SecondsPath", 0..=limits::SECONDS_MAX)?)
    };
    Some(StateKind::Wait(wait))
}
