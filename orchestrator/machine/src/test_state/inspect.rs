//! What TestState shows of the data on its way (`inspectionData`).
//!
//! Owns: which stages each type of state has, in the order in which the machine goes through them. A stage's value is
//! what a Pass state with the stage's fields makes of the stage before.

use super::Request;
use super::answer::Refusal;
use super::definition::Tested;
use super::trial::{Ended, Outcome, Trial};
use baton_schemas::history::Failure;
use serde_json::{Map, Value, json};

/// What was seen before the state's work.
pub(super) struct Before {
    /// As shown.
    pub shown: Map<String, Value>,
    /// Why it never came to the work.
    pub failure: Option<Failure>,
    /// Items of a Map.
    items: Option<usize>,
    tolerated_count: Option<u64>,
    tolerated_percentage: Option<f64>,
}

impl Before {
    /// Whether so many failed iterations are more than the Map tolerates. A Map that says nothing tolerates them here.
    pub fn exceeds(&self, failed: u64) -> bool {
        let share = 100.0 * failed as f64 / self.items.unwrap_or(0).max(1) as f64;
        self.tolerated_count.is_some_and(|count| failed > count)
            || self
                .tolerated_percentage
                .is_some_and(|percentage| share > percentage)
    }
}

/// Goes through the stages before the state's work.
pub(super) fn before(trial: &Trial<'_>, request: &Request<'_>) -> Result<Before, Refusal> {
    let mut seen = Before {
        shown: Map::new(),
        failure: None,
        items: None,
        tolerated_count: None,
        tolerated_percentage: None,
    };
    show(&mut seen.shown, "input", &trial.input);
    let state = &trial.tested.state;
    // A Pass state with a fixed Result doesn't look at its input, and AWS shows nothing of a Parallel's.
    let is_blind = trial.tested.kind() == "Pass" && state.contains_key("Result")
        || trial.tested.kind() == "Parallel";
    let mut effective = trial.input.clone();
    if !trial.tested.jsonata {
        let Some(input) = take(
            &mut seen,
            trial.passed(&trial.input, picked(state, &["InputPath"]))?,
        ) else {
            return Ok(seen);
        };
        if !is_blind {
            show(&mut seen.shown, "afterInputPath", &input);
        }
        effective = input;
    }
    match trial.tested.kind() {
        "Map" => map(trial, request, &effective, &mut seen)?,
        "Task" | "Pass" if !trial.tested.jsonata && !is_blind => {
            let filled = trial.passed(&trial.input, picked(state, &["InputPath", "Parameters"]))?;
            if let Some(value) = take(&mut seen, filled) {
                show(&mut seen.shown, "afterParameters", &value);
            }
        }
        "Task" => {
            if let Some(arguments) = state.get("Arguments") {
                let filled = trial.passed(&trial.input, json!({"Output": arguments}))?;
                if let Some(value) = take(&mut seen, filled) {
                    show(&mut seen.shown, "afterArguments", &value);
                }
            }
        }
        _ => {}
    }
    Ok(seen)
}

/// A Map's items and numbers.
fn map(
    trial: &Trial<'_>,
    request: &Request<'_>,
    input: &Value,
    seen: &mut Before,
) -> Result<(), Refusal> {
    seen.failure = trial.refuses_input()?;
    if seen.failure.is_some() {
        return Ok(());
    }
    let state = &trial.tested.state;
    let items = if let Some(data) = request.map_item_reader_data {
        super::json_of("mapItemReaderData", data)?
    } else if trial.tested.jsonata {
        let items = json!({"Output": state.get("Items").cloned().unwrap_or_else(|| input.clone())});
        trial.passed(&trial.input, items)?.unwrap_or(Value::Null)
    } else {
        let path = state
            .get("ItemsPath")
            .cloned()
            .unwrap_or_else(|| "$".into());
        let items = trial
            .passed(input, json!({"InputPath": path}))?
            .unwrap_or(Value::Null);
        if !state.contains_key("ItemReader") {
            show(&mut seen.shown, "afterItemsPath", &items);
        }
        items
    };
    seen.items = items.as_array().map(Vec::len);
    let limit = seen.items.unwrap_or(0) as u64;
    if request
        .map_iteration_failure_count
        .is_some_and(|count| seen.items.is_some() && count > limit)
    {
        let what = "Map iteration failure count must be less than or equal to the number of Map iterations";
        return Err(Refusal::validation(what));
    }
    let concurrency = number(trial, input, "MaxConcurrency")?.unwrap_or_else(|| 0.into());
    seen.shown.insert("maxConcurrency".to_owned(), concurrency);
    if let Some(count) = number(trial, input, "ToleratedFailureCount")? {
        seen.tolerated_count = count.as_u64();
        seen.shown.insert("toleratedFailureCount".to_owned(), count);
    }
    if let Some(percentage) = number(trial, input, "ToleratedFailurePercentage")? {
        seen.tolerated_percentage = percentage.as_f64();
        seen.shown.insert(
            "toleratedFailurePercentage".to_owned(),
            json!(percentage.as_f64()),
        );
    }
    Ok(())
}

/// A number of a Map: written down, computed, or found by its `...Path`.
fn number(trial: &Trial<'_>, input: &Value, field: &str) -> Result<Option<Value>, Refusal> {
    let state = &trial.tested.state;
    let found = match (state.get(field), state.get(&format!("{field}Path"))) {
        (Some(number @ Value::Number(_)), _) => return Ok(Some(number.clone())),
        (Some(expression), _) => trial.passed(&trial.input, json!({"Output": expression}))?,
        (None, Some(path)) => trial.passed(input, json!({"InputPath": path}))?,
        (None, None) => return Ok(None),
    };
    Ok(found.ok())
}

/// Goes through the stages after the state's work, which ended well.
pub(super) fn after(
    trial: &Trial<'_>,
    outcome: Option<&Outcome>,
    shown: &mut Map<String, Value>,
) -> Result<(), Refusal> {
    let state = &trial.tested.state;
    let result = match (trial.tested.kind(), outcome) {
        ("Pass", _) => state.get("Result").cloned(),
        (_, Some(Ok(result))) => Some(result.to_value()),
        _ => None,
    };
    let shows_result =
        trial.tested.kind() == "Task" || (trial.tested.kind() == "Pass" && !trial.tested.jsonata);
    if let Some(result) = result.as_ref().filter(|_| shows_result) {
        show(shown, "result", result);
    }
    if trial.tested.jsonata || !trial.tested.is_one_of(&["Pass", "Task", "Map", "Parallel"]) {
        return Ok(());
    }
    let mut stage = trial.tested.runnable();
    stage.retain(|name, _| name != "OutputPath" && name != "Assign" && name != "Next");
    stage.insert("End".to_owned(), true.into());
    let with_path = stage.clone();
    stage.shift_remove("ResultPath");
    for (name, stage) in [
        ("afterResultSelector", stage),
        ("afterResultPath", with_path),
    ] {
        if let Ended::Left { output, .. } = trial.run(stage, &trial.input, outcome, 0)? {
            show(shown, name, &output.to_value());
        }
    }
    Ok(())
}

/// The variables as they are after the state.
pub(super) fn variables(trial: &Trial<'_>, ended: &Ended, shown: &mut Map<String, Value>) {
    let mut variables = trial.variables.as_object().cloned().unwrap_or_default();
    if let Ended::Left { assigned, .. } = ended {
        for (name, text) in assigned {
            let value = text
                .as_str()
                .and_then(|text| serde_json::from_str(text).ok());
            variables.insert(name.clone(), value.unwrap_or_else(|| text.clone()));
        }
    }
    if !variables.is_empty() {
        show(shown, "variables", &Value::Object(variables));
    }
}

/// Which retrier or catcher takes the error.
pub(super) fn error_details(
    tested: &Tested,
    bare: &Ended,
    ended: &Ended,
    shown: &mut Map<String, Value>,
) {
    let Ended::Failed(failure) = bare else { return };
    let position = |field: &str| {
        let entries = tested.state.get(field).and_then(Value::as_array)?;
        entries.iter().position(|entry| {
            let names = entry["ErrorEquals"].as_array().into_iter().flatten();
            let names: Vec<_> = names.filter_map(Value::as_str).map(Into::into).collect();
            crate::errors::matches(&names, failure.error.as_deref())
        })
    };
    let mut details = Map::new();
    match ended {
        Ended::Retried { retrier, delay_s } => {
            details.insert("retryIndex".to_owned(), (*retrier).into());
            details.insert("retryBackoffIntervalSeconds".to_owned(), (*delay_s).into());
        }
        _ => details.extend(position("Retry").map(|index| ("retryIndex".to_owned(), index.into()))),
    }
    if let Ended::Left { .. } = ended {
        details.extend(position("Catch").map(|index| ("catchIndex".to_owned(), index.into())));
    }
    if !details.is_empty() {
        shown.insert("errorDetails".to_owned(), Value::Object(details));
    }
}

/// What a stage gave; notes the failure if it gave nothing.
fn take(seen: &mut Before, value: Result<Value, Failure>) -> Option<Value> {
    match value {
        Ok(value) => Some(value),
        Err(failure) => {
            seen.failure = Some(failure);
            None
        }
    }
}

/// Some of the state's fields.
fn picked(state: &Map<String, Value>, names: &[&str]) -> Value {
    let found = names
        .iter()
        .filter_map(|name| Some(((*name).to_owned(), state.get(*name)?.clone())));
    Value::Object(found.collect())
}

fn show(shown: &mut Map<String, Value>, name: &str, value: &Value) {
    shown.insert(name.to_owned(), value.to_string().into());
}
