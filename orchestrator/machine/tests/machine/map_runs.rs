//! Child executions: distributed Maps and nested starts, from the parent's side.

use crate::support::{ARN, START_MS, begin, commands, failure, json, names, program, tick};
use baton_machine::{
    ChildStart, Effect, Execution, Limits, MAP_IO, MapRunBounds, Status, Step, Stimulus,
};
use baton_schemas::Payload;
use serde_json::{Value, json as value};

fn map(fields: &str) -> String {
    format!(
        r#"{{"StartAt":"M","States":{{"M":{{"Type":"Map",{fields}"End":true,"ItemProcessor":{{
        "ProcessorConfig":{{"Mode":"DISTRIBUTED","ExecutionType":"STANDARD"}},"StartAt":"I",
        "States":{{"I":{{"Type":"Pass","End":true}}}}}}}}}}}}"#
    )
}

fn children(step: &Step) -> Vec<&ChildStart> {
    let mut found = Vec::new();
    for effect in &step.effects {
        if let Effect::StartChild(child) = effect {
            found.push(&**child);
        }
    }
    found
}

fn stops(step: &Step) -> usize {
    let is_stop = |effect: &&Effect| matches!(effect, Effect::StopChild { .. });
    step.effects.iter().filter(is_stop).count()
}

/// Event id of MapRunStarted, where the Map is the first state.
const RUN: u64 = 4;

fn ended(child: u64, status: &str, output: &Value) -> Stimulus {
    let report = match status {
        "SUCCEEDED" => value!({"child": child, "status": status, "output": output}),
        _ => value!({"child": child, "status": status, "details": {"Error": "E"}}),
    };
    Stimulus::TaskSucceeded {
        task: RUN,
        output: Payload::from_value(&report),
    }
}

fn output(step: &Step) -> Value {
    let last = step.events.last().expect("events");
    last.data.as_ref().expect("an output").to_value()
}

#[test]
fn results_come_in_the_order_of_the_items_whatever_ends_first() {
    let (mut execution, step) = begin(&map(r#""MaxConcurrency":2,"#), "[10,20,30]");
    assert_eq!(
        names(&step)[2..],
        ["MapStateStarted", "MapRunStarted", "MapChildrenStarted"]
    );
    let first = children(&step);
    assert_eq!(first.len(), 2);
    assert_eq!(first[0].input.as_str(), "10");
    assert!(first[0].execution.contains(":execution:machine/"));
    let step = execution.handle(ended(1, "SUCCEEDED", &value!("b")), START_MS);
    assert_eq!(children(&step).len(), 1, "one ended, one starts");
    let again = execution.handle(ended(1, "SUCCEEDED", &value!("x")), START_MS);
    assert_eq!(names(&again), ["CompletionIgnored"]);
    execution.handle(ended(2, "SUCCEEDED", &Value::Null), START_MS);
    let step = execution.handle(ended(0, "SUCCEEDED", &value!("a")), START_MS);
    assert_eq!(output(&step), value!(["a", "b", null]));
    assert_eq!(execution.status(), Status::Succeeded);
}

#[test]
fn more_failures_than_tolerated_fail_the_run_and_stop_the_rest() {
    let (mut execution, _) = begin(&map(r#""ToleratedFailureCount":1,"#), "[1,2,3,4]");
    let step = execution.handle(ended(0, "FAILED", &Value::Null), START_MS);
    assert_eq!(names(&step), ["MapChildEnded"], "one may fail");
    let step = execution.handle(ended(1, "TIMED_OUT", &Value::Null), START_MS);
    assert_eq!(
        names(&step),
        [
            "MapChildEnded",
            "MapRunFailed",
            "MapStateFailed",
            "ExecutionFailed"
        ]
    );
    assert_eq!(stops(&step), 2);
}

#[test]
fn a_share_of_failures_counts_when_all_items_are_known() {
    let (mut execution, _) = begin(&map(r#""ToleratedFailurePercentage":34,"#), "[1,2,3]");
    execution.handle(ended(0, "FAILED", &Value::Null), START_MS);
    execution.handle(ended(1, "SUCCEEDED", &value!(2)), START_MS);
    let step = execution.handle(ended(2, "SUCCEEDED", &value!(3)), START_MS);
    assert_eq!(execution.status(), Status::Succeeded);
    assert_eq!(output(&step), value!([{"Error": "E"}, 2, 3]));
}

const READER: &str = r#""MaxConcurrency":2,"ItemReader":{"Resource":"arn:aws:states:::baton:readFile",
    "Parameters":{"Path":"f"},"ReaderConfig":{"InputType":"JSONL","MaxItems":3}},"#;

fn items(items: &Value, from: &Value, cursor: Option<Value>) -> Stimulus {
    let mut answer = value!({"items": items, "from": from});
    if let Some(cursor) = cursor {
        answer["cursor"] = cursor;
    }
    Stimulus::TaskSucceeded {
        task: RUN,
        output: Payload::from_value(&answer),
    }
}

#[test]
fn items_are_read_in_chunks_and_a_chunk_that_comes_twice_counts_once() {
    let (mut execution, step) = begin(&map(READER), "{}");
    let asked = commands(&step)[0];
    assert_eq!((&*asked.queue, asked.task), (MAP_IO, RUN));
    assert_eq!(asked.input.to_value()["left"], 3);
    let step = execution.handle(
        items(&value!([1, 2]), &Value::Null, Some(value!({"at": 4}))),
        START_MS,
    );
    assert_eq!(children(&step).len(), 2);
    let asked = commands(&step)[0].input.to_value();
    assert_eq!(
        (&asked["cursor"], &asked["left"]),
        (&value!({"at": 4}), &value!(1))
    );
    let again = execution.handle(
        items(&value!([1, 2]), &Value::Null, Some(value!({"at": 4}))),
        START_MS,
    );
    assert_eq!(names(&again), ["CompletionIgnored"]);
    execution.handle(items(&value!([3]), &value!({"at": 4}), None), START_MS);
    for child in 0..3 {
        execution.handle(ended(child, "SUCCEEDED", &value!(child)), START_MS);
    }
    assert_eq!(execution.status(), Status::Succeeded);
}

#[test]
fn what_cannot_be_read_fails_the_run() {
    let (mut execution, _) = begin(&map(READER), "{}");
    let refused = Stimulus::TaskFailed {
        task: RUN,
        failure: failure("States.ItemReaderFailed"),
    };
    let step = execution.handle(refused, START_MS);
    assert_eq!(
        names(&step),
        ["MapRunFailed", "MapStateFailed", "ExecutionFailed"]
    );
}

#[test]
fn a_step_starts_so_many_children_and_the_next_one_follows_at_once() {
    let many: Vec<u64> = (0..250).collect();
    let (mut execution, step) = begin(&map(""), &value!(many).to_string());
    assert_eq!(children(&step).len(), 100);
    let due = execution.next_due_ms(START_MS).expect("it goes on");
    assert!(due <= START_MS + 1);
    assert_eq!(children(&execution.handle(tick(), due)).len(), 100);
    assert_eq!(children(&execution.handle(tick(), due + 1)).len(), 50);
    assert_eq!(execution.next_due_ms(START_MS), None);
    let counts = &execution.map_runs()[0].execution_counts;
    assert_eq!((counts.running, counts.total), (250, 250));
}

#[test]
fn items_are_batched_with_what_they_share() {
    let fields = r#""ItemBatcher":{"MaxItemsPerBatch":2,"BatchInput":{"f.$":"$[0]"}},"ItemSelector":{"v.$":"$$.Map.Item.Value"},"#;
    let (mut execution, step) = begin(&map(fields), "[7,8,9]");
    let inputs: Vec<Value> = children(&step).iter().map(|c| c.input.to_value()).collect();
    assert_eq!(
        inputs,
        [
            value!({"BatchInput": {"f": 7}, "Items": [{"v": 7}, {"v": 8}]}),
            value!({"BatchInput": {"f": 7}, "Items": [{"v": 9}]}),
        ]
    );
    execution.handle(ended(0, "SUCCEEDED", &value!(1)), START_MS);
    assert_eq!(execution.map_runs()[0].item_counts.succeeded, 2);
}

#[test]
fn bounds_change_while_the_run_runs() {
    let (mut execution, step) = begin(&map(r#""MaxConcurrency":1,"#), "[1,2,3]");
    assert_eq!(children(&step).len(), 1);
    let run = execution.map_runs()[0].arn.clone();
    let bounds = MapRunBounds {
        concurrency: Some(3),
        ..MapRunBounds::default()
    };
    let step = execution.handle(Stimulus::ChangeMapRun { run, bounds }, START_MS);
    assert_eq!(children(&step).len(), 2);
}

#[test]
fn results_are_written_in_files_and_a_manifest_ends_them() {
    let writer = r#""ResultWriter":{"Resource":"arn:aws:states:::s3:putObject","Parameters":{"Bucket":"b","Prefix":"p/"}},"#;
    let (mut execution, _) = begin(&map(writer), "[1]");
    let report =
        value!({"child": 0, "status": "SUCCEEDED", "output": 1, "details": {"Output": "1"}});
    let done = Stimulus::TaskSucceeded {
        task: RUN,
        output: Payload::from_value(&report),
    };
    let step = execution.handle(done, START_MS);
    let file = commands(&step)[0].input.to_value();
    assert_eq!(file["body"], r#"[{"Output":"1"}]"#);
    assert!(
        file["key"]
            .as_str()
            .is_some_and(|key| key.starts_with("p/") && key.ends_with("/SUCCEEDED_0.json"))
    );
    let written = |key: &Value| Stimulus::TaskSucceeded {
        task: RUN,
        output: Payload::from_value(&value!({"written": {"Key": key, "Size": 16}})),
    };
    let step = execution.handle(written(&file["key"]), START_MS);
    let manifest = commands(&step)[0].input.to_value();
    let body: Value = serde_json::from_str(manifest["body"].as_str().expect("text")).expect("JSON");
    assert_eq!(body["ResultFiles"]["SUCCEEDED"][0]["Size"], 16);
    let step = execution.handle(written(&manifest["key"]), START_MS);
    assert_eq!(output(&step)["ResultWriterDetails"]["Key"], manifest["key"]);
}

#[test]
fn a_fold_gives_the_run_back() {
    let definition = program(&map(r#""MaxConcurrency":2,"#));
    let start = crate::support::start("[1,2,3]");
    let (mut live, first) =
        Execution::start(definition.clone(), start, START_MS, Limits::default());
    let mut steps = vec![first];
    for child in 0..3 {
        let mut folded = Execution::empty(definition.clone(), ARN.into(), Limits::default());
        let mut effects = Vec::new();
        for event in steps.iter().flat_map(|step| &step.events) {
            folded.apply(event, START_MS, &mut effects);
        }
        assert_eq!(folded, live);
        let told: Vec<Effect> = steps.iter().flat_map(|step| step.effects.clone()).collect();
        assert_eq!(effects, told);
        steps.push(live.handle(ended(child, "SUCCEEDED", &value!(child)), START_MS));
    }
    assert_eq!(live.status(), Status::Succeeded);
}

#[test]
fn what_is_asked_for_again_is_what_was_asked_for_and_is_still_waited_for() {
    let (mut execution, step) = begin(&map(r#""MaxConcurrency":3,"#), "[1,2,3,4]");
    let mut asked: Vec<ChildStart> = children(&step).into_iter().cloned().collect();
    let step = execution.handle(ended(1, "SUCCEEDED", &value!("b")), START_MS);
    asked.remove(1);
    asked.extend(children(&step).into_iter().cloned());
    let open: Vec<ChildStart> = execution.open_children().into_iter().map(|c| *c).collect();
    assert_eq!(open, asked);
    let awaited = [0, 1, 2, 3, 4].map(|index| execution.awaits_child(RUN, index));
    assert_eq!(awaited, [true, false, true, true, false]);
    assert!(execution.open_commands().is_empty());
}

const NESTED: &str = r#"{"StartAt":"N","States":{"N":{"Type":"Task","End":true,
    "Resource":"arn:aws:states:::states:startExecution.sync:2","Parameters":{
    "StateMachineArn":"arn:aws:states:us-east-1:000000000000:stateMachine:other","Input":{"a":1},"Name.$":"$.name"}}}}"#;

#[test]
fn a_nested_start_is_a_child_and_is_stopped_with_its_parent() {
    let (mut execution, step) = begin(NESTED, r#"{"name":"c"}"#);
    let child = children(&step)[0];
    assert_eq!(
        &*child.execution,
        "arn:aws:states:us-east-1:000000000000:execution:other:c"
    );
    assert_eq!(child.input.as_str(), r#"{"a":1}"#);
    assert!(commands(&step).is_empty() && execution.open_commands().is_empty());
    assert_eq!(*execution.open_children()[0], *child);
    let answer = || Stimulus::TaskSubmitted {
        task: 3,
        output: json(r#"{"ExecutionArn":"x"}"#),
    };
    assert_eq!(
        names(&execution.handle(answer(), START_MS)),
        ["TaskSubmitted"]
    );
    let again = execution.handle(answer(), START_MS);
    assert_eq!(
        names(&again),
        ["HeartbeatRecorded"],
        "a first answer counts once"
    );
    assert_eq!(
        stops(&execution.handle(Stimulus::Stop(failure("E")), START_MS)),
        1
    );
}

#[test]
fn a_nested_start_that_cannot_be_fails_its_task() {
    let nameless = NESTED.replace("StateMachineArn", "Machine");
    let (execution, step) = begin(&nameless, r#"{"name":"c"}"#);
    assert_eq!(
        names(&step)[2..],
        [
            "TaskScheduled",
            "TaskStarted",
            "TaskFailed",
            "ExecutionFailed"
        ]
    );
    assert!(children(&step).is_empty());
    assert_eq!(execution.status(), Status::Failed);
}
