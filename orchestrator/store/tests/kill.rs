//! A process that writes is killed; what it leaves behind is a checkpoint of one moment.

mod support;

use baton_engine::views::Checkpoints;
use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Command, Stdio};
use support::{Histories, Model, compare, open};

const PARTITIONS: i32 = 3;
const SEED: u64 = 11;
/// Large enough records that the writer is at work when the process is killed.
const PADDING: usize = 3_000;
const BATCH: usize = 500;
/// Names the directory to the child process.
const DIR: &str = "BATON_STORE_KILL_DIR";

#[test]
fn a_killed_process_leaves_a_checkpoint_of_one_moment() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("store");
    let mut before = vec![-1; PARTITIONS as usize];
    for batches in [1, 40, 90, 130] {
        kill_after(&path, batches);
        let reached = check(&path);
        assert!(
            before
                .iter()
                .zip(&reached)
                .all(|(before, reached)| before <= reached),
            "went back: {before:?} {reached:?}"
        );
        before = reached;
    }
    // More was applied than may wait to be written, so something was written.
    assert!(before.iter().all(|offset| *offset > 0), "{before:?}");
}

/// Runs the child until it has applied that many batches, and kills it.
fn kill_after(path: &Path, batches: usize) {
    let this = std::env::current_exe().expect("a test has a path");
    let mut child = Command::new(this)
        .args(["--ignored", "--exact", "child", "--nocapture"])
        .env(DIR, path)
        .stdout(Stdio::piped())
        .spawn()
        .expect("this test starts once more");
    let lines = BufReader::new(child.stdout.take().expect("its output is piped"))
        .lines()
        .map_while(Result::ok);
    let seen = lines.filter(|line| line == "applied").take(batches).count();
    child.kill().expect("it runs");
    child.wait().expect("it ended");
    assert_eq!(seen, batches, "the child ended early");
}

/// Compares what is there with the model of the same records; the offset of each partition.
fn check(path: &Path) -> Vec<i64> {
    let (store, _writer) = open(path);
    let offsets: Vec<i64> = (0..PARTITIONS)
        .map(|p| store.load(p).map_or(-1, |checkpoint| checkpoint.offset))
        .collect();
    let mut histories = Histories::new(SEED, PARTITIONS, PADDING);
    let mut model = Model::default();
    let mut past = vec![false; PARTITIONS as usize];
    while !past.iter().all(|past| *past) {
        let applied = histories.next();
        let partition = applied.partition as usize;
        past[partition] |= applied.offset >= offsets[partition];
        if applied.offset <= offsets[partition] {
            model.apply(&applied);
        }
    }
    assert_eq!(store.open_executions(), model.open_executions());
    compare(&store, &model, PARTITIONS);
    offsets
}

/// The process that is killed: applies the same records as always, those it has already included.
#[test]
#[ignore = "run by the test above"]
fn child() {
    let Some(path) = std::env::var_os(DIR) else {
        return;
    };
    let (_store, mut writer) = open(Path::new(&path));
    let mut histories = Histories::new(SEED, PARTITIONS, PADDING);
    loop {
        writer.apply((0..BATCH).map(|_| histories.next()).collect());
        println!("applied");
        std::io::stdout().flush().unwrap();
    }
}
