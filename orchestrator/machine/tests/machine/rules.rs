//! Single rules: what passes unparsed, what times out when, what bounds stop.

use crate::support::{START_MS, begin, commands, failure, json, names, program, start, tick};
use baton_machine::{Effect, Execution, Limits, Status, Stimulus};
use baton_schemas::TaskToken;
use baton_schemas::history::EventKind;

const TASK: &str = "arn:aws:states:::baton:task.work";

fn one_task(more: &str) -> String {
    format!(
        r#"{{"StartAt":"T","States":{{"T":{{"Type":"Task","Resource":"{TASK}",{more}"End":true}}}}}}"#
    )
}

#[test]
fn payloads_pass_through_as_the_same_text() {
    let spelled = r#"{ "b" : 1.0, "a":[ ] }"#;
    let (mut execution, step) = begin(&one_task(""), spelled);
    let given = step.events[0].data.clone().expect("the input");
    assert!(
        commands(&step)[0].input.is_same(&given),
        "the task gets the very input"
    );
    let output = json(spelled);
    let step = execution.handle(
        Stimulus::TaskSucceeded {
            task: 3,
            output: output.clone(),
        },
        START_MS,
    );
    for event in &step.events {
        assert!(
            event
                .data
                .as_ref()
                .is_some_and(|data| data.is_same(&output)),
            "{event:?} carries the very output"
        );
    }
    assert_eq!(execution.status(), Status::Succeeded);
}

#[test]
fn the_token_in_the_context_is_the_command_s() {
    let (_, step) = begin(
        &one_task(r#""Parameters":{"token.$":"$$.Task.Token"},"#),
        "{}",
    );
    let command = commands(&step)[0];
    let token = TaskToken::new(crate::support::ARN, command.task);
    assert_eq!(command.input.to_value()["token"], token.as_str());
}

#[test]
fn a_function_s_queue_is_its_name() {
    for name in [
        "f",
        "f:LIVE",
        "arn:aws:lambda:us-east-1:000000000000:function:f",
        "000000000000:function:f:3",
    ] {
        let definition = format!(
            r#"{{"StartAt":"T","States":{{"T":{{"Type":"Task","Resource":"arn:aws:states:::lambda:invoke",
                "Parameters":{{"FunctionName":"{name}"}},"End":true}}}}}}"#
        );
        let (_, step) = begin(&definition, "{}");
        assert_eq!(&*commands(&step)[0].queue, "lambda.f");
    }
}

#[test]
fn a_wait_ends_when_due_and_not_before() {
    let (mut execution, step) = begin(
        r#"{"StartAt":"W","States":{"W":{"Type":"Wait","Seconds":2,"End":true}}}"#,
        "1",
    );
    assert_eq!(
        names(&step),
        ["ExecutionStarted", "WaitStateEntered", "WaitStarted"]
    );
    assert_eq!(execution.next_due_ms(START_MS), Some(START_MS + 2_000));
    assert!(execution.handle(tick(), START_MS + 1_999).events.is_empty());
    let step = execution.handle(tick(), START_MS + 2_000);
    assert_eq!(names(&step), ["WaitStateExited", "ExecutionSucceeded"]);
    assert_eq!(execution.next_due_ms(START_MS), None);
}

#[test]
fn a_heartbeat_counts_from_the_owner_s_claim_at_the_earliest() {
    let (mut execution, _) = begin(&one_task(r#""HeartbeatSeconds":5,"#), "{}");
    assert_eq!(execution.next_due_ms(0), Some(START_MS + 5_000));
    let claimed = START_MS + 60_000;
    assert_eq!(execution.next_due_ms(claimed), Some(claimed + 5_000));
    assert!(
        execution
            .handle(
                Stimulus::Tick {
                    heartbeats_since_ms: claimed
                },
                claimed + 4_999
            )
            .events
            .is_empty()
    );
    execution.handle(Stimulus::Heartbeat { task: 3 }, claimed + 4_999);
    assert_eq!(execution.next_due_ms(claimed), Some(claimed + 9_999));
    let step = execution.handle(
        Stimulus::Tick {
            heartbeats_since_ms: claimed,
        },
        claimed + 9_999,
    );
    assert_eq!(names(&step), ["TaskTimedOut", "ExecutionFailed"]);
    assert_eq!(step.effects[0], Effect::Cancel { task: 3 });
}

#[test]
fn the_machine_s_timeout_closes_everything() {
    let (mut execution, _) = begin(
        r#"{"StartAt":"W","TimeoutSeconds":3,"States":{"W":{"Type":"Wait","Seconds":9,"End":true}}}"#,
        "{}",
    );
    let step = execution.handle(tick(), START_MS + 3_000);
    assert_eq!(names(&step), ["ExecutionTimedOut"]);
    assert_eq!(execution.status(), Status::TimedOut);
    assert_eq!(
        names(&execution.handle(Stimulus::Stop(failure("late")), START_MS)),
        ["CompletionIgnored"]
    );
}

#[test]
fn retries_are_counted_for_each_retrier_and_forgotten_on_leaving() {
    let (mut execution, step) = begin(
        &one_task(
            r#""Retry":[{"ErrorEquals":["A"],"MaxAttempts":1},{"ErrorEquals":["States.ALL"],"MaxAttempts":1,"IntervalSeconds":7}],"#,
        ),
        "{}",
    );
    let mut task = commands(&step)[0].task;
    for (error, attempt, due_s) in [("A", 1, 1), ("B", 2, 8)] {
        let failed = execution.handle(
            Stimulus::TaskFailed {
                task,
                failure: failure(error),
            },
            START_MS,
        );
        assert_eq!(names(&failed), ["TaskFailed", "RetryScheduled"]);
        let due_ms = execution.next_due_ms(START_MS).expect("a retry waits");
        assert!(due_ms <= START_MS + due_s * 1_000);
        let step = execution.handle(tick(), due_ms);
        assert_eq!(names(&step), ["TaskScheduled", "TaskStarted"]);
        assert_eq!(commands(&step)[0].attempt, attempt);
        task = commands(&step)[0].task;
    }
    let step = execution.handle(
        Stimulus::TaskFailed {
            task,
            failure: failure("A"),
        },
        START_MS,
    );
    assert_eq!(names(&step), ["TaskFailed", "ExecutionFailed"]);
}

#[test]
fn a_failing_branch_ends_its_siblings() {
    let branch = |name: &str| {
        format!(
            r#"{{"StartAt":"{name}","States":{{"{name}":{{"Type":"Task","Resource":"{TASK}","End":true}}}}}}"#
        )
    };
    let definition = format!(
        r#"{{"StartAt":"P","States":{{"P":{{"Type":"Parallel","End":true,"Branches":[{},{}]}}}}}}"#,
        branch("A"),
        branch("B")
    );
    let (mut execution, step) = begin(&definition, "{}");
    let (first, second) = (commands(&step)[0].task, commands(&step)[1].task);
    let step = execution.handle(
        Stimulus::TaskFailed {
            task: first,
            failure: failure("E"),
        },
        START_MS,
    );
    assert_eq!(
        names(&step),
        [
            "TaskFailed",
            "TaskStateAborted",
            "ParallelStateFailed",
            "ExecutionFailed"
        ]
    );
    assert_eq!(step.effects[0], Effect::Cancel { task: second });
    assert!(execution.open_commands().is_empty());
}

#[test]
fn a_map_runs_no_more_than_its_limit_at_once() {
    let definition = format!(
        r#"{{"StartAt":"M","States":{{"M":{{"Type":"Map","MaxConcurrency":2,"End":true,"ItemProcessor":{{"StartAt":"T",
            "States":{{"T":{{"Type":"Task","Resource":"{TASK}","End":true}}}}}}}}}}}}"#
    );
    let (mut execution, _) = begin(&definition, "[10,20,30,40,50]");
    let mut taken = Vec::new();
    while let Some(command) = execution.open_commands().into_iter().next_back() {
        assert!(execution.open_commands().len() <= 2);
        taken.push(command.input.as_str().to_owned());
        execution.handle(
            Stimulus::TaskSucceeded {
                task: command.task,
                output: command.input,
            },
            START_MS,
        );
    }
    assert_eq!(taken, ["20", "30", "40", "50", "10"]);
    assert_eq!(execution.status(), Status::Succeeded);
}

#[test]
fn the_result_of_a_map_keeps_the_order_of_its_items() {
    let definition = format!(
        r#"{{"StartAt":"M","States":{{"M":{{"Type":"Map","End":true,"ItemProcessor":{{"StartAt":"T",
            "States":{{"T":{{"Type":"Task","Resource":"{TASK}","End":true}}}}}}}}}}}}"#
    );
    let (mut execution, _) = begin(&definition, r#"["a","b","c"]"#);
    let mut last = None;
    while let Some(command) = execution.open_commands().into_iter().next_back() {
        last = Some(execution.handle(
            Stimulus::TaskSucceeded {
                task: command.task,
                output: command.input,
            },
            START_MS,
        ));
    }
    let closing = last.expect("steps were taken").effects.pop();
    let Some(Effect::Closed(closing)) = closing else {
        panic!("the execution closed")
    };
    assert_eq!(closing.output, Some(json(r#"["a","b","c"]"#)));
}

#[test]
fn a_loop_without_a_wait_ends_with_the_history() {
    let definition = r#"{"StartAt":"A","States":{"A":{"Type":"Pass","Next":"B"},
        "B":{"Type":"Choice","Choices":[{"Variable":"$.end","IsPresent":true,"Next":"Z"}],"Default":"A"},
        "Z":{"Type":"Succeed"}}}"#;
    let limits = Limits {
        history_events: 100,
        ..Limits::default()
    };
    let (execution, step) = Execution::start(program(definition), start("{}"), START_MS, limits);
    assert_eq!(execution.status(), Status::Failed);
    let last = step.events.last().expect("events");
    assert_eq!((step.events.len(), last.id), (100, 100));
    let EventKind::ExecutionFailed(failure) = &last.kind else {
        panic!("not {last:?}")
    };
    assert_eq!(
        failure.cause.as_deref(),
        Some("The execution reached the maximum number of history events (100).")
    );
}

#[test]
fn too_large_a_result_fails_the_task() {
    let (mut execution, _) = begin(
        &one_task(r#""Catch":[{"ErrorEquals":["States.ALL"],"Next":"T"}],"#),
        "{}",
    );
    let large = json(&format!("\"{}\"", "x".repeat(262_144)));
    let step = execution.handle(
        Stimulus::TaskSucceeded {
            task: 3,
            output: large,
        },
        START_MS,
    );
    assert_eq!(
        names(&step),
        ["TaskFailed", "ExecutionFailed"],
        "States.ALL does not catch States.DataLimitExceeded"
    );
}

#[test]
fn a_caught_error_is_input_of_the_catcher_s_next() {
    let definition = format!(
        r#"{{"StartAt":"T","States":{{"T":{{"Type":"Task","Resource":"{TASK}","End":true,
            "Catch":[{{"ErrorEquals":["E"],"ResultPath":"$.why","Next":"Z"}}]}},"Z":{{"Type":"Succeed"}}}}}}"#
    );
    let (mut execution, _) = begin(&definition, r#"{"kept":1}"#);
    let step = execution.handle(
        Stimulus::TaskFailed {
            task: 3,
            failure: failure("E"),
        },
        START_MS,
    );
    let expected = [
        "TaskFailed",
        "TaskStateExited",
        "SucceedStateEntered",
        "SucceedStateExited",
        "ExecutionSucceeded",
    ];
    assert_eq!(names(&step), expected);
    let output = step
        .events
        .last()
        .and_then(|event| event.data.as_ref())
        .expect("an output")
        .to_value();
    assert_eq!(
        output,
        json(r#"{"kept":1,"why":{"Error":"E","Cause":null}}"#).to_value()
    );
}

#[test]
fn a_command_names_what_its_queue_does_not_say() {
    let called = |resource: &str, parameters: &str| {
        let definition = format!(
            r#"{{"StartAt":"T","States":{{"T":{{"Type":"Task","Resource":"{resource}","Parameters":{parameters},"End":true}}}}}}"#
        );
        let (_, step) = begin(&definition, "{}");
        commands(&step)[0].resource.clone()
    };
    assert_eq!(called(TASK, "{}"), None);
    for resource in [
        "arn:aws:states:::baton:task.work.waitForTaskToken",
        "arn:aws:states:::aws-sdk:s3:putObject",
        "arn:aws:states:::batch:submitJob.sync",
        "arn:aws:lambda:us-east-1:000000000000:function:f",
    ] {
        let parameters = r#"{"any.$":"$$.Execution.Id"}"#;
        assert_eq!(called(resource, parameters).as_deref(), Some(resource));
    }
    assert_eq!(
        called("arn:aws:states:::lambda:invoke", r#"{"FunctionName":"f"}"#).as_deref(),
        Some("arn:aws:states:::lambda:invoke")
    );
}
