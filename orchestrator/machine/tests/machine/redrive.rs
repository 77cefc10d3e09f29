//! Redrive and pause: what goes on, and what does not happen again.

use crate::support::{START_MS, begin, commands, failure, json, names, tick};
use baton_machine::{Execution, Status, Step, Stimulus};
use baton_schemas::history::{EventKind, Failure};

const RETRIED: &str = r#"{"StartAt":"A","TimeoutSeconds":60,"States":{
    "A":{"Type":"Pass","Assign":{"kept.$":"$.n"},"Next":"B"},
    "B":{"Type":"Task","Resource":"arn:aws:states:::baton:task.b","Parameters":{"n.$":"$kept",
         "redrives.$":"$$.Execution.RedriveCount","retries.$":"$$.State.RetryCount"},
         "Retry":[{"ErrorEquals":["E"],"MaxAttempts":1,"IntervalSeconds":1}],"End":true}}}"#;

const BRANCHES: &str = r#"{"StartAt":"P","States":{"P":{"Type":"Parallel","End":true,"Branches":[
    {"StartAt":"A","States":{"A":{"Type":"Task","Resource":"arn:aws:states:::baton:task.a","End":true}}},
    {"StartAt":"B","States":{"B":{"Type":"Task","Resource":"arn:aws:states:::baton:task.b","Next":"B2"},
                             "B2":{"Type":"Task","Resource":"arn:aws:states:::baton:task.b2","End":true}}},
    {"StartAt":"C","States":{"C":{"Type":"Task","Resource":"arn:aws:states:::baton:task.c","End":true}}}]}}}"#;

fn redrive(execution: &mut Execution, now_ms: i64) -> Step {
    execution.handle(Stimulus::Redrive { token: None }, now_ms)
}

/// Ends the open task of this queue.
fn end(execution: &mut Execution, queue: &str, outcome: Result<&str, &str>, now_ms: i64) -> Step {
    let open = execution.open_commands();
    let task = open
        .iter()
        .find(|c| &*c.queue == queue)
        .expect("an open task")
        .task;
    let stimulus = match outcome {
        Ok(output) => Stimulus::TaskSucceeded {
            task,
            output: json(output),
        },
        Err(error) => Stimulus::TaskFailed {
            task,
            failure: failure(error),
        },
    };
    execution.handle(stimulus, now_ms)
}

fn queues(step: &Step) -> Vec<&str> {
    commands(step)
        .iter()
        .map(|command| &*command.queue)
        .collect()
}

#[test]
fn a_failed_task_runs_again_with_its_input_variables_and_new_retries() {
    let (mut execution, _) = begin(RETRIED, r#"{"n":7}"#);
    end(&mut execution, "b", Err("E"), START_MS);
    execution.handle(tick(), START_MS + 1_000);
    let failed = end(&mut execution, "b", Err("E"), START_MS + 2_000);
    assert_eq!(names(&failed).last(), Some(&"ExecutionFailed"));
    let at_ms = START_MS + 100_000;
    let step = redrive(&mut execution, at_ms);
    assert_eq!(
        names(&step),
        ["ExecutionRedriven", "TaskScheduled", "TaskStarted"]
    );
    assert_eq!(
        commands(&step)[0].input,
        json(r#"{"n":7,"redrives":1,"retries":0}"#)
    );
    assert_eq!(commands(&step)[0].attempt, 0);
    assert_eq!(execution.status(), Status::Running);
    assert_eq!(
        execution.next_due_ms(START_MS),
        Some(at_ms + 60_000),
        "the timeout counts anew"
    );
    let retried = end(&mut execution, "b", Err("E"), at_ms);
    assert_eq!(
        names(&retried),
        ["TaskFailed", "RetryScheduled"],
        "retries count anew"
    );
}

#[test]
fn only_branches_that_did_not_end_well_go_on() {
    let (mut execution, _) = begin(BRANCHES, "{}");
    end(&mut execution, "a", Ok("1"), START_MS);
    end(&mut execution, "b", Ok("2"), START_MS);
    end(&mut execution, "c", Err("E"), START_MS);
    assert_eq!(execution.status(), Status::Failed);
    let step = redrive(&mut execution, START_MS);
    assert_eq!(
        queues(&step),
        ["b2", "c"],
        "the aborted branch at its second state, the failed one"
    );
    end(&mut execution, "c", Ok("4"), START_MS);
    let done = end(&mut execution, "b2", Ok("3"), START_MS);
    let output = done.events.last().and_then(|event| event.data.clone());
    assert_eq!(output, Some(json("[1,3,4]")));
}

#[test]
fn only_iterations_that_did_not_end_well_go_on_and_the_others_follow() {
    let definition = r#"{"StartAt":"M","States":{"M":{"Type":"Map","MaxConcurrency":2,"ItemsPath":"$","End":true,
        "ItemProcessor":{"StartAt":"T","States":{"T":{"Type":"Task","Resource":"arn:aws:states:::baton:task.t","End":true}}}}}}"#;
    let (mut execution, _) = begin(definition, "[10,11,12,13]");
    end(&mut execution, "t", Ok("0"), START_MS);
    end(&mut execution, "t", Err("E"), START_MS);
    assert_eq!(execution.status(), Status::Failed);
    let step = redrive(&mut execution, START_MS);
    let inputs: Vec<&str> = commands(&step).iter().map(|c| c.input.as_str()).collect();
    assert_eq!(
        inputs,
        ["11", "12"],
        "the failed one and the aborted one, not the first, not yet the last"
    );
    let next = end(&mut execution, "t", Ok("1"), START_MS);
    assert_eq!(commands(&next)[0].input.as_str(), "13");
    end(&mut execution, "t", Ok("2"), START_MS);
    let done = end(&mut execution, "t", Ok("3"), START_MS);
    assert_eq!(
        done.events.last().and_then(|e| e.data.clone()),
        Some(json("[0,1,2,3]"))
    );
}

#[test]
fn what_was_caught_is_not_gone_back_to() {
    let definition = r#"{"StartAt":"P","States":{
        "P":{"Type":"Parallel","Next":"Z","Catch":[{"ErrorEquals":["States.ALL"],"Next":"H"}],"Branches":[
            {"StartAt":"A","States":{"A":{"Type":"Task","Resource":"arn:aws:states:::baton:task.a","End":true}}},
            {"StartAt":"B","States":{"B":{"Type":"Task","Resource":"arn:aws:states:::baton:task.b","End":true}}}]},
        "H":{"Type":"Task","Resource":"arn:aws:states:::baton:task.h","End":true},
        "Z":{"Type":"Succeed"}}}"#;
    let (mut execution, _) = begin(definition, "{}");
    end(&mut execution, "a", Err("E"), START_MS);
    end(&mut execution, "h", Err("E"), START_MS);
    let step = redrive(&mut execution, START_MS);
    assert_eq!(queues(&step), ["h"]);
}

#[test]
fn an_aborted_wait_waits_again_and_a_fail_state_fails_again() {
    let (mut execution, _) = begin(
        r#"{"StartAt":"W","States":{"W":{"Type":"Wait","Seconds":5,"Next":"F"},"F":{"Type":"Fail","Error":"E"}}}"#,
        "{}",
    );
    execution.handle(Stimulus::Stop(Failure::default()), START_MS);
    assert_eq!(execution.status(), Status::Aborted);
    let step = redrive(&mut execution, START_MS + 1_000);
    assert_eq!(names(&step), ["ExecutionRedriven", "WaitStarted"]);
    assert_eq!(execution.next_due_ms(START_MS), Some(START_MS + 6_000));
    execution.handle(tick(), START_MS + 6_000);
    assert_eq!(execution.status(), Status::Failed);
    let step = redrive(&mut execution, START_MS + 7_000);
    assert_eq!(
        names(&step),
        ["ExecutionRedriven", "FailStateEntered", "ExecutionFailed"]
    );
    let count = step.events.iter().find_map(|event| match &event.kind {
        EventKind::ExecutionRedriven(redriven) => Some(redriven.count),
        _ => None,
    });
    assert_eq!((count, execution.redrive_count()), (Some(2), 2));
}

#[test]
fn what_runs_or_succeeded_or_is_too_long_is_not_redriven() {
    let (mut execution, _) = begin(r#"{"StartAt":"S","States":{"S":{"Type":"Succeed"}}}"#, "{}");
    assert!(redrive(&mut execution, START_MS).events.is_empty());
    let why =
        |execution: &Execution, closed_ms, now_ms| execution.why_not_redrivable(closed_ms, now_ms);
    assert_eq!(
        why(&execution, START_MS, START_MS),
        Some("Execution is SUCCEEDED and cannot be redriven")
    );
    let (mut execution, _) = begin(BRANCHES, "{}");
    assert!(redrive(&mut execution, START_MS).events.is_empty());
    execution.handle(Stimulus::Stop(Failure::default()), START_MS);
    let day_ms = 24 * 3_600_000;
    assert_eq!(why(&execution, START_MS, START_MS + 14 * day_ms), None);
    assert_eq!(
        why(&execution, START_MS, START_MS + 14 * day_ms + 1),
        Some("Execution redrivable period exceeded")
    );
}

#[test]
fn a_paused_execution_holds_what_tasks_say_and_lets_no_timer_fire() {
    let definition = r#"{"StartAt":"P","States":{"P":{"Type":"Parallel","End":true,"Branches":[
        {"StartAt":"A","States":{"A":{"Type":"Task","Resource":"arn:aws:states:::baton:task.a","TimeoutSeconds":9,"Next":"A2"},
                                 "A2":{"Type":"Task","Resource":"arn:aws:states:::baton:task.a2","End":true}}},
        {"StartAt":"W","States":{"W":{"Type":"Wait","Seconds":5,"End":true}}}]}}}"#;
    let (mut execution, _) = begin(definition, "{}");
    assert_eq!(
        names(&execution.handle(Stimulus::Pause, START_MS)),
        ["ExecutionPaused"]
    );
    assert!(
        execution
            .handle(Stimulus::Pause, START_MS)
            .events
            .is_empty()
    );
    assert_eq!(execution.next_due_ms(START_MS), None);
    let task = execution.open_commands()[0].task;
    assert_eq!(
        names(&end(&mut execution, "a", Ok("1"), START_MS)),
        ["CompletionHeld"]
    );
    assert!(
        execution.open_commands().is_empty(),
        "its command is not sent again"
    );
    let repeated = Stimulus::TaskFailed {
        task,
        failure: failure("E"),
    };
    assert_eq!(
        names(&execution.handle(repeated, START_MS)),
        ["CompletionIgnored"]
    );
    assert!(
        execution
            .handle(tick(), START_MS + 20_000)
            .events
            .is_empty()
    );
    let resumed = execution.handle(Stimulus::Resume, START_MS + 20_000);
    assert_eq!(
        names(&resumed),
        [
            "ExecutionResumed",
            "TaskSucceeded",
            "TaskStateExited",
            "TaskStateEntered",
            "TaskScheduled",
            "TaskStarted"
        ]
    );
    assert_eq!(
        names(&execution.handle(tick(), START_MS + 20_000))[0],
        "WaitStateExited"
    );
    assert!(
        execution
            .handle(Stimulus::Resume, START_MS)
            .events
            .is_empty()
    );
}

#[test]
fn a_paused_execution_can_be_stopped() {
    let (mut execution, _) = begin(BRANCHES, "{}");
    execution.handle(Stimulus::Pause, START_MS);
    end(&mut execution, "a", Ok("1"), START_MS);
    execution.handle(Stimulus::Stop(Failure::default()), START_MS);
    assert_eq!(
        (execution.status(), execution.paused_ms()),
        (Status::Aborted, None)
    );
    let step = redrive(&mut execution, START_MS);
    assert_eq!(
        queues(&step),
        ["a", "b", "c"],
        "what was held is gone with the branch"
    );
}
