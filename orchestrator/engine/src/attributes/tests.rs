//! Values that events give, and declarations that are refused.

use super::*;
use baton_schemas::Payload;
use baton_schemas::history::{Started, StateType};

fn declared(all: &[(&str, AttributeType, &str)]) -> BTreeMap<Arc<str>, SearchAttribute> {
    let entry = |(name, kind, value): &(&str, AttributeType, &str)| {
        let value = (*value).into();
        let kind = *kind;
        (Arc::from(*name), SearchAttribute { kind, value })
    };
    all.iter().map(entry).collect()
}

fn started(input: &str) -> Event {
    let started = Started {
        machine: "m".into(),
        revision: 1,
        role_arn: "r".into(),
        traceparent: None,
        reply_to: None,
        qualifier: None,
        express: None,
        parent: None,
    };
    let kind = EventKind::ExecutionStarted(Box::new(started));
    event(kind, 0, Some(input))
}

fn assigns(frame: u32, name: &str, value: &str) -> Event {
    let value = Payload::from_text(value).expect("JSON");
    let kind = EventKind::StateExited {
        state: StateType::Pass,
        name: "s".into(),
        assigned: Some(Box::new([(Arc::from(name), value)].into())),
    };
    event(kind, frame, None)
}

fn event(kind: EventKind, frame: u32, data: Option<&str>) -> Event {
    Event {
        id: 1,
        prev: 0,
        frame,
        kind,
        data: data.map(|text| Payload::from_text(text).expect("JSON")),
    }
}

#[test]
fn events_give_values_of_the_declared_type() {
    let attributes = Attributes::compile(&declared(&[
        ("customer", AttributeType::String, "$.customer.id"),
        ("total", AttributeType::Number, "{% $order.total * 2 %}"),
        ("gift", AttributeType::Boolean, "$.gift"),
        ("due", AttributeType::Time, "$.due"),
    ]))
    .expect("they are good");
    let mut values = BTreeMap::new();
    let start =
        started(r#"{"customer": {"id": "c-1"}, "gift": "yes", "due": "1970-01-01T00:00:01Z"}"#);
    assert!(attributes.apply("arn", &start, 0, &mut values));
    let names: Vec<&str> = values.keys().map(|name| &**name).collect();
    assert_eq!(names, ["customer", "due"], "a text is no boolean");
    assert!(attributes.apply(
        "arn",
        &assigns(0, "order", r#"{"total": 4}"#),
        0,
        &mut values
    ));
    let eight = AttributeValue::Number(Finite::new(8.0).expect("finite"));
    assert_eq!(values.get("total"), Some(&eight));
    let again = assigns(0, "order", r#"{"total": 4}"#);
    assert!(
        !attributes.apply("arn", &again, 0, &mut values),
        "no change"
    );
    let inner = assigns(3, "order", r#"{"total": 5}"#);
    assert!(
        !attributes.apply("arn", &inner, 0, &mut values),
        "a branch's"
    );
    assert!(attributes.apply("arn", &assigns(0, "order", "{}"), 0, &mut values));
    assert_eq!(values.get("total"), None);
}

#[test]
fn what_is_too_long_is_left_out() {
    let attributes =
        Attributes::compile(&declared(&[("a", AttributeType::String, "$.a")])).expect("good");
    for (length, found) in [
        (ATTRIBUTE_TEXT_BYTES_MAX, true),
        (ATTRIBUTE_TEXT_BYTES_MAX + 1, false),
    ] {
        let input = format!(r#"{{"a": "{}"}}"#, "x".repeat(length));
        let mut values = BTreeMap::new();
        attributes.apply("arn", &started(&input), 0, &mut values);
        assert_eq!(values.contains_key("a"), found, "{length}");
    }
}

#[test]
fn bad_declarations_are_refused() {
    for (name, value) in [
        ("status", "$.a"),
        ("1a", "$.a"),
        ("a-b", "$.a"),
        ("a", "a"),
        ("a", "{% $x + $y %}"),
    ] {
        let all = declared(&[(name, AttributeType::String, value)]);
        let refused = Attributes::compile(&all).expect_err(value);
        assert!(refused.contains(&format!("'{name}'")), "{refused}");
    }
    let names: Vec<String> = (0..=ATTRIBUTES_MAX).map(|n| format!("a{n}")).collect();
    let many: Vec<_> = names
        .iter()
        .map(|name| (name.as_str(), AttributeType::String, "$.a"))
        .collect();
    assert!(Attributes::compile(&declared(&many)).is_err());
}
