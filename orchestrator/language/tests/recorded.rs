//! Definitions and verdicts recorded from AWS: `shared/conformance/aws` beside the project. Skips where that is absent.

use baton_language::path::Scope;
use baton_language::program::{Condition, StateKind};
use baton_language::{Chance, Variables};
use baton_language::{Diagnostic, Severity, compile, compile_express};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;

/// The recorded cases of all files whose name begins with `prefix`.
fn cases(prefix: &str) -> Vec<Value> {
    let directory = PathBuf::from(concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/../../../shared/conformance/aws"
    ));
    let Ok(entries) = fs::read_dir(&directory) else {
        eprintln!("skipped: no recorded cases at {}", directory.display());
        return Vec::new();
    };
    let mut files: Vec<PathBuf> = entries
        .filter_map(|entry| Some(entry.ok()?.path()))
        .collect();
    files.retain(|file| {
        file.file_name()
            .is_some_and(|name| name.to_string_lossy().starts_with(prefix))
    });
    files.sort();
    let text: String = files
        .iter()
        .map(|file| fs::read_to_string(file).expect("a readable file"))
        .collect();
    text.lines()
        .map(|line| serde_json::from_str(line).expect("a case per line"))
        .collect()
}

fn definition_of(case: &Value) -> String {
    match &case["definition"] {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

#[test]
fn every_recorded_definition_compiles_or_is_refused_with_a_reason() {
    let mut counts: BTreeMap<String, usize> = BTreeMap::new();
    for case in cases("execution-") {
        let key = match compile(&definition_of(&case)) {
            Ok(_) => "compiled".to_owned(),
            Err(found) => {
                assert!(
                    found.iter().any(|d| d.severity == Severity::Error),
                    "{}",
                    case["id"]
                );
                // Recordings show what AWS accepted, so anything but a known gap is a fault of this compiler.
                let first = &found[0];
                let is_gap = found.iter().any(|d| d.message.contains("supported yet"))
                    || is_known_refusal(first);
                assert!(is_gap, "{}: {found:#?}", case["id"]);
                format!(
                    "refused: {}",
                    first.message.chars().take(70).collect::<String>()
                )
            }
        };
        *counts.entry(key).or_default() += 1;
    }
    eprintln!("{counts:#?}");
}

/// Refusals of recorded definitions that are right: the recording names resources by a placeholder.
fn is_known_refusal(found: &Diagnostic) -> bool {
    found
        .message
        .starts_with("The resource provided activity_arn")
}

#[test]
fn verdicts_on_definitions_are_those_of_aws() {
    for case in cases("validate") {
        let definition = definition_of(&case);
        let found = if case["args"]["type"] == "EXPRESS" {
            compile_express(&definition)
        } else {
            compile(&definition)
        };
        let found = found.map_or_else(|found| found, |(_, found)| found);
        // JSONata is a known gap; everything else must agree.
        if found.iter().any(|d| d.message.contains("supported yet")) {
            continue;
        }
        let found: Vec<Value> =
            found.iter().map(|d| json!({"code": d.code, "severity": d.severity, "location": d.location, "message": d.message})).collect();
        assert_eq!(
            json!(found),
            case["expect"]["diagnostics"],
            "{}",
            case["id"]
        );
    }
}

#[test]
fn choice_rules_decide_as_aws_did() {
    let mut decided = 0;
    for case in cases("execution-choice_operators") {
        let (program, _) = compile(&definition_of(&case)).expect("a definition that AWS accepted");
        let StateKind::Choice { rules, default } = &program.state(program.start).kind else {
            continue;
        };
        let scope = Scope {
            input: &case["input"],
            text: None,
            context: &Value::Null,
            variables: &Variables::new(),
            chance: &Chance::new("", 0),
        };
        let taken = rules
            .iter()
            .find(|branch| match &branch.condition {
                Condition::Rule(rule) => rule.matches(scope) == Ok(true),
                Condition::Expression(_) => false,
            })
            .map(|branch| branch.next)
            .or(*default);
        let Some(StateKind::Pass { result }) = taken.map(|id| &program.state(id).kind) else {
            continue;
        };
        assert_eq!(
            *result,
            case["expect"].get("output").cloned(),
            "{}",
            case["id"]
        );
        decided += 1;
    }
    eprintln!("{decided} choices compared");
}

#[test]
fn intrinsic_functions_answer_as_aws_did() {
    let mut compared = 0;
    for case in cases("execution-intrinsic_functions") {
        let Ok((program, _)) = compile(&definition_of(&case)) else {
            continue;
        };
        let [state] = &program.states[..] else {
            continue;
        };
        let Some(template) = state
            .parameters
            .as_ref()
            .filter(|template| !template.reads_context())
        else {
            continue;
        };
        let rendered = template.render(Scope {
            input: &case["input"],
            text: None,
            context: &Value::Null,
            variables: &Variables::new(),
            chance: &Chance::new("", 0),
        });
        let (found, expected) = (
            rendered.map_err(|e| e.to_string()),
            &case["expect"]["output"],
        );
        let is_same = found.as_ref().is_ok_and(|found| same(found, expected));
        assert!(is_same, "{}: {found:?} is not {expected}", case["id"]);
        compared += 1;
    }
    eprintln!("{compared} calls compared");
}

/// Equal, with numbers by value: AWS reads `-0` as the integer 0.
fn same(found: &Value, expected: &Value) -> bool {
    match (found, expected) {
        (Value::Number(a), Value::Number(b)) => a.as_f64() == b.as_f64(),
        // A placeholder for what chance decided, whatever its type.
        (found, Value::String(text)) if text.starts_with('<') && text.ends_with('>') => {
            found.is_number() || found.is_string()
        }
        (Value::Array(a), Value::Array(b)) => {
            a.len() == b.len() && a.iter().zip(b).all(|(a, b)| same(a, b))
        }
        (Value::Object(a), Value::Object(b)) => {
            a.len() == b.len()
                && a.iter()
                    .all(|(name, a)| b.get(name).is_some_and(|b| same(a, b)))
        }
        _ => found == expected,
    }
}
