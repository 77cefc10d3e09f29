//! Running one recorded execution through the engine.
//!
//! Owns: the start, the order of what happens (answers first, then a stop that the case asks for, then time), and the
//! outcome. What workers answer is `tasks`.

use crate::case::{ACCOUNT, Case, REGION, ROLE};
use crate::compare::Outcome;
use crate::tasks::Workers;
use crate::world::{START_MS, World};
use baton_engine::call::StartCall;
use baton_engine::{Call, Definitions, Reply};
use baton_machine::logging::Logging;
use baton_machine::{Status, aws_history};
use baton_schemas::history::{EventKind, Failure};
use baton_schemas::registry::{RegistryBody, RegistryEntry, StateMachineEntry};
use baton_schemas::{Payload, time};
use serde_json::{Value, json};
use std::sync::Arc;

/// Most completions, stops and ticks of one case.
const STEPS_MAX: usize = 200_000;

/// Runs the case.
///
/// # Errors
/// Why it could not be run: its definition is refused, or the start is.
pub fn execution(case: &Case, crashes: bool) -> Result<Outcome, String> {
    let express = case.json["type"] == "EXPRESS";
    // An Express execution does not outlive its owner.
    let mut world = World::new(crashes && !express);
    let machine = register(&mut world, case, express)?;
    let definition = world
        .registry()
        .current(&machine)
        .ok_or("the definition is not stored")?;
    let execution: Arc<str> = if express {
        format!("arn:aws:states:{REGION}:{ACCOUNT}:express:machine:run:id").into()
    } else {
        format!("arn:aws:states:{REGION}:{ACCOUNT}:execution:machine:run").into()
    };
    let start = StartCall {
        execution: execution.clone(),
        definition,
        input: Payload::from_value(&input(case)),
        traceparent: None,
        qualifier: None,
    };
    if express {
        return run_express(&mut world, case, start);
    }
    world
        .call(Call::Start(Box::new(start)))
        .map_err(|e| format!("the start is refused: {e}"))?;
    live(&mut world, case, &execution);
    match world.halted() {
        Some(why) => Err(format!("the owner halted: {why}")),
        None => Ok(outcome(&world, case, &execution)),
    }
}

/// Runs an Express execution: what became of it is in the caller's answer, or in the last log record.
fn run_express(world: &mut World, case: &Case, start: StartCall) -> Result<Outcome, String> {
    let synchronous = case.json["expect"].get("start_sync_execution").is_some();
    let start = Box::new(start);
    let call = if synchronous {
        world.ask(Call::StartSync(start))
    } else {
        world.ask(Call::Start(start))
    };
    let mut workers = Workers::new(case);
    for _ in 0..STEPS_MAX {
        workers.serve(world);
        let is_over = if synchronous {
            world.answer(call).is_some()
        } else {
            world.logs().last().is_some_and(ends)
        };
        if is_over || world.halted().is_some() {
            break;
        }
        match workers.next_answer() {
            Some(completion) => world.complete(completion),
            None if !world.pass_time() => break,
            None => {}
        }
    }
    let mut outcome = Outcome {
        logs: world.logs().to_vec(),
        ..Outcome::default()
    };
    match world.answer(call) {
        Some(Ok(Reply::Finished(finished))) => {
            outcome.status = finished.status.as_str().to_owned();
            outcome.output = finished.output.as_ref().map(Payload::to_value);
            outcome.failure = finished.failure.clone();
        }
        Some(Ok(_)) => {
            let last = outcome.logs.last().cloned().unwrap_or_default();
            let text = |name: &str| last["details"][name].as_str();
            let kind = last["type"].as_str().unwrap_or_default();
            outcome.status = kind.trim_start_matches("Execution").to_uppercase();
            outcome.output = text("output").and_then(|text| serde_json::from_str(text).ok());
            outcome.failure = Failure {
                error: text("error").map(Arc::from),
                cause: text("cause").map(Arc::from),
            };
        }
        Some(Err(e)) => return Err(format!("the start is refused: {e}")),
        None => return Err("the caller was never answered".to_owned()),
    }
    Ok(outcome)
}

/// Whether the log record is an execution's last.
fn ends(record: &Value) -> bool {
    let kind = record["type"].as_str().unwrap_or_default();
    kind.starts_with("Execution") && kind != "ExecutionStarted"
}

/// What AWS reports as an error when the definition is refused: all findings.
fn register(world: &mut World, case: &Case, express: bool) -> Result<Arc<str>, String> {
    let definition = case.definition();
    let compile = if express {
        baton_language::compile_express
    } else {
        baton_language::compile
    };
    compile(&definition).map_err(|found| {
        let words: Vec<String> = found
            .iter()
            .map(|d| format!("{} at {}: {}", d.code, d.location, d.message))
            .collect();
        format!("the definition is refused: {}", words.join("; "))
    })?;
    let arn: Arc<str> = format!("arn:aws:states:{REGION}:{ACCOUNT}:stateMachine:machine").into();
    let machine = StateMachineEntry {
        name: "machine".into(),
        definition: definition.into(),
        role_arn: ROLE.into(),
        kind: if express { "EXPRESS" } else { "STANDARD" }.into(),
        created_ms: START_MS,
        settings: json!({"loggingConfiguration": case.json["logging"]}),
        search_attributes: Default::default(),
    };
    let entry = RegistryEntry {
        v: baton_schemas::registry::VERSION,
        arn: arn.clone(),
        based_on: None,
        attempt: "conformance".into(),
        time_ms: START_MS,
        body: RegistryBody::StateMachine(machine),
    };
    world.register(&entry).map_err(|e| e.to_string())?;
    Ok(arn)
}

fn live(world: &mut World, case: &Case, execution: &Arc<str>) {
    let mut workers = Workers::new(case);
    for _ in 0..STEPS_MAX {
        workers.serve(world);
        if world.halted().is_some() || !world.seen(execution).is_some_and(|seen| seen.is_open()) {
            return;
        }
        if let Some(completion) = workers.next_answer() {
            world.complete(completion);
        } else if case.has_need("stop-execution") {
            let stop = Call::Stop {
                execution: execution.clone(),
                failure: Failure::default(),
            };
            let _ = world.call(stop);
        } else if case.has_need("still-running") || !world.wait(execution) {
            return;
        }
    }
}

fn outcome(world: &World, case: &Case, execution: &str) -> Outcome {
    let mut outcome = Outcome::default();
    let Some(seen) = world.seen(execution) else {
        return outcome;
    };
    let logging = Logging::of(&case.json["logging"]);
    for (now_ms, event) in seen.events() {
        outcome
            .history
            .extend(aws_history::to_aws(&event, now_ms, REGION, true));
        let record = logging.record(&event, now_ms, execution, REGION, 0);
        outcome.logs.extend(record);
        match event.kind {
            EventKind::ExecutionSucceeded => {
                outcome.output = event.data.map(|data| data.to_value())
            }
            EventKind::ExecutionFailed(failure)
            | EventKind::ExecutionAborted(failure)
            | EventKind::ExecutionTimedOut(failure) => outcome.failure = failure,
            _ => {}
        }
    }
    outcome.status = seen.summary.status.as_str().to_owned();
    debug_assert!(seen.summary.status != Status::Running || seen.summary.stop_ms.is_none());
    outcome
}

/// The input; where the case needs a time near now, that of 3 seconds later, with the zone that its id names.
fn input(case: &Case) -> Value {
    let input = &case.json["input"];
    if !case.has_need("clock-relative-input") {
        return input.clone();
    }
    let zone = case
        .id
        .split('[')
        .nth(1)
        .map_or("", |rest| rest.split(']').next().unwrap_or(""));
    let soon = time::rfc3339(START_MS + 3_000);
    let second = soon.split('.').next().unwrap_or("");
    let text = input
        .to_string()
        .replace("<timestamp>", &format!("{second}{zone}"));
    serde_json::from_str(&text).unwrap_or_else(|_| input.clone())
}
