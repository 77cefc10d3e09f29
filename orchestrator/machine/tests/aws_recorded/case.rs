//! One recorded case, read from its JSON line.
//!
//! Owns: where the recordings are and which of them a machine alone can run.

use serde_json::Value;
use std::path::{Path, PathBuf};

/// A recorded execution.
pub struct Case {
    pub id: String,
    pub area: String,
    pub definition: Value,
    pub input: Value,
    pub express: bool,
    pub tier: String,
    pub replayable: bool,
    pub needs: Vec<String>,
    pub tasks: Vec<Value>,
    pub expect: Value,
    /// Names in angle brackets that the definition or input has: ordinary text, compared literally.
    pub literal: String,
}

/// All execution cases; `None` where the recordings are absent.
pub fn load() -> Option<Vec<Case>> {
    let folder = PathBuf::from(concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/../../../shared/conformance/aws"
    ));
    let mut files: Vec<PathBuf> = std::fs::read_dir(folder)
        .ok()?
        .filter_map(|entry| Some(entry.ok()?.path()))
        .filter(|path| is_execution(path))
        .collect();
    files.sort();
    let mut cases = Vec::new();
    for file in files {
        let text = std::fs::read_to_string(&file).expect("a listed file can be read");
        cases.extend(
            text.lines()
                .filter(|line| !line.trim().is_empty())
                .map(parse),
        );
    }
    (!cases.is_empty()).then_some(cases)
}

impl Case {
    /// Whether nothing but the machine and the recorded answers is needed.
    pub fn is_runnable(&self) -> bool {
        self.tier == "interpreter" || self.replayable
    }

    /// Whether the case is marked with this need.
    pub fn has_need(&self, need: &str) -> bool {
        self.needs.iter().any(|n| n == need)
    }

    /// The recorded events, if there are any.
    pub fn history(&self) -> Option<&Vec<Value>> {
        self.expect.get("history")?.as_array()
    }
}

fn is_execution(path: &Path) -> bool {
    path.file_name()
        .and_then(|name| name.to_str())
        .is_some_and(|n| n.starts_with("execution-") && n.ends_with(".jsonl"))
}

fn parse(line: &str) -> Case {
    // A bare `activity_arn` is a placeholder for the ARN of an activity that the runner has.
    let line = line.replace(
        "\"activity_arn\"",
        "\"arn:aws:states:us-east-1:111111111111:activity:work\"",
    );
    let json: Value = serde_json::from_str(&line).expect("a case is JSON");
    let text = |key: &str| json[key].as_str().unwrap_or("").to_owned();
    let list = |key: &str| json[key].as_array().cloned().unwrap_or_default();
    Case {
        id: text("id"),
        area: text("area"),
        definition: json["definition"].clone(),
        input: json["input"].clone(),
        express: text("type") == "EXPRESS",
        tier: text("tier"),
        replayable: json["replayable_tasks"] == Value::Bool(true),
        needs: list("needs")
            .iter()
            .filter_map(|need| need.as_str().map(str::to_owned))
            .collect(),
        tasks: list("tasks"),
        expect: json["expect"].clone(),
        literal: format!("{}{}", json["definition"], json["input"]),
    }
}
