//! Cases that are sequences of calls, through the real API over the real owner.
//!
//! Owns: the order of a case's steps, and when time passes between them. What a call's arguments stand for is `names`,
//! what its answer must be `answers`; `node` is the API with its world. Must not: treat a case by its name.

mod answers;
mod names;
mod node;

use crate::case::Case;
use crate::values::Bindings;
use crate::verdict::Check;
use names::Names;
use node::Node;
use serde_json::Value;

/// Calls before which all that was started is given the time to end, as the recorded tests waited for it.
const AFTER_THE_END: [&str; 3] = ["DescribeExecution", "GetExecutionHistory", "ListExecutions"];

/// Runs the steps in order. For each step, whether its answer is the recorded one; `None` where none was recorded.
#[must_use]
pub fn run(case: &Case) -> Vec<Option<Check>> {
    let node = Node::new(case);
    let mut names = Names::default();
    let mut bindings = Bindings::new("");
    let steps = &names::with_placeholders(case.list("steps"));
    let mut checks = Vec::with_capacity(steps.len());
    let recorded_on = case.json["validated_on_aws"]
        .as_str()
        .or(case.json["snapshot_recorded"].as_str());
    for (at, step) in steps.iter().enumerate() {
        let step = &names::with_arns(step);
        let operation = step["op"].as_str().unwrap_or("");
        let args = names.resolve(&step["args"], &mut bindings);
        if AFTER_THE_END.contains(&operation) {
            let stopped = stopped_later(&steps[at + 1..], &names, &bindings);
            node.settle(&stopped);
        }
        let answer = match step["service"].as_str() {
            None | Some("stepfunctions") => node.call(operation, &args),
            Some(other) => Err(format!("{other} is not served")),
        };
        if let Ok(answer) = &answer {
            names.remember(&answer.body);
        }
        let answer = answer.map(|answer| answers::as_of(answer, recorded_on.unwrap_or_default()));
        checks.push(answers::check(step, answer, &mut bindings));
    }
    checks
}

/// ARNs of executions that a later step stops: they must still run then.
fn stopped_later(steps: &[Value], names: &Names, bindings: &Bindings<'_>) -> Vec<String> {
    let stops = steps.iter().filter(|step| step["op"] == "StopExecution");
    stops
        .filter_map(|step| {
            let mut bindings = bindings.clone();
            let args = names.clone().resolve(&step["args"], &mut bindings);
            args["executionArn"].as_str().map(str::to_owned)
        })
        .collect()
}
