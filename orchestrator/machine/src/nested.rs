//! Child executions: those that a `states:startExecution` task starts, and those of a distributed Map.
//!
//! Owns: what a child is called, what it gets, and in which form it reports. Everything follows from the parent's ARN
//! and an event id, so a repeated start is the same start (R12).

use crate::effect::ChildStart;
use crate::errors::failure;
use crate::execution::Execution;
use crate::frame::OpenTask;
use crate::map_run::MapRun;
use baton_schemas::Payload;
use baton_schemas::arn::{arn_hash, execution_arn, state_machine_arn};
use baton_schemas::history::Failure;
use baton_schemas::parent::{MapItem, ReportForm};
use serde_json::Value;
use std::sync::Arc;

/// The child that a task of this event id starts.
///
/// # Errors
/// The task's failure, as AWS's StartExecution fails.
pub(crate) fn of_task(arn: &str, task: &OpenTask) -> Result<Box<ChildStart>, Failure> {
    let parameters = task.input.to_value();
    let text = |name: &str| parameters.get(name).and_then(Value::as_str);
    let Some(machine) = text("StateMachineArn") else {
        let cause = "The parameter 'StateMachineArn' must be the ARN of a state machine";
        return Err(failure("StepFunctions.InvalidArnException", cause));
    };
    let name = match parameters.get("Name") {
        None | Some(Value::Null) => uuid_of(&format!("{arn}#{}", task.id)),
        Some(Value::String(name)) => name.as_str().into(),
        Some(other) => other.to_string().into(),
    };
    // Whether there can be such an execution is for whoever starts it to say.
    let execution = execution_arn(machine, &name);
    let execution = execution.unwrap_or_else(|| format!("{machine}:{name}").into());
    let input = match parameters.get("Input") {
        None | Some(Value::Null) => Payload::empty_object(),
        Some(Value::String(text)) => Payload::from_text(text).map_err(|e| {
            let cause = format!("Invalid State Machine Execution Input: '{e}'");
            failure("StepFunctions.InvalidExecutionInputException", &cause)
        })?,
        Some(input) => Payload::from_value(input),
    };
    let report = match &*task.resource.name {
        "startExecution.sync" => ReportForm::Sync,
        "startExecution.sync:2" => ReportForm::Sync2,
        "startExecution.waitForTaskToken" => ReportForm::Submitted,
        _ => ReportForm::Started,
    };
    Ok(Box::new(ChildStart {
        task: task.id,
        execution,
        machine: machine.into(),
        name,
        input,
        report,
        item: None,
    }))
}

/// The child whose end the task waits for: stopped with it.
pub(crate) fn awaited(arn: &str, task: &OpenTask) -> Option<Arc<str>> {
    if &*task.queue != baton_language::resource::INSIDE {
        return None;
    }
    let child = of_task(arn, task).ok()?;
    matches!(child.report, ReportForm::Sync | ReportForm::Sync2).then_some(child.execution)
}

/// A child of a distributed Map, whose state and execution type are given.
pub(crate) fn item(
    execution: &Execution,
    run: &MapRun,
    (state, express): (Arc<str>, bool),
    index: u64,
    report: ReportForm,
    input: Payload,
) -> Option<Box<ChildStart>> {
    let machine = child_machine(&run.arn)?;
    let name = uuid_of(&format!("{}#{index}", run.arn));
    Some(Box::new(ChildStart {
        task: run.id,
        execution: execution_arn(&machine, &name)?,
        machine,
        name,
        input,
        report,
        item: Some(MapItem {
            run: run.arn.clone(),
            state,
            index,
            revision: execution.started.revision,
            express,
        }),
    }))
}

/// ARN of the child of this number.
pub(crate) fn item_arn(run: &MapRun, index: u64) -> Option<Arc<str>> {
    let machine = child_machine(&run.arn)?;
    execution_arn(&machine, &uuid_of(&format!("{}#{index}", run.arn)))
}

/// ARN of the map run that event `id` begins: `arn:aws:states:<region>:<account>:mapRun:<machine>/<label>:<uuid>`.
pub(crate) fn run_arn(
    execution: &Execution,
    state: &str,
    label: Option<&str>,
    id: u64,
) -> Arc<str> {
    let arn = &execution.arn;
    let mut parts = arn.split(':').skip(3);
    let (region, account) = (parts.next().unwrap_or(""), parts.next().unwrap_or(""));
    // Within a child of another Map the machine's name has that one's label behind it.
    let machine = parts.nth(1).unwrap_or("");
    let machine = machine.split('/').next().unwrap_or(machine);
    let label = label.map_or_else(|| uuid_of(&format!("{machine}/{state}")), Arc::from);
    let id = uuid_of(&format!("{arn}#{id}"));
    format!("arn:aws:states:{region}:{account}:mapRun:{machine}/{label}:{id}").into()
}

/// The ARN that the children of a run have as their state machine's.
fn child_machine(run: &str) -> Option<Arc<str>> {
    let mut parts = run.strip_prefix("arn:aws:states:")?.splitn(4, ':');
    let (region, account) = (parts.next()?, parts.next()?);
    let (_, rest) = (parts.next()?, parts.next()?);
    Some(state_machine_arn(region, account, rest.rsplit_once(':')?.0))
}

/// A UUID that is always the same for `seed`.
pub(crate) fn uuid_of(seed: &str) -> Arc<str> {
    let mut mixed = arn_hash(seed);
    // FNV spreads the last characters poorly over the first half.
    mixed ^= mixed
        .rotate_left(61)
        .wrapping_mul(0x9e37_79b9_7f4a_7c15_f39c_c060_5ced_c835);
    mixed = mixed.wrapping_mul(0xbf58_476d_1ce4_e5b9_94d0_49bb_1331_11eb);
    mixed ^= mixed >> 67;
    let hex = format!("{mixed:032x}");
    let (a, b, c, d, e) = (
        &hex[..8],
        &hex[8..12],
        &hex[13..16],
        &hex[17..20],
        &hex[20..],
    );
    format!("{a}-{b}-4{c}-8{d}-{e}").into()
}
