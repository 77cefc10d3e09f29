//! Crashes at random points, with marks that lag behind closes: what is there afterwards is the model of one moment,
//! and the records that come again make it whole, none of them twice.

mod support;

use baton_engine::views::{Applied, Change, Checkpoints, ClosedAs, Opened, ViewWriter};
use baton_machine::Status;
use baton_schemas::history::Positions;
use baton_store::Store;
use bytes::Bytes;
use proptest::prelude::*;
use std::sync::Arc;
use support::{Histories, Model, Random, compare, open};

const PARTITIONS: i32 = 2;
const EXECUTION: &str = "arn:aws:states:us-east-1:000000000000:execution:m:x";

#[derive(Clone, Debug)]
enum Op {
    /// This many records arrive, in one batch.
    Apply(usize),
    /// Everything is written.
    Flush,
    /// An owner drops its memory and folds again: records that the store has come once more.
    FoldAgain,
    /// The process ends without writing what waits, and starts again.
    Crash,
}

fn op() -> impl Strategy<Value = Op> {
    prop_oneof![
        8 => (1usize..60).prop_map(Op::Apply),
        3 => Just(Op::Flush),
        2 => Just(Op::FoldAgain),
        3 => Just(Op::Crash),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 20, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_crash_loses_nothing_that_cannot_be_folded_again(seed: u64, ops in prop::collection::vec(op(), 1..50)) {
        run(seed, &ops);
    }
}

fn run(seed: u64, ops: &[Op]) {
    let dir = tempfile::tempdir().expect("a temporary directory");
    let path = dir.path().join("store");
    let (mut store, mut writer) = open(&path);
    let mut histories = Histories::new(seed, PARTITIONS, 40);
    let mut log: Vec<Applied> = Vec::new();
    let mut random = Random(seed);
    for op in ops {
        match op {
            Op::Apply(n) => {
                let batch: Vec<_> = (0..*n).map(|_| histories.next()).collect();
                log.extend_from_slice(&batch);
                writer.apply(batch);
            }
            Op::Flush => store.flush().expect("what was applied can be written"),
            Op::FoldAgain => {
                let offsets = offsets(&store);
                apply_again(&mut random, &log, &offsets, &mut *writer);
            }
            Op::Crash => {
                store.abandon();
                drop(store);
                (store, writer) = open(&path);
                let offsets = offsets(&store);
                compare(&store, &model_upto(&log, &offsets), PARTITIONS);
                apply_again(&mut random, &log, &offsets, &mut *writer);
            }
        }
    }
    let model = model_upto(&log, &[i64::MAX; PARTITIONS as usize]);
    compare(&store, &model, PARTITIONS);
    assert_eq!(store.open_executions(), model.open_executions());
}

/// Offset of each partition's checkpoint, -1 without one.
fn offsets(store: &Store) -> Vec<i64> {
    (0..PARTITIONS)
        .map(|p| store.load(p).map_or(-1, |checkpoint| checkpoint.offset))
        .collect()
}

fn model_upto(log: &[Applied], offsets: &[i64]) -> Model {
    let mut model = Model::default();
    log.iter()
        .filter(|applied| applied.offset <= offsets[applied.partition as usize])
        .for_each(|applied| model.apply(applied));
    model
}

/// Applies everything from a random place on that is not after the checkpoint's end.
fn apply_again(random: &mut Random, log: &[Applied], offsets: &[i64], writer: &mut dyn ViewWriter) {
    let from: Vec<i64> = offsets
        .iter()
        .map(|&offset| random.within(-1..offset + 1))
        .collect();
    let again: Vec<_> = log
        .iter()
        .filter(|applied| applied.offset > from[applied.partition as usize])
        .cloned()
        .collect();
    again
        .chunks(50)
        .for_each(|batch| writer.apply(batch.to_vec()));
}

#[test]
fn a_closed_execution_stays_in_the_checkpoint_until_the_mark_has_passed_it() {
    let dir = tempfile::tempdir().expect("a temporary directory");
    let (store, mut writer) = open(dir.path());
    // Its close is written after its start, together with it, and under a mark that has passed it already.
    for separately in [true, false] {
        writer.reset(0);
        writer.apply(vec![start(10, 9)]);
        if separately {
            store.flush().expect("what was applied can be written");
        }
        writer.apply(vec![close(11, 9)]);
        assert_eq!(records(&store), [10, 11]);
        assert_eq!(store.open_executions(), 0);
        writer.apply(vec![marked(12, 10)]);
        assert_eq!(records(&store), [10, 11]);
        writer.apply(vec![marked(13, 11)]);
        assert_eq!(records(&store), [0; 0]);
    }
    writer.reset(0);
    writer.apply(vec![start(10, 9), close(11, 9), marked(12, 11)]);
    assert_eq!(records(&store), [0; 0]);
}

#[test]
fn bases_and_times_are_of_the_checkpoints_moment() {
    let dir = tempfile::tempdir().expect("a temporary directory");
    let (store, mut writer) = open(dir.path());
    let rebased = |offset, bases: &[(i64, i64)]| Applied {
        change: Change::Rebased(bases.to_vec()),
        since_base: 0,
        ..marked(offset, 0)
    };
    writer.apply(vec![rebased(5, &[(1, 100), (3, 200)])]);
    store.flush().expect("what was applied can be written");
    writer.apply(vec![marked(6, 0)]);
    let checkpoint = store.load(0).expect("a checkpoint");
    assert_eq!(checkpoint.bases, [(1, 100), (3, 200)]);
    assert_eq!((checkpoint.now_ms, checkpoint.since_base), (6_000, 6));
    writer.apply(vec![rebased(7, &[(4, 300)]), marked(8, 0)]);
    assert_eq!(store.load(0).expect("a checkpoint").bases, [(4, 300)]);
    writer.reset(0);
    writer.apply(vec![marked(0, -1)]);
    assert_eq!(store.load(0).expect("a checkpoint").bases, []);
}

/// Offsets of the records that the checkpoint has of [`EXECUTION`]; nothing else is in it.
fn records(store: &Store) -> Vec<i64> {
    let checkpoint = store.load(0).expect("a checkpoint");
    assert!(checkpoint.open.len() <= 1);
    let records = checkpoint.open.first().map(|(arn, records)| {
        assert_eq!(&**arn, EXECUTION);
        records.iter().map(|(offset, _)| *offset).collect()
    });
    records.unwrap_or_default()
}

fn marked(offset: i64, mark: i64) -> Applied {
    Applied {
        partition: 0,
        offset,
        epoch: 0,
        seq: offset as u64,
        positions: Positions::default(),
        mark,
        base: None,
        now_ms: offset * 1_000,
        since_base: offset as u64,
        change: Change::None,
    }
}

fn start(offset: i64, mark: i64) -> Applied {
    let opened = Opened {
        machine: "arn:aws:states:us-east-1:000000000000:stateMachine:m".into(),
        revision: 1,
        start_hash: 2,
    };
    step(offset, mark, Some(opened), None)
}

fn close(offset: i64, mark: i64) -> Applied {
    let closed = ClosedAs {
        status: Status::Succeeded,
        stop_ms: 9,
    };
    step(offset, mark, None, Some(closed))
}

fn step(offset: i64, mark: i64, opened: Option<Opened>, closed: Option<ClosedAs>) -> Applied {
    Applied {
        change: Change::Step {
            execution: Arc::from(EXECUTION),
            start_ms: 5,
            json: Bytes::from_static(b"{}"),
            opened,
            closed,
        },
        ..marked(offset, mark)
    }
}
