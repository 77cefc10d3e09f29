//! Runs recorded cases and suites: `baton-conformance cases [--cases DIR] [--json FILE]`, `... jsonpath`.
//!
//! Owns: the command line, the report and the exit code: 1 when a case fails that is not in known-gaps, or one passes
//! that is.

use baton_conformance::case::{self, Case};
use baton_conformance::gaps::{self, Gaps};
use baton_conformance::scores::Scores;
use baton_conformance::verdict::{Check, LEVELS, Verdict};
use baton_conformance::{jsonata, jsonpath, judge};
use clap::{Args, Parser, Subcommand};
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

const ROOT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../..");

#[derive(Parser)]
#[command(
    about = "Runs what AWS recorded through the engine and compares",
    disable_help_subcommand = true
)]
struct Arguments {
    #[command(subcommand)]
    suite: Suite,
}

#[derive(Subcommand)]
enum Suite {
    /// Executions, calls, TestState and validation as AWS recorded them.
    Cases(CaseArguments),
    /// jsonata-js's own suite at 2.0.6.
    Jsonata,
    /// The RFC 9535 compliance suite.
    Jsonpath,
}

#[derive(Args)]
struct CaseArguments {
    /// Directory of *.jsonl files; by default the one beside the project.
    #[arg(long)]
    cases: Option<PathBuf>,
    /// Writes a line for each case.
    #[arg(long)]
    json: Option<PathBuf>,
    /// Only cases of this kind: execution, test_state, validate, api.
    #[arg(long)]
    kind: Option<String>,
    /// Only cases whose id contains this.
    #[arg(long)]
    only: Option<String>,
    /// Takes out of known-gaps what passes by now.
    #[arg(long)]
    take_out: bool,
    /// Throws the owner away before every input: a new one must fold the log and go on alike.
    #[arg(long)]
    crashes: bool,
}

fn main() -> ExitCode {
    let passed = match Arguments::parse().suite {
        Suite::Cases(arguments) => cases(&arguments),
        Suite::Jsonata => suite("jsonata", "jsonata/cases-2.0.6.jsonl", |text| {
            let lines = text.lines().filter(|line| !line.trim().is_empty());
            lines
                .map(|line| {
                    let case: Value = serde_json::from_str(line).map_err(|e| e.to_string())?;
                    let id = format!("{}/{}", name(&case["group"]), name(&case["file"]));
                    Ok((id, jsonata::run(&case)))
                })
                .collect()
        }),
        Suite::Jsonpath => suite("jsonpath", "jsonpath/cts.json", |text| {
            let suite: Value = serde_json::from_str(text).map_err(|e| e.to_string())?;
            let tests = suite["tests"].as_array().cloned().unwrap_or_default();
            Ok(tests
                .iter()
                .map(|test| (name(&test["name"]), jsonpath::run(test)))
                .collect())
        }),
    };
    match passed {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(why) => {
            eprintln!("{why}");
            ExitCode::FAILURE
        }
    }
}

/// Name and outcome of each case of a suite.
type Results = Vec<(String, Check)>;

/// Runs a suite of another project whose file lies beside the project.
fn suite(
    name: &str,
    file: &str,
    run: impl FnOnce(&str) -> Result<Results, String>,
) -> Result<bool, String> {
    let path = Path::new(ROOT).join("../shared/conformance").join(file);
    let Ok(text) = std::fs::read_to_string(&path) else {
        println!("skipped: the suite is not here ({})", path.display());
        return Ok(true);
    };
    let gaps = known_gaps(name)?;
    let results = run(&text)?;
    let passed = results.iter().filter(|(_, check)| check.is_ok()).count();
    let complaints: Vec<String> = results
        .iter()
        .filter_map(|(id, check)| gaps.complaint(id, &Verdict::of_call(check.clone())))
        .collect();
    complaints
        .iter()
        .for_each(|complaint| println!("{complaint}"));
    println!(
        "{name}: {passed} of {} pass; {} differ from known-gaps",
        results.len(),
        complaints.len()
    );
    Ok(complaints.is_empty())
}

fn name(value: &Value) -> String {
    value.as_str().unwrap_or("").to_owned()
}

fn known_gaps(suite: &str) -> Result<Gaps, String> {
    let path = gaps_file(suite);
    let text = std::fs::read_to_string(&path).map_err(|e| format!("{}: {e}", path.display()))?;
    Gaps::parse(&text)
}

fn gaps_file(suite: &str) -> PathBuf {
    let file = match suite {
        "cases" => "known-gaps".to_owned(),
        other => format!("known-gaps-{other}"),
    };
    Path::new(ROOT).join("tests/conformance").join(file)
}

fn cases(arguments: &CaseArguments) -> Result<bool, String> {
    let directory = arguments
        .cases
        .clone()
        .unwrap_or_else(|| Path::new(ROOT).join("../shared/conformance/aws"));
    if arguments.cases.is_none() && !directory.is_dir() {
        println!(
            "skipped: the recorded cases are not here ({})",
            directory.display()
        );
        return Ok(true);
    }
    let mut cases = case::load(&directory)?;
    if let Some(only) = &arguments.only {
        cases.retain(|case| case.id.contains(only.as_str()));
    }
    if let Some(kind) = &arguments.kind {
        cases.retain(|case| case.kind == *kind);
    }
    let gaps = known_gaps("cases")?;
    let mut report = Report {
        gaps,
        scores: Scores::default(),
        complaints: Vec::new(),
        lines: Vec::new(),
        verdicts: BTreeMap::new(),
    };
    let mut left_out: BTreeMap<&str, usize> = BTreeMap::new();
    for case in &cases {
        match judge(case, arguments.crashes) {
            Some(verdict) => report.add(case, &verdict),
            None => *left_out.entry(&case.kind).or_default() += 1,
        }
    }
    if arguments.take_out {
        report.take_out()?;
    }
    if let Some(path) = &arguments.json {
        write_lines(path, &report.lines).map_err(|e| format!("{}: {e}", path.display()))?;
    }
    print!("{}", report.scores.table());
    for (kind, count) in left_out {
        println!("not run: {count} cases of kind {kind}");
    }
    report
        .complaints
        .iter()
        .for_each(|complaint| println!("{complaint}"));
    println!("{} cases differ from known-gaps", report.complaints.len());
    Ok(report.complaints.is_empty())
}

struct Report {
    gaps: Gaps,
    scores: Scores,
    complaints: Vec<String>,
    lines: Vec<Value>,
    verdicts: BTreeMap<String, Verdict>,
}

impl Report {
    /// Writes known-gaps without the levels that pass.
    fn take_out(&mut self) -> Result<(), String> {
        let path = gaps_file("cases");
        let place = |e| format!("{}: {e}", path.display());
        let text = std::fs::read_to_string(&path).map_err(place)?;
        std::fs::write(&path, gaps::without_passes(&text, &self.verdicts)).map_err(place)?;
        self.complaints
            .retain(|complaint| complaint.starts_with("fails"));
        Ok(())
    }

    fn add(&mut self, case: &Case, verdict: &Verdict) {
        self.scores.add(case, verdict);
        self.verdicts.insert(case.id.clone(), verdict.clone());
        self.complaints
            .extend(self.gaps.complaint(&case.id, verdict));
        let levels: Map<String, Value> = LEVELS
            .into_iter()
            .zip(verdict.levels())
            .map(|(name, level)| {
                (
                    name.to_owned(),
                    level.as_ref().map_or(Value::Null, |l| l.is_ok().into()),
                )
            })
            .collect();
        let steps: Vec<Value> = verdict
            .steps
            .iter()
            .map(|step| {
                step.as_ref()
                    .map_or(Value::Null, |step| step.is_ok().into())
            })
            .collect();
        self.lines.push(json!({
            "id": case.id, "kind": case.kind, "area": case.area, "tier": case.tier, "levels": levels, "steps": steps,
            "why": verdict.first_failure(), "known": self.gaps.reason(&case.id),
        }));
    }
}

fn write_lines(path: &Path, lines: &[Value]) -> std::io::Result<()> {
    let mut file = std::io::BufWriter::new(std::fs::File::create(path)?);
    for line in lines {
        writeln!(file, "{line}")?;
    }
    file.flush()
}
