//! One run: faults for a while, then peace until everything has ended; then the checks.

use crate::log::{HistoryLog, InputLog};
use crate::node::{NODES, Node, PARTITIONS, Seat, Setup};
use crate::programs::{Known, Programs};
use crate::rng::Rng;
use crate::world::{Caller, Pause, World};
use baton_engine::{Change, Input, recall};
use baton_machine::Execution;
use baton_schemas::Payload;
use baton_schemas::history::{Event, EventKind, HistoryRecord};
use baton_schemas::partition::partition_of;
use bytes::Bytes;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::Ordering;

/// Steps after which a run that has not ended is stuck.
const STEPS_MAX: u64 = 60_000;
/// Faults end here at the latest.
const FAULT_STEPS_MAX: u64 = 1_500;

/// Seeds within which a rule taken out must be caught. R5 is the rarest to matter, one seed in thousands; all others
/// show within a few hundred.
pub const SEEDS_PER_RULE: u64 = 100_000;

/// How a run ended.
#[derive(Clone, Debug)]
pub struct Outcome {
    /// What did not hold, if anything.
    pub broken: Option<String>,
    /// Steps taken.
    pub steps: u64,
    /// Executions that ran.
    pub executions: usize,
    /// History records written.
    pub records: usize,
}

/// Runs one seed; `without` takes a rule (1 to 14) out, 0 none.
#[must_use]
pub fn run(seed: u64, without: usize, programs: &Arc<Programs>, trace: bool) -> Outcome {
    if without == 13 {
        return crate::registry_race::run(seed, true);
    }
    let registry = crate::registry_race::run(seed, false);
    let mut world = begin(seed, without, programs, trace);
    world.broken = registry.broken;
    while world.broken.is_none() && world.step < STEPS_MAX && !is_over(&world) {
        step(&mut world);
        note_broken_folds(&mut world);
    }
    if world.broken.is_none() {
        last_checks(&mut world);
    }
    Outcome {
        broken: world.broken,
        steps: world.step,
        executions: world.history.iter().map(|h| h.fold.executions.len()).sum(),
        records: world.history.iter().map(|h| h.records.len()).sum(),
    }
}

/// The first of `seeds` seeds that shows what breaks without `rule` (1 to 14), and what; `None` if none does.
#[must_use]
pub fn catch(rule: usize, seeds: u64, programs: &Arc<Programs>) -> Option<(u64, String)> {
    (0..seeds).find_map(|seed| {
        run(seed, rule, programs, false)
            .broken
            .map(|broken| (seed, broken))
    })
}

fn begin(seed: u64, without: usize, programs: &Arc<Programs>, trace: bool) -> World {
    let mut rng = Rng::new(seed);
    let mut setup = Setup::default();
    if without != 8 {
        setup.without.rule[without.min(14)] = without > 0;
    }
    setup.restate_every_records = [5, 12, 40, u64::MAX][rng.below(4)];
    setup.closed_kept_ms = if rng.one_in(2) {
        0
    } else {
        90 * 24 * 3_600_000
    };
    let known: Vec<_> = (0..NODES)
        .map(|_| Arc::new(Known::new(programs.clone())))
        .collect();
    for node in &known {
        node.read.store(rng.one_in(2), Ordering::Relaxed);
    }
    let node = |n: usize, rng: &mut Rng| Node {
        seats: (0..PARTITIONS)
            .map(|p| Seat::new(n, p, setup, &known[n]))
            .collect(),
        drift_ms: rng.below(8_000) as i64 - 4_000,
        frozen_until: 0,
    };
    let nodes = (0..NODES).map(|n| node(n, &mut rng)).collect();
    let history = || HistoryLog {
        records: Vec::new(),
        start: 0,
        fold: Default::default(),
    };
    let inputs = || {
        (0..PARTITIONS)
            .map(|_| InputLog::default())
            .collect::<Vec<_>>()
    };
    let faults = rng.below(14) as u32;
    let callers = (0..2 + rng.below(6))
        .map(|i| caller(i, programs, &mut rng))
        .collect();
    let mut world = World {
        rng,
        programs: programs.clone(),
        known: known.clone(),
        reported: BTreeMap::new(),
        setup,
        split_requests: without == 8,
        now_ms: 1_700_000_000_000,
        step: 0,
        history: (0..PARTITIONS).map(|_| history()).collect(),
        inputs: [inputs(), inputs()],
        nodes,
        assigned: [0, 1],
        unaware: Vec::new(),
        late: Vec::new(),
        commands: Vec::new(),
        lives: vec![BTreeSet::new(); PARTITIONS],
        completed_at: BTreeMap::new(),
        callers,
        faults,
        next_call: 1,
        broken: None,
        trace,
    };
    for p in 0..PARTITIONS {
        world.tell(p, p, Input::Assigned);
    }
    world
}

fn caller(i: usize, programs: &Programs, rng: &mut Rng) -> Caller {
    let machine = rng.below(programs.count());
    let name: Arc<str> = format!("e{i}").into();
    let arn = baton_schemas::arn::execution_arn(&programs.get(machine).arn, &name)
        .expect("a machine's ARN");
    Caller {
        arn,
        name,
        machine,
        input: Payload::from_text(&format!("{{\"n\":{i}}}")).expect("JSON"),
        waiting: None,
        started: false,
        by_record: rng.one_in(2),
        stops: rng.one_in(6),
        stopped: false,
        redrives: [0, 0, 1, 2][rng.below(4)],
        redriven: 0,
        pause: if rng.one_in(4) {
            Pause::Wanted
        } else {
            Pause::Over
        },
    }
}

/// One event, by chance.
fn step(w: &mut World) {
    w.step += 1;
    if w.step > FAULT_STEPS_MAX {
        w.faults = 0;
    }
    w.now_ms += w.rng.below(30) as i64;
    let n = w.rng.below(NODES);
    let p = w.rng.below(PARTITIONS);
    if w.nodes[n].frozen_until > w.step {
        return;
    }
    match w.rng.below(100) {
        0..=24 => w.deliver_append(n, p),
        25..=44 => {
            if let Some(input) = w.nodes[n].seats[p].acks.pop_front() {
                w.tell(n, p, input);
            }
        }
        45..=54 => w.deliver_answer(n, p),
        55..=64 => w.deliver_send(n, p),
        65..=74 => deliver_input(w, n, p),
        75..=79 => tick(w, n, p),
        80..=86 => w.work(),
        87..=90 => {
            let i = w.rng.below(w.callers.len());
            w.call(i);
        }
        91..=92 => flush(w, n, p),
        93 => w.land_late(),
        94..=95 => w.inform(),
        96 => w.now_ms += w.rng.below(4_000) as i64,
        97 => w.nodes[n].drift_ms += w.rng.below(400) as i64 - 200,
        _ => fault(w, n, p),
    }
}

fn deliver_input(w: &mut World, n: usize, p: usize) {
    let t = w.rng.below(2);
    if t == 1 && w.split_requests {
        // R8 taken out: requests of a partition may be read by a node that doesn't own it; it takes them and is done.
        let thief = (w.assigned[p] + 1) % NODES;
        if let Some(reading) = w.nodes[w.assigned[p]].seats[p].reading
            && (reading[1] as usize) < w.inputs[1][p].records.len()
            && w.rng.one_in(3)
        {
            let record = w.inputs[1][p].records[reading[1] as usize].0.clone();
            let owner = w.assigned[p];
            w.nodes[owner].seats[p].reading = Some([reading[0], reading[1] + 1]);
            w.tell(
                thief,
                p,
                Input::Record {
                    topic: baton_schemas::history::InputTopic::Requests,
                    offset: reading[1],
                    record,
                },
            );
            return;
        }
    }
    w.deliver_record(n, p, t);
}

fn tick(w: &mut World, n: usize, p: usize) {
    let clock_ms = w.now_ms + w.nodes[n].drift_ms;
    let Some(due_ms) = w.nodes[n].seats[p].owner.next_tick_ms() else {
        return;
    };
    // In peace, time may run to the next timer.
    if due_ms > clock_ms && w.faults == 0 && w.rng.one_in(4) {
        w.now_ms += (due_ms - clock_ms).min(1_000);
    }
    if due_ms <= w.now_ms + w.nodes[n].drift_ms {
        w.tell(n, p, Input::Tick);
    }
}

fn flush(w: &mut World, n: usize, p: usize) {
    let all = w.nodes[n].seats[p].store.applied.len();
    let kept = w.nodes[n].seats[p].store.flushed;
    let upto = kept + w.rng.below(all - kept + 1);
    w.nodes[n].seats[p].store.flushed = upto;
}

fn fault(w: &mut World, n: usize, p: usize) {
    if w.faults == 0 || !w.rng.one_in(4) {
        return;
    }
    w.faults -= 1;
    match w.rng.below(4) {
        0 => w.crash(n),
        1 => w.nodes[n].frozen_until = w.step + 50 + w.rng.below(300) as u64,
        _ => w.reassign(p),
    }
}

fn note_broken_folds(w: &mut World) {
    let broken = w.history.iter().find_map(|h| h.fold.broken.clone());
    if let Some(broken) = broken {
        w.fail(broken);
    }
}

/// Whether nothing more can happen.
fn is_over(w: &World) -> bool {
    let peace = w.faults == 0 && w.unaware.is_empty() && w.late.is_empty() && w.commands.is_empty();
    peace
        && w.callers.iter().all(|c| {
            let at_rest = c.waiting.is_none() && c.pause == Pause::Over && c.redrives == 0;
            at_rest && c.started && (!c.stops || c.stopped)
        })
        && w.history.iter().all(|h| h.fold.open().is_empty())
        && (0..PARTITIONS).all(|p| {
            let seat = &w.nodes[w.assigned[p]].seats[p];
            let read = (0..2).all(|t| seat.reading.is_some_and(|r| r[t] == w.inputs[t][p].end()));
            seat.owner.is_ready() && seat.is_still() && read && seat.owner.open_executions() == 0
        })
}

fn last_checks(w: &mut World) {
    if w.step >= STEPS_MAX {
        let open: Vec<_> = w.history.iter().flat_map(|h| h.fold.open()).collect();
        let owners: Vec<_> = (0..PARTITIONS)
            .map(|p| {
                let seat = &w.nodes[w.assigned[p]].seats[p];
                (
                    seat.owner.is_ready(),
                    seat.is_still(),
                    seat.owner.open_executions(),
                )
            })
            .collect();
        w.fail(format!(
            "stuck: open {open:?}, owners (ready, still, open) {owners:?}"
        ));
        return;
    }
    for i in 0..w.callers.len() {
        let arn = w.callers[i].arn.clone();
        let p = partition_of(arn.as_bytes(), PARTITIONS as i32) as usize;
        let fold = &w.history[p].fold;
        if !fold.executions.contains_key(&arn) && !fold.buried.contains(&arn) {
            w.fail(format!("{arn} was accepted and is lost"));
        }
    }
    check_reports(w);
    for p in 0..PARTITIONS {
        check_timeouts(w, p);
        check_replay(w, p);
        check_views(w, p);
    }
}

/// R10: whoever started an execution by a record and asked for its result has it.
fn check_reports(w: &mut World) {
    let missing = w
        .callers
        .iter()
        .find(|c| c.by_record && !w.reported.contains_key(&c.arn));
    if let Some(arn) = missing.map(|c| c.arn.clone()) {
        w.fail(format!("{arn}: its result was never reported"));
    }
}

/// R11: no timeout although the completion stood in the topic at the claim, none for heartbeats just after a claim.
fn check_timeouts(w: &mut World, p: usize) {
    let fold = &w.history[p].fold;
    let mut broken = fold.clock_went_back.clone();
    for (arn, task, epoch) in &fold.timed_out {
        let completed = w.completed_at.get(&(arn.clone(), *task));
        let life = w.lives[p].range(..=*epoch).next_back();
        let claimed = life.and_then(|claim| fold.claims.get(claim)).copied();
        if let (Some(completed), Some(claimed)) = (completed, claimed)
            && *completed < claimed
        {
            broken.get_or_insert(format!(
                "{arn}: task {task} timed out although its completion stood in the topic"
            ));
        }
    }
    if let Some(broken) = broken {
        w.fail(broken);
    }
}

/// Folding an execution's events gives a closed execution, step by step without contradiction.
fn check_replay(w: &mut World, p: usize) {
    let mut broken = None;
    for (arn, seen) in &w.history[p].fold.executions {
        let program = w.programs.get(seen.revision as usize).program.clone();
        let mut execution =
            Execution::empty(program, arn.clone(), baton_machine::Limits::default());
        let mut effects = Vec::new();
        for (now_ms, event) in &seen.events {
            execution.apply(event, *now_ms, &mut effects);
        }
        if execution.status() == baton_machine::Status::Running {
            broken = Some(format!("{arn}: closed in the history, open when replayed"));
        }
    }
    if let Some(broken) = broken {
        w.fail(broken);
    }
}

/// Heartbeats are in the history alone: after a claim none of those before it matters (R11).
fn is_kept(event: &Event) -> bool {
    !matches!(event.kind, EventKind::HeartbeatRecorded { .. })
}

/// What the owner's views say of an execution is what the history says.
fn check_views(w: &mut World, p: usize) {
    let mut events: BTreeMap<Arc<str>, usize> = BTreeMap::new();
    for applied in &w.nodes[w.assigned[p]].seats[p].store.applied {
        match &applied.change {
            Change::Step {
                execution, json, ..
            } => {
                if let Ok(HistoryRecord::Transition(t)) = HistoryRecord::from_json(json) {
                    let kept = t.events.iter().filter(|e| is_kept(e)).count();
                    *events.entry(execution.clone()).or_default() += kept;
                }
            }
            Change::Restated {
                execution, json, ..
            } => {
                if let Ok(HistoryRecord::Restatement {
                    state: baton_schemas::history::Restated::Execution { transitions, .. },
                    ..
                }) = HistoryRecord::from_json(json)
                {
                    events.insert(
                        execution.clone(),
                        transitions
                            .iter()
                            .flat_map(|s| &s.events)
                            .filter(|e| is_kept(e))
                            .count(),
                    );
                }
            }
            Change::Reopened {
                execution,
                past,
                json,
                ..
            } => {
                let count = |records: &[&Bytes]| {
                    let steps = recall::steps_of(records).unwrap_or_default();
                    let events = steps.iter().flat_map(|step| &step.events);
                    events.filter(|event| is_kept(event)).count()
                };
                let kept = events
                    .entry(execution.clone())
                    .or_insert_with(|| count(&[past]));
                *kept += count(&[json]);
            }
            Change::None | Change::Names(_) | Change::Rebased(_) | Change::Marked(_) => {}
        }
    }
    let mut broken = None;
    for (arn, count) in &events {
        let expected = w.history[p].fold.executions.get(arn).map_or(0, |seen| {
            seen.events.iter().filter(|(_, e)| is_kept(e)).count()
        });
        if *count != expected {
            broken = Some(format!(
                "{arn}: the views have {count} events, the history {expected}"
            ));
        }
    }
    if let Some(broken) = broken {
        w.fail(broken);
    }
}
