//! `baton test`: unit tests of a whole workflow, with mocks and a virtual clock, on the machine itself.
//!
//! Owns: running a file's tests, judging and reporting them. No node and no Kafka is needed, and a day's Wait takes no
//! time. The file's form is in docs/testing.md.

mod coverage;
mod file;
mod run;

use crate::config::Error;
use crate::output::{self, Output, Showing};
use clap::Args;
use coverage::{Coverage, Part, percent};
use file::{Expect, Test};
use run::Rehearsed;
use serde_json::{Value, json};
use std::path::PathBuf;
use std::process::ExitCode;

/// `test`.
#[derive(Clone, Debug, Args)]
pub struct TestArguments {
    /// Files of tests, JSON or YAML
    #[arg(required = true)]
    pub files: Vec<PathBuf>,
    /// Only tests whose name contains this
    #[arg(long)]
    pub only: Option<String>,
    /// Print the path of each execution
    #[arg(long)]
    pub verbose: bool,
    #[command(flatten)]
    pub showing: Showing,
}

/// `baton test`. The exit code is 1 if a test failed or too little was covered.
///
/// # Errors
/// A file that can't be used.
pub fn test(arguments: &TestArguments) -> Result<ExitCode, Error> {
    let mut good = true;
    for path in &arguments.files {
        let (file, program) = file::read(path)?;
        let mut coverage = Coverage::default();
        let mut results = Vec::new();
        let wanted = |test: &&Test| {
            arguments
                .only
                .as_ref()
                .is_none_or(|only| test.name.contains(only))
        };
        for test in file.tests.iter().filter(wanted) {
            let seen = run::run(&program, test).map_err(|what| {
                Error(format!("{}: test '{}': {what}", path.display(), test.name))
            })?;
            coverage.add(&program, &seen.events);
            results.push((test, judge(test, &seen), seen));
        }
        let parts = coverage.parts(&program);
        good &= results.iter().all(|(_, wrong, _)| wrong.is_empty());
        let least = file.coverage.filter(|_| arguments.only.is_none());
        let enough = least.is_none_or(|least| percent(&parts) >= least);
        good &= enough;
        match arguments.showing.output {
            Output::Table => {
                print(&results, &parts, arguments.verbose);
                if let Some(least) = least.filter(|_| !enough) {
                    println!(
                        "covered {:.0} %, less than the {least} % that are wanted",
                        percent(&parts)
                    );
                }
            }
            Output::Json | Output::Ndjson => arguments.showing.one(&document(&results, &parts)),
        }
    }
    Ok(if good {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}

type Judged<'a> = (&'a Test, Vec<String>, Rehearsed);

/// What is not as the test expects it, in words.
fn judge(test: &Test, seen: &Rehearsed) -> Vec<String> {
    let mut wrong = seen.complaints.clone();
    let expect = &test.expect;
    let status = status(seen);
    let mut check = |name: &str, wanted: Option<Value>, found: Value| {
        if let Some(wanted) = wanted.filter(|wanted| *wanted != found) {
            wrong.push(format!("{name}: expected {wanted}, found {found}"));
        }
    };
    check(
        "status",
        expect.status.as_deref().map(Value::from),
        status.into(),
    );
    let closing = seen.closing.as_ref();
    let output = closing.and_then(|closing| closing.output.as_ref());
    let output = output.map_or(Value::Null, |output| output.to_value());
    check("output", expect.output.clone(), output);
    let failure = closing
        .map(|closing| closing.failure.clone())
        .unwrap_or_default();
    let error = failure.error.as_deref().map_or(Value::Null, Value::from);
    check("error", expect.error.as_deref().map(Value::from), error);
    check(
        "path",
        expect.path.clone().map(Value::from),
        seen.path().into(),
    );
    for (state, wanted) in &expect.calls {
        let found = seen.calls.get(state).copied().unwrap_or(0);
        check(
            &format!("calls of '{state}'"),
            Some((*wanted).into()),
            found.into(),
        );
    }
    let cause = failure.cause.as_deref().unwrap_or_default();
    if let Some(wanted) = expect
        .cause
        .as_ref()
        .filter(|wanted| !cause.contains(wanted.as_str()))
    {
        wrong.push(format!(
            "cause: expected a text with {wanted:?}, found {cause:?}"
        ));
    }
    let took = seen.took_ms as f64 / 1_000.0;
    if let Some(most) = expect.within.filter(|most| took > *most) {
        wrong.push(format!(
            "it took {took} s by the virtual clock, more than {most} s"
        ));
    }
    // A test that expects nothing expects an end that is good.
    let says_nothing = matches!(
        expect,
        Expect {
            status: None,
            error: None,
            output: None,
            ..
        }
    );
    if says_nothing && status != "SUCCEEDED" {
        wrong.push(format!(
            "status: {status} {} {cause}",
            failure.error.as_deref().unwrap_or_default()
        ));
    }
    wrong
}

fn status(seen: &Rehearsed) -> &'static str {
    seen.closing
        .as_ref()
        .map_or("RUNNING", |closing| closing.status.as_str())
}

fn print(results: &[Judged<'_>], parts: &[Part], verbose: bool) {
    let colourful = output::is_colourful();
    for (test, wrong, seen) in results {
        let word = output::status(if wrong.is_empty() { "ok" } else { "FAIL" }, colourful);
        let took = seen.took_ms as f64 / 1_000.0;
        println!("{word:<4}  {}  ({}, {took} s)", test.name, status(seen));
        wrong.iter().for_each(|what| println!("      {what}"));
        if verbose || !wrong.is_empty() {
            println!("      path: {}", seen.path().join(" > "));
        }
    }
    let failed = results
        .iter()
        .filter(|(_, wrong, _)| !wrong.is_empty())
        .count();
    println!("{} passed, {failed} failed", results.len() - failed);
    for part in parts.iter().filter(|part| part.all > 0) {
        let missed = match part.missed.is_empty() {
            true => String::new(),
            false => format!("  not reached: {}", part.missed.join(", ")),
        };
        println!("{:8}  {}/{}{missed}", part.name, part.reached, part.all);
    }
}

fn document(results: &[Judged<'_>], parts: &[Part]) -> Value {
    let tests: Vec<Value> = results
        .iter()
        .map(|(test, wrong, seen)| {
            json!({
                "name": test.name,
                "passed": wrong.is_empty(),
                "wrong": wrong,
                "status": status(seen),
                "path": seen.path(),
                "calls": seen.calls,
                "tookSeconds": seen.took_ms as f64 / 1_000.0,
            })
        })
        .collect();
    let coverage: serde_json::Map<String, Value> = parts
        .iter()
        .map(|part| {
            let told = json!({"reached": part.reached, "all": part.all, "notReached": part.missed});
            (part.name.to_owned(), told)
        })
        .collect();
    json!({"tests": tests, "coverage": coverage})
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Runs a file's text; what is wrong with each test, and what was covered.
    fn rehearsed(name: &str, text: &str) -> (Vec<Vec<String>>, Vec<Part>) {
        let path =
            std::env::temp_dir().join(format!("baton-test-{}-{name}.yaml", std::process::id()));
        std::fs::write(&path, text).unwrap();
        let read = file::read(&path);
        std::fs::remove_file(&path).unwrap();
        let (file, program) = read.unwrap();
        let mut coverage = Coverage::default();
        let wrong = file.tests.iter().map(|test| {
            let seen = run::run(&program, test).unwrap();
            coverage.add(&program, &seen.events);
            judge(test, &seen)
        });
        let wrong = wrong.collect();
        (wrong, coverage.parts(&program))
    }

    const MACHINE: &str = r#"
machine:
  StartAt: Reserve
  States:
    Reserve:
      Type: Task
      Resource: arn:aws:states:::baton:task.reserve
      TimeoutSeconds: 60
      HeartbeatSeconds: 20
      Retry: [{ErrorEquals: [Busy], IntervalSeconds: 3600, MaxAttempts: 2}]
      Catch: [{ErrorEquals: [OutOfStock], Next: Sorry}, {ErrorEquals: [States.ALL], Next: Broken}]
      Next: Night
    Night: {Type: Wait, Seconds: 86400, End: true}
    Sorry: {Type: Pass, Result: sorry, End: true}
    Broken: {Type: Fail, Error: Broken, Cause: nobody knows}
tests:
"#;

    #[test]
    fn mocks_answer_in_order_and_time_flies() {
        let tests = r#"
  - name: busy once, and a night
    input: {n: 1}
    mocks: {Reserve: [{error: Busy}, {return: 7, after: 50, heartbeats: 10, given: {n: 1}}]}
    expect: {status: SUCCEEDED, output: 7, path: [Reserve, Night], calls: {Reserve: 2}, within: 90050}
  - name: none left
    mocks: {Reserve: {error: OutOfStock}}
    expect: {output: sorry, path: [Reserve, Sorry]}
  - name: no heartbeat
    mocks: {Reserve: {never: true}}
    expect: {status: FAILED, error: Broken, cause: nobody, within: 20}
"#;
        let (wrong, parts) = rehearsed("good", &format!("{MACHINE}{tests}"));
        assert_eq!(wrong, vec![Vec::<String>::new(); 3]);
        let counted: Vec<(usize, usize)> =
            parts.iter().map(|part| (part.reached, part.all)).collect();
        assert_eq!(counted, [(4, 4), (1, 1), (2, 2)]);
    }

    #[test]
    fn what_is_wrong_is_said() {
        let tests = r#"
  - name: a
    mocks: {Reserve: {return: 1, given: {n: 1}}}
    expect: {status: FAILED, path: [Reserve]}
  - name: b
    expect: {status: SUCCEEDED}
"#;
        let (wrong, parts) = rehearsed("bad", &format!("{MACHINE}{tests}"));
        assert_eq!(wrong[0].len(), 3, "{wrong:?}");
        assert!(wrong[1][0].contains("has no mock"), "{wrong:?}");
        // Without a mock the task never answers, so its heartbeat is lost.
        assert!(
            wrong[1][1].contains("expected \"SUCCEEDED\", found \"FAILED\""),
            "{wrong:?}"
        );
        assert_eq!(parts[1].missed, ["Reserve #1"]);
    }
}
