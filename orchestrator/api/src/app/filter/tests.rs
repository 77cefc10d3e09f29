//! A `where` is read, or what is wrong is said.

use super::*;

#[test]
fn a_where_is_read() {
    let filter = Filter::parse(
        "machine = orders AND status=FAILED and name = 'a-*' and started >= 1970-01-01T00:00:01Z \
         and started <= 1970-01-01T00:00:02Z and error = 'Card.*' and note != 'it''s \"x\"' and total<9",
    )
    .expect("it is good");
    let condition = |field: Field, op, value: &str| Condition {
        field,
        op,
        value: value.into(),
    };
    let attribute = |name: &str| Field::Attribute(name.into());
    let expected = Filter {
        machine: Some("orders".into()),
        status: Some("FAILED".into()),
        from_ms: Some(1_000),
        before_ms: Some(2_001),
        name_prefix: Some("a-".into()),
        conditions: vec![
            condition(Field::Error, Op::Prefix, "Card."),
            condition(attribute("note"), Op::Unequal, "it's \"x\""),
            condition(attribute("total"), Op::Less, "9"),
        ],
    };
    assert_eq!(filter, expected);
}

#[test]
fn what_is_wrong_is_said() {
    for (text, expected) in [
        ("", "expected a name"),
        ("status", "behind status"),
        ("status =", "a value for status"),
        ("status = BUSY", "status BUSY"),
        ("status != FAILED", "status takes ="),
        ("name = order", "how it begins"),
        ("started = 1970-01-01T00:00:01Z", "started takes"),
        ("started > now", "started now"),
        ("a = 'x", "no end"),
        ("a = 1 or b = 2", "expected 'and'"),
        ("a = 1 and", "expected a name"),
        ("machine = a and machine = b", "both a and b"),
    ] {
        let error = Filter::parse(text).expect_err(text).message;
        assert!(error.contains(expected), "{text}: {error}");
    }
    let many = vec!["a = 1"; CONDITIONS_MAX + 1].join(" and ");
    assert!(Filter::parse(&many).is_err());
}
