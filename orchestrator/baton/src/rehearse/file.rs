//! The file of a rehearsal: a machine, and what is to happen in each test.
//!
//! Owns: its form (docs/testing.md), and every error that can be seen without running anything.

use crate::config::Error;
use crate::documents;
use baton_language::Program;
use serde::Deserialize;
use serde::de::value::{MapAccessDeserializer, SeqAccessDeserializer};
use serde::de::{Deserializer, MapAccess, SeqAccess, Visitor};
use serde_json::Value;
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

/// What a file says.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct File {
    /// Path of the definition (from the file), or the definition itself.
    pub machine: Value,
    /// `STANDARD` or `EXPRESS`.
    #[serde(default, rename = "type")]
    pub kind: Option<String>,
    /// Least part of states, retriers and catchers that all tests together must reach, percent.
    #[serde(default)]
    pub coverage: Option<f64>,
    /// In the order in which they are run.
    pub tests: Vec<Test>,
}

/// One test.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct Test {
    /// Name.
    pub name: String,
    /// Input of the execution.
    #[serde(default = "empty")]
    pub input: Value,
    /// When the execution starts (RFC 3339); 2026-01-01T00:00:00Z if absent.
    #[serde(default)]
    pub at: Option<String>,
    /// What the tasks of a state answer, by the state's name: one answer for each call, the last for all further ones.
    #[serde(default)]
    pub mocks: BTreeMap<String, Answers>,
    /// What must come of it.
    #[serde(default)]
    pub expect: Expect,
}

/// One answer, or one for each call.
#[derive(Debug)]
pub enum Answers {
    /// In the order of the calls.
    Each(Vec<Answer>),
    /// For every call.
    One(Box<Answer>),
}

// By hand: serde's own choice between forms would not say what is wrong within the one that was meant.
impl<'de> Deserialize<'de> for Answers {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Form;

        impl<'de> Visitor<'de> for Form {
            type Value = Answers;

            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(
                    "an answer (return, error, never, ...) or a list of them, one for each call",
                )
            }

            fn visit_seq<A: SeqAccess<'de>>(self, seq: A) -> Result<Answers, A::Error> {
                Vec::deserialize(SeqAccessDeserializer::new(seq)).map(Answers::Each)
            }

            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Answers, A::Error> {
                Box::deserialize(MapAccessDeserializer::new(map)).map(Answers::One)
            }
        }

        deserializer.deserialize_any(Form)
    }
}

/// What a task does.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct Answer {
    /// It succeeds with this.
    #[serde(default, rename = "return", deserialize_with = "some")]
    pub output: Option<Value>,
    /// It fails with this error.
    #[serde(default)]
    pub error: Option<String>,
    /// Of the error, in words.
    #[serde(default)]
    pub cause: Option<String>,
    /// It never answers.
    #[serde(default)]
    pub never: bool,
    /// Seconds until it answers.
    #[serde(default)]
    pub after: f64,
    /// Seconds between two heartbeats until it answers.
    #[serde(default)]
    pub heartbeats: Option<f64>,
    /// What the task must be given.
    #[serde(default, deserialize_with = "some")]
    pub given: Option<Value>,
}

/// What must come of an execution; what is absent may be anything.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct Expect {
    /// `SUCCEEDED`, `FAILED`, `TIMED_OUT`.
    #[serde(default)]
    pub status: Option<String>,
    /// Output.
    #[serde(default, deserialize_with = "some")]
    pub output: Option<Value>,
    /// Error.
    #[serde(default)]
    pub error: Option<String>,
    /// Part of the cause.
    #[serde(default)]
    pub cause: Option<String>,
    /// Names of all states in the order in which they are entered.
    #[serde(default)]
    pub path: Option<Vec<String>>,
    /// Calls of each state's task.
    #[serde(default)]
    pub calls: BTreeMap<String, usize>,
    /// Seconds that the execution may take at most, by the virtual clock.
    #[serde(default)]
    pub within: Option<f64>,
}

fn empty() -> Value {
    Value::Object(serde_json::Map::new())
}

/// `null` is a value like any other.
fn some<'de, D: Deserializer<'de>>(from: D) -> Result<Option<Value>, D::Error> {
    Value::deserialize(from).map(Some)
}

impl Answers {
    /// The answer to call `number` (from 0).
    pub fn of(&self, number: usize) -> Option<&Answer> {
        match self {
            Self::One(answer) => Some(answer),
            Self::Each(answers) => answers.get(number).or(answers.last()),
        }
    }

    fn all(&self) -> &[Answer] {
        match self {
            Self::One(answer) => std::slice::from_ref(answer),
            Self::Each(answers) => answers,
        }
    }
}

/// Reads the file, and compiles its machine.
///
/// # Errors
/// What is wrong with either, in words.
pub fn read(path: &Path) -> Result<(File, Arc<Program>), Error> {
    let place = |what: String| Error(format!("{}: {what}", path.display()));
    let value = documents::read(path)?;
    let file: File = serde_json::from_value(value).map_err(|e| place(e.to_string()))?;
    let definition = match &file.machine {
        Value::String(name) => {
            let beside = path.parent().unwrap_or(Path::new("")).join(name);
            documents::read(&beside)?
        }
        other => other.clone(),
    };
    let compile = match file.kind.as_deref() {
        None | Some("STANDARD") => baton_language::compile,
        Some("EXPRESS") => baton_language::compile_express,
        Some(other) => return Err(place(format!("type {other}: must be STANDARD or EXPRESS"))),
    };
    let (program, _) = compile(&definition.to_string()).map_err(|findings| {
        let words: Vec<String> = findings
            .iter()
            .map(|d| format!("{} at {}: {}", d.code, d.location, d.message))
            .collect();
        place(format!("the machine: {}", words.join("; ")))
    })?;
    for test in &file.tests {
        check(test, &program).map_err(|what| place(format!("test '{}': {what}", test.name)))?;
    }
    Ok((file, Arc::new(program)))
}

/// A mock of a state that there is not, or that says nothing, is a mistake.
fn check(test: &Test, program: &Program) -> Result<(), String> {
    let known = |name: &str| program.states.iter().any(|state| &*state.name == name);
    let path = test.expect.path.iter().flatten();
    let named = test
        .mocks
        .keys()
        .chain(test.expect.calls.keys())
        .chain(path);
    for name in named {
        if !known(name) {
            return Err(format!("the machine has no state '{name}'"));
        }
    }
    for (name, answers) in &test.mocks {
        let unclear = |answer: &Answer| {
            let said = [
                answer.output.is_some(),
                answer.error.is_some(),
                answer.never,
            ];
            said.into_iter().filter(|said| *said).count() != 1
        };
        if answers.all().is_empty() || answers.all().iter().any(unclear) {
            return Err(format!(
                "the mock of '{name}' must say one of `return`, `error` and `never: true`"
            ));
        }
    }
    Ok(())
}
