//! A replayed execution equals the one that decided, after every step of random runs.
//!
//! Owns: the proof that events hold all that replay needs: after each step the execution is thrown away and folded
//! again from the JSON of its history, and the run goes on with the folded one.

use crate::support::{ARN, START_MS, failure, json, program, start, tick};
use baton_language::Program;
use baton_machine::{Effect, Execution, Limits, Status, Step, Stimulus};
use baton_schemas::history::{self, Event, EventKind, Failure};
use proptest::prelude::*;
use std::sync::Arc;

/// Definitions that between them use every state type, and every way out of one.
const DEFINITIONS: [&str; 6] = [
    // A chain of tasks that pass the payload on.
    r#"{"StartAt":"A","States":{
        "A":{"Type":"Task","Resource":"arn:aws:states:::baton:task.a","Next":"B"},
        "B":{"Type":"Pass","Next":"C"},
        "C":{"Type":"Task","Resource":"arn:aws:states:::baton:task.c","TimeoutSeconds":20,"HeartbeatSeconds":7,"Next":"D"},
        "D":{"Type":"Succeed"}}}"#,
    // Retry with jitter, Catch with ResultPath, a machine timeout.
    r#"{"StartAt":"A","TimeoutSeconds":90,"States":{
        "A":{"Type":"Task","Resource":"arn:aws:states:::baton:task.a","TimeoutSeconds":5,
            "Retry":[{"ErrorEquals":["E"],"MaxAttempts":2,"JitterStrategy":"FULL"},
                     {"ErrorEquals":["States.Timeout"],"MaxAttempts":1,"IntervalSeconds":3}],
            "Catch":[{"ErrorEquals":["States.ALL"],"ResultPath":"$.error","Next":"C"}],
            "ResultPath":"$.result","Next":"W"},
        "W":{"Type":"Wait","Seconds":10,"Next":"Z"},
        "C":{"Type":"Choice","Choices":[{"Variable":"$.error.Error","StringEquals":"E","Next":"W"}],"Default":"F"},
        "F":{"Type":"Fail","ErrorPath":"$.error.Error","Cause":"why"},
        "Z":{"Type":"Pass","Result":{"done":true},"ResultPath":"$.z","End":true}}}"#,
    // Branches that wait, work and fail, retried and caught as a whole.
    r#"{"StartAt":"P","States":{
        "P":{"Type":"Parallel","Branches":[
            {"StartAt":"T","States":{"T":{"Type":"Task","Resource":"arn:aws:states:::baton:task.t","End":true}}},
            {"StartAt":"W","States":{"W":{"Type":"Wait","Seconds":4,"Next":"W2"},"W2":{"Type":"Pass","End":true}}},
            {"StartAt":"Q","States":{"Q":{"Type":"Parallel","End":true,"Branches":[
                {"StartAt":"U","States":{"U":{"Type":"Task","Resource":"arn:aws:states:::baton:task.u","HeartbeatSeconds":3,"End":true}}}]}}}],
            "Retry":[{"ErrorEquals":["E"],"MaxAttempts":1}],
            "Catch":[{"ErrorEquals":["States.ALL"],"Next":"Z"}],
            "Next":"Z"},
        "Z":{"Type":"Succeed"}}}"#,
    // A Map with a limit, and `$$` inside it.
    r#"{"StartAt":"M","States":{
        "M":{"Type":"Map","MaxConcurrency":2,"ItemsPath":"$.items",
            "ItemSelector":{"v.$":"$$.Map.Item.Value","i.$":"$$.Map.Item.Index"},
            "ItemProcessor":{"StartAt":"T","States":{
                "T":{"Type":"Task","Resource":"arn:aws:states:::baton:task.t","Parameters":{"in.$":"$","n.$":"$$.Map.Item.Index","token.$":"$$.Task.Token"},
                     "Retry":[{"ErrorEquals":["E"],"MaxAttempts":1}],"Next":"W"},
                "W":{"Type":"Wait","Seconds":1,"End":true}}},
            "Retry":[{"ErrorEquals":["F"],"MaxAttempts":1}],
            "Catch":[{"ErrorEquals":["States.TaskFailed"],"Next":"Z"}],
            "Next":"Z"},
        "Z":{"Type":"Pass","End":true}}}"#,
    // A Map without a limit within a Parallel.
    r#"{"StartAt":"P","States":{"P":{"Type":"Parallel","End":true,"Branches":[
        {"StartAt":"M","States":{"M":{"Type":"Map","ItemsPath":"$.items","End":true,
            "ItemProcessor":{"StartAt":"T","States":{"T":{"Type":"Task","Resource":"arn:aws:states:::baton:task.t","TimeoutSeconds":30,"End":true}}}}}},
        {"StartAt":"L","States":{"L":{"Type":"Task","Resource":"arn:aws:lambda:us-east-1:000000000000:function:f","End":true}}}]}}}"#,
    // Activity and callback.
    r#"{"StartAt":"A","States":{
        "A":{"Type":"Task","Resource":"arn:aws:states:us-east-1:000000000000:activity:act","HeartbeatSeconds":5,"TimeoutSeconds":50,"Next":"B"},
        "B":{"Type":"Task","Resource":"arn:aws:states:::lambda:invoke.waitForTaskToken",
             "Parameters":{"FunctionName":"f","Payload":{"token.$":"$$.Task.Token"}},"TimeoutSeconds":9,"End":true}}}"#,
];

/// One thing to do next; numbers pick among what is open.
#[derive(Clone, Debug)]
enum Move {
    Succeed(usize),
    Fail(usize, &'static str),
    Beat(usize),
    Started(usize),
    Submitted(usize),
    Unknown(u64),
    Tick,
    TickLate(i64),
    Stop,
    Pause,
    Resume,
    Redrive,
}

fn moves() -> impl Strategy<Value = Vec<Move>> {
    let one = prop_oneof![
        8 => any::<usize>().prop_map(Move::Succeed),
        3 => (any::<usize>(), prop_oneof![Just("E"), Just("F"), Just("States.Runtime")]).prop_map(|(n, e)| Move::Fail(n, e)),
        1 => any::<usize>().prop_map(Move::Beat),
        1 => any::<usize>().prop_map(Move::Started),
        1 => any::<usize>().prop_map(Move::Submitted),
        1 => (0..60u64).prop_map(Move::Unknown),
        5 => Just(Move::Tick),
        1 => (0..30_000i64).prop_map(Move::TickLate),
        1 => prop_oneof![9 => Just(Move::Tick), 1 => Just(Move::Stop)],
        1 => Just(Move::Pause),
        1 => Just(Move::Resume),
        2 => Just(Move::Redrive),
    ];
    proptest::collection::vec(one, 1..40)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2_000, failure_persistence: None, ..ProptestConfig::default() })]
    #[test]
    fn folding_equals_deciding(which in 0..DEFINITIONS.len(), moves in moves()) {
        run(&program(DEFINITIONS[which]), &moves);
    }
}

fn run(program: &Arc<Program>, moves: &[Move]) {
    let start = start(r#"{"items":[1,"two",{"three":3},null]}"#);
    let mut now_ms = START_MS;
    let (mut execution, step) =
        Execution::start(program.clone(), start.clone(), now_ms, Limits::default());
    let (_, again) = Execution::start(program.clone(), start, now_ms, Limits::default());
    assert_eq!(step, again, "the same start gives the same events");
    let mut log = vec![write(now_ms, &step)];
    execution = checked_fold(program, &log, &execution, &step);
    for next in moves {
        let stimulus = stimulus(&execution, next, &mut now_ms);
        let before = execution.clone();
        let step = execution.handle(stimulus.clone(), now_ms);
        assert_eq!(
            step,
            before.clone().handle(stimulus.clone(), now_ms),
            "the same stimulus gives the same events"
        );
        check_step(&before, &stimulus, &step);
        log.push(write(now_ms, &step));
        execution = checked_fold(program, &log, &execution, &step);
    }
}

fn stimulus(execution: &Execution, next: &Move, now_ms: &mut i64) -> Stimulus {
    let open = execution.open_commands();
    let pick = |n: usize| {
        if open.is_empty() {
            0
        } else {
            open[n % open.len()].task
        }
    };
    match next {
        Move::Succeed(n) => Stimulus::TaskSucceeded {
            task: pick(*n),
            output: json(r#"{"ok": 1}"#),
        },
        Move::Fail(n, error) => Stimulus::TaskFailed {
            task: pick(*n),
            failure: failure(error),
        },
        Move::Beat(n) => {
            *now_ms += 1_000;
            Stimulus::Heartbeat { task: pick(*n) }
        }
        Move::Started(n) => Stimulus::TaskStarted {
            task: pick(*n),
            worker: None,
        },
        Move::Submitted(n) => Stimulus::TaskSubmitted {
            task: pick(*n),
            output: json("{}"),
        },
        Move::Unknown(task) => Stimulus::TaskSucceeded {
            task: *task,
            output: json("0"),
        },
        Move::Tick => {
            *now_ms = execution
                .next_due_ms(START_MS)
                .unwrap_or(*now_ms)
                .max(*now_ms);
            tick()
        }
        Move::TickLate(by) => {
            *now_ms += by;
            tick()
        }
        Move::Stop => Stimulus::Stop(Failure::default()),
        Move::Pause => Stimulus::Pause,
        Move::Resume => Stimulus::Resume,
        Move::Redrive => Stimulus::Redrive {
            token: Some(Arc::from("again")),
        },
    }
}

/// What holds for every step, whatever the definition.
fn check_step(before: &Execution, stimulus: &Stimulus, step: &Step) {
    let redrives = matches!(stimulus, Stimulus::Redrive { .. });
    let silent = redrives
        || matches!(
            stimulus,
            Stimulus::Tick { .. } | Stimulus::Pause | Stimulus::Resume
        );
    let redrivable = !matches!(before.status(), Status::Running | Status::Succeeded);
    if redrives && redrivable {
        let first = step.events.first().map(|event| &event.kind);
        assert!(matches!(first, Some(EventKind::ExecutionRedriven(_))));
        assert_eq!(step.events[0].prev + 1, step.events[0].id);
        assert!(step.events.len() > 1, "something goes on");
    } else if before.status() != Status::Running {
        assert_eq!(
            step.events.len(),
            usize::from(!silent),
            "a closed execution only notes what came"
        );
        assert!(step.effects.is_empty());
    } else if redrives {
        assert!(step.events.is_empty(), "what runs is not redriven");
    }
    if before.paused_ms().is_some() && !matches!(stimulus, Stimulus::Resume | Stimulus::Stop(_)) {
        let sends = |effect: &Effect| matches!(effect, Effect::Command(_));
        assert!(
            !step.effects.iter().any(sends),
            "a paused execution schedules nothing"
        );
        let internal = |event: &Event| {
            event.kind.is_internal()
                || matches!(
                    event.kind,
                    EventKind::ActivityStarted { .. } | EventKind::TaskSubmitted(_)
                )
        };
        assert!(step.events.iter().all(internal));
    }
    if let Stimulus::TaskSucceeded { task, .. }
    | Stimulus::TaskFailed { task, .. }
    | Stimulus::Heartbeat { task } = stimulus
        && !before.is_open(*task)
    {
        assert_eq!(step.events.len(), 1, "an unknown completion is noted once");
        assert!(step.events[0].kind.is_internal() && step.effects.is_empty());
        let mut after = before.clone();
        after.apply(&step.events[0], START_MS, &mut Vec::new());
        assert!(after == *before, "and changes nothing");
    }
    let closed = step
        .effects
        .iter()
        .filter(|effect| matches!(effect, Effect::Closed(_)))
        .count();
    assert_eq!(
        closed,
        step.events
            .iter()
            .filter(|event| event.kind.closes())
            .count()
    );
}

/// The step as it stands in the log.
fn write(now: i64, step: &Step) -> Vec<u8> {
    serde_json::to_vec(&history::Step {
        now,
        events: step.events.clone(),
    })
    .expect("events serialise")
}

/// Folds the log and compares with what decided; returns the folded execution.
fn checked_fold(
    program: &Arc<Program>,
    log: &[Vec<u8>],
    decided: &Execution,
    last: &Step,
) -> Execution {
    let mut folded = Execution::empty(program.clone(), Arc::from(ARN), Limits::default());
    let (mut effects, mut ids) = (Vec::new(), 0);
    for record in log {
        let written: history::Step = serde_json::from_slice(record).expect("the log holds steps");
        effects.clear();
        for event in &written.events {
            ids = check_id(event, ids);
            folded.apply(event, written.now, &mut effects);
        }
    }
    assert_eq!(effects, last.effects, "replay finds the same effects");
    assert!(
        folded == *decided,
        "replay differs from deciding:\n{folded:#?}\n{decided:#?}"
    );
    assert_eq!(folded.next_due_ms(START_MS), decided.next_due_ms(START_MS));
    assert_eq!(folded.open_commands(), decided.open_commands());
    folded
}

/// Ids count up without gaps; internal events have none.
fn check_id(event: &Event, last: u64) -> u64 {
    if event.kind.is_internal() {
        assert_eq!(event.id, 0);
        return last;
    }
    assert_eq!(event.id, last + 1);
    assert!(event.prev < event.id);
    event.id
}
