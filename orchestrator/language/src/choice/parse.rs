//! JSON of a choice rule to its tree.

use super::{Condition, Kind, Operand, Pattern, Relation, Rule, Test, Type};
use crate::fields::Fields;
use crate::findings::{Findings, Place};
use crate::limits;
use crate::path::Path;
use crate::timestamp::timestamp_ns;
use crate::value::expected_type;
use serde_json::{Map, Value};

impl Rule {
    /// Parses a rule from the object at `place`; `Next` and `Comment` are the Choice state's business.
    pub(crate) fn parse(
        object: &Map<String, Value>,
        place: &Place<'_>,
        findings: &mut Findings<'_>,
    ) -> Option<Self> {
        parse_condition(object, place, findings, 0).map(Self)
    }
}

const NOT_TESTS: [&str; 6] = [
    "Next",
    "Comment",
    "Variable",
    "Assign",
    "Output",
    "Condition",
];

fn parse_condition(
    object: &Map<String, Value>,
    place: &Place<'_>,
    findings: &mut Findings<'_>,
    depth: usize,
) -> Option<Condition> {
    if depth > limits::DEPTH_MAX {
        findings.invalid(
            place,
            format!(
                "Choice rules can be nested at most {} deep",
                limits::DEPTH_MAX
            ),
        );
        return None;
    }
    let outermost = ["Next", "Assign", "Output"]
        .into_iter()
        .find(|name| object.contains_key(*name));
    if let (Some(name), true) = (outermost, depth > 0) {
        findings.invalid(
            place,
            format!("Field '{name}' is not supported: it belongs to the outermost rule"),
        );
    }
    let operators: Vec<_> = object
        .iter()
        .filter(|(name, _)| !NOT_TESTS.contains(&name.as_str()))
        .collect();
    let [(operator, operand)] = operators[..] else {
        let names: Vec<_> = operators.iter().map(|(name, _)| name.as_str()).collect();
        findings.invalid(
            place,
            format!(
                "A Choice rule needs exactly one operator, such as 'StringEquals'; found: {names:?}"
            ),
        );
        return None;
    };
    let at = place.field(operator);
    match operator.as_str() {
        "And" => parse_list(operand, &at, findings, depth).map(Condition::All),
        "Or" => parse_list(operand, &at, findings, depth).map(Condition::Any),
        "Not" => {
            let Some(inner) = operand.as_object() else {
                findings.invalid(&at, expected_type("OBJECT"));
                return None;
            };
            parse_condition(inner, &at, findings, depth + 1)
                .map(|inner| Condition::Not(Box::new(inner)))
        }
        _ => {
            let variable = Fields::new(object, place).required_path("Variable", findings);
            let test = parse_test(operator, operand)
                .map_err(|message| findings.invalid(&at, message))
                .ok();
            Some(Condition::Test(variable?, test?))
        }
    }
}

fn parse_list(
    list: &Value,
    place: &Place<'_>,
    findings: &mut Findings<'_>,
    depth: usize,
) -> Option<Vec<Condition>> {
    let Some(rules) = list.as_array().filter(|rules| !rules.is_empty()) else {
        findings.invalid(place, "Expected a list of at least one rule".to_owned());
        return None;
    };
    let parsed: Vec<_> = rules
        .iter()
        .enumerate()
        .map(|(i, rule)| {
            let at = place.item(i);
            match rule.as_object() {
                Some(rule) => parse_condition(rule, &at, findings, depth + 1),
                None => {
                    findings.invalid(&at, expected_type("OBJECT"));
                    None
                }
            }
        })
        .collect();
    parsed.into_iter().collect()
}

fn parse_test(operator: &str, operand: &Value) -> Result<Test, String> {
    let flag = || operand.as_bool().ok_or_else(|| expected_type("BOOLEAN"));
    match operator {
        "IsPresent" => return flag().map(Test::IsPresent),
        "IsNull" => return flag().map(|expected| Test::Is(Type::Null, expected)),
        "IsString" => return flag().map(|expected| Test::Is(Type::String, expected)),
        "IsNumeric" => return flag().map(|expected| Test::Is(Type::Numeric, expected)),
        "IsBoolean" => return flag().map(|expected| Test::Is(Type::Boolean, expected)),
        "IsTimestamp" => return flag().map(|expected| Test::Is(Type::Timestamp, expected)),
        "StringMatches" => {
            let text = operand.as_str().ok_or_else(|| expected_type("STRING"))?;
            return Pattern::parse(text).map(Test::Matches);
        }
        _ => {}
    }
    let unknown = || format!("'{operator}' is not a comparison operator of Choice rules");
    let (name, is_path) = match operator.strip_suffix("Path") {
        Some(name) => (name, true),
        None => (operator, false),
    };
    let (kind, relation) = split_operator(name).ok_or_else(unknown)?;
    let operand = if is_path {
        parse_operand_path(operand)?
    } else {
        kind.parse_operand(operand)?
    };
    Ok(Test::Compare(kind, relation, operand))
}

/// Names of all operators.
pub(crate) fn operators() -> Vec<String> {
    let mut names: Vec<String> = [
        "And",
        "Or",
        "Not",
        "StringMatches",
        "IsPresent",
        "IsNull",
        "IsString",
        "IsNumeric",
        "IsBoolean",
        "IsTimestamp",
    ]
    .map(str::to_owned)
    .into();
    for kind in ["String", "Numeric", "Timestamp", "Boolean"] {
        for relation in [
            "Equals",
            "LessThan",
            "LessThanEquals",
            "GreaterThan",
            "GreaterThanEquals",
        ] {
            let name = format!("{kind}{relation}");
            if split_operator(&name).is_some() {
                names.push(format!("{name}Path"));
                names.push(name);
            }
        }
    }
    names.sort();
    names
}

/// `NumericLessThan` and its kin taken apart.
fn split_operator(name: &str) -> Option<(Kind, Relation)> {
    let kinds = [
        ("Boolean", Kind::Boolean),
        ("Numeric", Kind::Numeric),
        ("String", Kind::String),
        ("Timestamp", Kind::Timestamp),
    ];
    let (relation, kind) = kinds
        .into_iter()
        .find_map(|(prefix, kind)| Some((name.strip_prefix(prefix)?, kind)))?;
    let relation = match relation {
        "Equals" => Relation::Equals,
        _ if kind == Kind::Boolean => return None,
        "LessThan" => Relation::LessThan,
        "LessThanEquals" => Relation::LessThanEquals,
        "GreaterThan" => Relation::GreaterThan,
        "GreaterThanEquals" => Relation::GreaterThanEquals,
        _ => return None,
    };
    Some((kind, relation))
}

fn parse_operand_path(operand: &Value) -> Result<Operand, String> {
    let text = operand.as_str().ok_or_else(|| expected_type("STRING"))?;
    Path::parse(text)
        .map(Operand::Path)
        .map_err(|why| format!("Value is not a valid JSONPath: {why}"))
}

impl Kind {
    fn parse_operand(self, operand: &Value) -> Result<Operand, String> {
        let (is_right, wanted) = match self {
            Self::Boolean => (operand.is_boolean(), "BOOLEAN"),
            Self::Numeric => (operand.is_number(), "NUMBER"),
            Self::String | Self::Timestamp => (operand.is_string(), "STRING"),
        };
        if !is_right {
            return Err(expected_type(wanted));
        }
        if self == Self::Timestamp && operand.as_str().and_then(timestamp_ns).is_none() {
            return Err("String does not match RFC3339 timestamp".to_owned());
        }
        Ok(Operand::Fixed(operand.clone()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::path::Scope;
    use crate::{Chance, Variables};
    use serde_json::json;

    fn holds(rule: Value, input: Value) -> Result<bool, String> {
        let mut findings = Findings::new(&rule);
        let object = rule.as_object().ok_or("not an object")?;
        let Some(rule) = Rule::parse(object, &Place::root(), &mut findings) else {
            return Err(findings
                .into_sorted()
                .iter()
                .map(|d| format!("{} {}", d.location, d.message))
                .collect());
        };
        rule.matches(Scope {
            input: &input,
            text: None,
            context: &Value::Null,
            variables: &Variables::new(),
            chance: &Chance::new("", 0),
        })
        .map_err(|e| e.to_string())
    }

    #[test]
    fn every_operator_compares_its_own_kind_only() {
        let yes = |operator: &str, operand: Value, variable: Value| {
            let rule = json!({"Variable": "$.v", operator: operand});
            assert_eq!(
                holds(rule, json!({"v": variable, "w": 5})),
                Ok(true),
                "{operator}"
            );
        };
        let no = |operator: &str, operand: Value, variable: Value| {
            let rule = json!({"Variable": "$.v", operator: operand});
            assert_eq!(
                holds(rule, json!({"v": variable, "w": 5})),
                Ok(false),
                "{operator}"
            );
        };
        yes("StringEquals", json!("a"), json!("a"));
        no("StringEquals", json!("1"), json!(1));
        yes("StringLessThan", json!("b"), json!("a"));
        yes("NumericEquals", json!(1), json!(1.0));
        yes("NumericGreaterThanEqualsPath", json!("$.w"), json!(5.0));
        no("NumericLessThan", json!(1), json!("0"));
        yes("BooleanEquals", json!(false), json!(false));
        yes(
            "TimestampEquals",
            json!("2024-01-01T00:00:00Z"),
            json!("2024-01-01T01:00:00+01:00"),
        );
        no(
            "TimestampLessThan",
            json!("2024-01-01T00:00:00Z"),
            json!("no time"),
        );
        yes("IsTimestamp", json!(false), json!("no time"));
        yes("IsNull", json!(true), json!(null));
        yes("IsPresent", json!(true), json!(null));
        yes("StringMatches", json!("a*"), json!("abc"));
    }

    #[test]
    fn rules_combine() {
        let is = |n: i64| json!({"Variable": "$.n", "NumericEquals": n});
        assert_eq!(
            holds(json!({"Or": [is(1), is(2)]}), json!({"n": 2})),
            Ok(true)
        );
        assert_eq!(
            holds(json!({"And": [is(1), is(2)]}), json!({"n": 2})),
            Ok(false)
        );
        assert_eq!(
            holds(
                json!({"Not": {"Or": [is(1), {"Not": is(2)}]}}),
                json!({"n": 2})
            ),
            Ok(true)
        );
    }

    #[test]
    fn a_missing_value_fails_but_for_is_present() {
        let rule = json!({"Variable": "$.n", "IsPresent": false});
        assert_eq!(holds(rule, json!({})), Ok(true));
        let cause = "States.Runtime: Invalid path '$.n': The choice state's condition path references an invalid value.";
        assert_eq!(
            holds(json!({"Variable": "$.n", "IsNull": true}), json!({})),
            Err(cause.to_owned())
        );
    }

    #[test]
    fn wrong_rules_are_refused_where_they_are() {
        let check = |rule: Value, location: &str| {
            let error = holds(rule, json!({})).expect_err("accepted");
            assert!(error.starts_with(location), "{error}");
        };
        check(
            json!({"StringEquals": "a"}),
            "/ These fields are required: [Variable]",
        );
        check(json!({"Variable": "$.a"}), "/ A Choice rule needs");
        check(
            json!({"Variable": "$.a", "BooleanLessThan": true}),
            "/BooleanLessThan ",
        );
        check(
            json!({"Variable": "$.a", "TimestampEquals": "today"}),
            "/TimestampEquals String does not match RFC3339",
        );
        check(
            json!({"And": [{"Variable": "a", "IsNull": true}]}),
            "/And[0]/Variable ",
        );
        check(json!({"And": []}), "/And ");
        let deep = (0..100).fold(
            json!({"Variable": "$", "IsNull": true}),
            |rule, _| json!({"Not": rule}),
        );
        assert!(holds(deep, json!({})).is_err());
    }
}
