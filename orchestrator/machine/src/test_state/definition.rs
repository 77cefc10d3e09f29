//! The machine around the state that is tested.
//!
//! Owns: finding the state, and the definitions that are run in its place. What a definition means is the language's.

use super::Request;
use super::answer::Refusal;
use baton_language::{Diagnostic, Program, Severity, compile};
use serde_json::{Map, Value, json};
use std::sync::Arc;

/// What AWS calls the state that is tested.
pub(super) const NAME: &str = "StateName";
/// The state before it, which sets the variables.
const BEGIN: &str = "TestState: begin";
/// A resource that stands for whatever is mocked.
const MOCKED: &str = "arn:aws:states:::baton:task.mocked";

/// The state that is tested.
#[derive(Debug)]
pub(super) struct Tested {
    /// Its fields.
    pub state: Map<String, Value>,
    /// Whether its query language is JSONata.
    pub jsonata: bool,
    /// Whether its result is mocked.
    mocked: bool,
}

impl Tested {
    /// Finds the state that the request names.
    pub fn read(request: &Request<'_>) -> Result<Self, Refusal> {
        // The compiler says best what is wrong with a text that is no definition at all.
        let value: Value = serde_json::from_str(request.definition).or_else(|_| {
            compile(request.definition)
                .map(|_| Value::Null)
                .map_err(|found| refused(&found))
        })?;
        let machine = value.get("States").is_some();
        let top = value.get("QueryLanguage").cloned();
        let mut state = match (machine, request.state_name) {
            (true, Some(name)) => {
                compile(request.definition).map_err(|found| refused(&found))?;
                let missing = || Refusal::validation("State not found in definition");
                find(&value, name).cloned().ok_or_else(missing)?
            }
            (true, None) => {
                let what = "StateName must be specified when the definition is a state machine.";
                return Err(Refusal::validation(what));
            }
            (false, _) => value,
        };
        let own = state.get("QueryLanguage").cloned().or(top);
        let Some(fields) = state.as_object_mut() else {
            let found = compile(request.definition).err().unwrap_or_default();
            return Err(refused(&found));
        };
        let jsonata = own.as_ref().is_some_and(|language| language == "JSONata");
        if let Some(language) = own {
            fields.insert("QueryLanguage".to_owned(), language);
        }
        let state = std::mem::take(fields);
        let tested = Self {
            state,
            jsonata,
            mocked: request.mock.is_some(),
        };
        tested.program(tested.state.clone())?;
        Ok(tested)
    }

    /// `Type`.
    pub fn kind(&self) -> &str {
        self.state.get("Type").and_then(Value::as_str).unwrap_or("")
    }

    /// Whether `Type` is one of these.
    pub fn is_one_of(&self, kinds: &[&str]) -> bool {
        kinds.contains(&self.kind())
    }

    /// AWS's `resourceType` and `resource` of a Task.
    pub fn resource(&self) -> Option<(&str, &str)> {
        let arn = self.state.get("Resource")?.as_str()?;
        arn.strip_prefix("arn:aws:states:::")?.rsplit_once(':')
    }

    /// The state as it is run: where a result is mocked a Task that waits for it.
    pub fn runnable(&self) -> Map<String, Value> {
        let mut state = self.state.clone();
        if !self.mocked || !self.is_one_of(&["Task", "Map", "Parallel"]) {
            return state;
        }
        if self.kind() != "Task" {
            // What comes before the result was looked at on its own; of what follows nothing is the type's own.
            let kept = [
                "QueryLanguage",
                "ResultSelector",
                "ResultPath",
                "OutputPath",
                "Output",
                "Assign",
                "Retry",
                "Catch",
                "Next",
                "End",
                "Comment",
            ];
            state.retain(|name, _| kept.contains(&name.as_str()));
            state.insert("Type".to_owned(), "Task".into());
        }
        state.insert("Resource".to_owned(), MOCKED.into());
        state
    }

    /// A machine that sets the variables and then enters this state.
    pub fn program(&self, state: Map<String, Value>) -> Result<Arc<Program>, Refusal> {
        let begin = json!({"Type": "Pass", "QueryLanguage": "JSONPath", "OutputPath": "$.input", "Next": NAME});
        self.compiled(begin, state)
    }

    /// The same with variables of these names; they and the state's input come in as `{"input", "variables"}`.
    pub fn program_with(
        &self,
        state: Map<String, Value>,
        variables: &Map<String, Value>,
    ) -> Result<Arc<Program>, Refusal> {
        let mut begin = json!({"Type": "Pass", "QueryLanguage": "JSONPath", "OutputPath": "$.input", "Next": NAME});
        if !variables.is_empty() {
            let assign: Map<String, Value> = variables
                .keys()
                .map(|name| (format!("{name}.$"), format!("$.variables['{name}']").into()))
                .collect();
            begin["Assign"] = Value::Object(assign);
        }
        self.compiled(begin, state)
    }

    fn compiled(&self, begin: Value, state: Map<String, Value>) -> Result<Arc<Program>, Refusal> {
        let mut states = Map::new();
        for name in targets(&state) {
            states.insert(name, json!({"Type": "Succeed"}));
        }
        states.insert(BEGIN.to_owned(), begin);
        states.insert(NAME.to_owned(), Value::Object(state));
        let machine = json!({"StartAt": BEGIN, "States": states});
        let (program, _) = compile(&machine.to_string()).map_err(|found| refused(&found))?;
        Ok(Arc::new(program))
    }
}

/// The state of this name in any scope.
fn find<'a>(value: &'a Value, name: &str) -> Option<&'a Value> {
    match value {
        Value::Object(fields) => {
            let here = fields.get("States").and_then(|states| states.get(name));
            here.or_else(|| fields.values().find_map(|field| find(field, name)))
        }
        Value::Array(items) => items.iter().find_map(|item| find(item, name)),
        _ => None,
    }
}

/// Names of the states that this one may lead to.
fn targets(state: &Map<String, Value>) -> Vec<String> {
    let lists = ["Choices", "Catch"]
        .into_iter()
        .filter_map(|name| state.get(name)?.as_array());
    let nested = lists.flatten().filter_map(|entry| entry.get("Next"));
    let own = ["Next", "Default"]
        .into_iter()
        .filter_map(|name| state.get(name));
    let names = own.chain(nested).filter_map(Value::as_str);
    names
        .filter(|name| !name.is_empty())
        .map(str::to_owned)
        .collect()
}

fn refused(found: &[Diagnostic]) -> Refusal {
    let errors = found.iter().filter(|d| d.severity == Severity::Error);
    let words: Vec<String> = errors
        .map(|d| format!("{}: {} at {}", d.code, d.message, d.location))
        .collect();
    Refusal::definition(format!(
        "Invalid State Machine Definition: '{}'",
        words.join(", ")
    ))
}
