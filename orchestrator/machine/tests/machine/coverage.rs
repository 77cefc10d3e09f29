//! docs/language-coverage.md names a test for every word of the language and every type of event, and each of them exists.

use baton_language::vocabulary;
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

/// AWS's types of history events (HistoryEventType).
const TYPES: [&str; 62] = [
    "ActivityFailed",
    "ActivityScheduled",
    "ActivityScheduleFailed",
    "ActivityStarted",
    "ActivitySucceeded",
    "ActivityTimedOut",
    "ChoiceStateEntered",
    "ChoiceStateExited",
    "ExecutionAborted",
    "ExecutionFailed",
    "ExecutionStarted",
    "ExecutionSucceeded",
    "ExecutionTimedOut",
    "FailStateEntered",
    "LambdaFunctionFailed",
    "LambdaFunctionScheduled",
    "LambdaFunctionScheduleFailed",
    "LambdaFunctionStarted",
    "LambdaFunctionStartFailed",
    "LambdaFunctionSucceeded",
    "LambdaFunctionTimedOut",
    "MapIterationAborted",
    "MapIterationFailed",
    "MapIterationStarted",
    "MapIterationSucceeded",
    "MapStateAborted",
    "MapStateEntered",
    "MapStateExited",
    "MapStateFailed",
    "MapStateStarted",
    "MapStateSucceeded",
    "ParallelStateAborted",
    "ParallelStateEntered",
    "ParallelStateExited",
    "ParallelStateFailed",
    "ParallelStateStarted",
    "ParallelStateSucceeded",
    "PassStateEntered",
    "PassStateExited",
    "SucceedStateEntered",
    "SucceedStateExited",
    "TaskFailed",
    "TaskScheduled",
    "TaskStarted",
    "TaskStartFailed",
    "TaskStateAborted",
    "TaskStateEntered",
    "TaskStateExited",
    "TaskSubmitFailed",
    "TaskSubmitted",
    "TaskSucceeded",
    "TaskTimedOut",
    "WaitStateAborted",
    "WaitStateEntered",
    "WaitStateExited",
    "MapRunAborted",
    "MapRunFailed",
    "MapRunStarted",
    "MapRunSucceeded",
    "ExecutionRedriven",
    "MapRunRedriven",
    "EvaluationFailed",
];

const ROOT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../..");

/// The rows of all tables: what is in the first column, and the tests of the second.
fn rows() -> BTreeMap<String, Vec<String>> {
    let path = Path::new(ROOT).join("docs/language-coverage.md");
    let text = std::fs::read_to_string(path).expect("the document");
    let mut rows = BTreeMap::new();
    for line in text.lines().filter(|line| line.starts_with("| `")) {
        let cells: Vec<&str> = line.trim_matches('|').split('|').map(str::trim).collect();
        let name = cells[0].trim_matches('`').to_owned();
        let tests: Vec<&str> = match cells[1] {
            reason if reason.starts_with("not written: ") => vec![reason],
            tests => tests.split(", ").collect(),
        };
        let tests = tests
            .into_iter()
            .map(|test| test.trim_matches('`').to_owned())
            .collect();
        assert!(
            rows.insert(name.clone(), tests).is_none(),
            "{name} is there twice"
        );
    }
    rows
}

#[test]
fn every_word_and_every_event_has_a_row() {
    let rows = rows();
    let mut known: BTreeSet<String> = vocabulary::fields();
    known.extend(vocabulary::choice_operators());
    known.extend(vocabulary::intrinsics());
    known.extend(vocabulary::jsonata_functions());
    known.extend(vocabulary::errors().iter().map(|name| (*name).to_owned()));
    known.extend(TYPES.iter().map(|name| (*name).to_owned()));
    let missing: Vec<&String> = known
        .iter()
        .filter(|name| !rows.contains_key(*name))
        .collect();
    assert!(
        missing.is_empty(),
        "no row in docs/language-coverage.md for {missing:#?}"
    );
    let stale: Vec<&String> = rows.keys().filter(|name| !known.contains(*name)).collect();
    assert!(stale.is_empty(), "rows for what isn't known: {stale:#?}");
}

#[test]
fn every_test_that_a_row_names_exists() {
    let mut files: BTreeMap<String, String> = BTreeMap::new();
    for (name, tests) in rows() {
        for test in tests
            .iter()
            .filter(|test| !test.starts_with("not written: "))
        {
            let (file, function) = test
                .split_once("::")
                .unwrap_or_else(|| panic!("{name}: {test} is no test"));
            let text = files.entry(file.to_owned()).or_insert_with(|| {
                std::fs::read_to_string(Path::new(ROOT).join(file))
                    .unwrap_or_else(|why| panic!("{name}: {file}: {why}"))
            });
            assert!(
                text.contains(&format!("fn {function}(")),
                "{name}: {file} has no test {function}"
            );
        }
    }
}
