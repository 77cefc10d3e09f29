//! The store against a simple model: random histories, writes at random points, restarts in between.

mod support;

use proptest::prelude::*;
use support::{
    Histories, Model, Random, compare, compare_execution, compare_list, open, some_query,
};

const PARTITIONS: i32 = 2;

#[derive(Clone, Debug)]
enum Op {
    /// This many records arrive, in one batch.
    Apply(usize),
    /// Everything is written.
    Flush,
    /// The process ends in good order and starts again.
    Reopen,
    /// A partition's views are built anew.
    Reset(i32),
    /// Some executions and lists are asked for.
    Ask,
    /// Everything is compared.
    Compare,
}

fn op() -> impl Strategy<Value = Op> {
    prop_oneof![
        10 => (1usize..60).prop_map(Op::Apply),
        3 => Just(Op::Flush),
        1 => Just(Op::Reopen),
        1 => (0..PARTITIONS).prop_map(Op::Reset),
        4 => Just(Op::Ask),
        1 => Just(Op::Compare),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 32, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn the_store_is_the_model(seed: u64, ops in prop::collection::vec(op(), 1..60)) {
        run(seed, &ops);
    }
}

fn run(seed: u64, ops: &[Op]) {
    let dir = tempfile::tempdir().expect("a temporary directory");
    let path = dir.path().join("store");
    let (mut store, mut writer) = open(&path);
    let mut histories = Histories::new(seed, PARTITIONS, 40);
    let mut model = Model::default();
    let mut random = Random(seed);
    for op in ops {
        match op {
            Op::Apply(n) => {
                let batch: Vec<_> = (0..*n).map(|_| histories.next()).collect();
                batch.iter().for_each(|applied| model.apply(applied));
                writer.apply(batch);
            }
            Op::Flush => {
                store.flush().expect("what was applied can be written");
                assert_eq!(store.open_executions(), model.open_executions());
                assert_eq!((store.pending_records(), store.pending_bytes()), (0, 0));
            }
            Op::Reopen => {
                store.close();
                drop(store);
                (store, writer) = open(&path);
                assert_eq!(store.open_executions(), model.open_executions());
            }
            Op::Reset(partition) => {
                histories.begin_anew(*partition);
                model.reset(*partition);
                writer.reset(*partition);
            }
            Op::Ask => {
                model
                    .arns()
                    .filter(|_| random.chance(20))
                    .for_each(|arn| compare_execution(&store, &model, arn));
                compare_execution(
                    &store,
                    &model,
                    "arn:aws:states:us-east-1:000000000000:execution:machine-0:none",
                );
                let mut random = Random(random.next());
                (0..4).for_each(|_| compare_list(&store, &model, &some_query(&mut random)));
            }
            Op::Compare => compare(&store, &model, PARTITIONS),
        }
    }
    compare(&store, &model, PARTITIONS);
}

#[test]
fn records_given_again_change_nothing() {
    let dir = tempfile::tempdir().expect("a temporary directory");
    let (store, mut writer) = open(dir.path());
    let mut histories = Histories::new(3, PARTITIONS, 40);
    let mut model = Model::default();
    let batch: Vec<_> = (0..200).map(|_| histories.next()).collect();
    batch.iter().for_each(|applied| model.apply(applied));
    writer.apply(batch.clone());
    writer.apply(batch[..150].to_vec());
    store.flush().expect("what was applied can be written");
    writer.apply(batch[50..].to_vec());
    compare(&store, &model, PARTITIONS);
}
