//! A process that is killed in mid-stream: what it had acknowledged is there, in order, and nothing else.

use super::*;
use std::{
    io::{BufRead, BufReader, Write},
    process::{Command, Stdio},
};

const DIR: &str = "BROKER_LOG_TEST_DIR";
const ROUNDS: usize = 5;

/// Runs in the process that is killed: appends for ever, and tells each acknowledged offset on its standard output.
#[test]
#[ignore = "started by the test below, to be killed"]
fn appends_for_ever() {
    let Ok(dir) = std::env::var(DIR) else {
        return;
    };
    let runtime = tokio::runtime::Builder::new_current_thread()
        .build()
        .unwrap();
    runtime.block_on(async {
        let logs = open(Path::new(&dir));
        let mut next = logs.end_offset("t", 0).unwrap();
        loop {
            let appended = append(&logs, values(&[&next.to_string(), &(next + 1).to_string()]))
                .await
                .unwrap();
            assert_eq!(appended.base_offset, next);
            next += 2;
            println!("acknowledged {next}");
            std::io::stdout().flush().unwrap();
        }
    });
}

#[test]
fn kill_9_loses_nothing_acknowledged() {
    let dir = tempfile::tempdir().unwrap();
    drop(with_topic(dir.path(), &[("segment.bytes", "3000")]));
    let mut least = 0;
    for round in 0..ROUNDS {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args([
                "--ignored",
                "--exact",
                "--nocapture",
                "log::tests::killed::appends_for_ever",
            ])
            .env(DIR, dir.path())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let output = BufReader::new(child.stdout.take().unwrap());
        let acknowledged = output
            .lines()
            .map_while(Result::ok)
            .filter_map(|line| line.split_once("acknowledged ")?.1.parse::<i64>().ok());
        least = acknowledged
            .take(20 + round * 7)
            .last()
            .expect("the child appends");
        child.kill().unwrap();
        child.wait().unwrap();
    }
    let logs = open(dir.path());
    let all = everything(&logs, "t", 1000);
    assert!(
        all.len() as i64 >= least && all.len().is_multiple_of(2),
        "{} records, {least} acknowledged",
        all.len()
    );
    for (at, (offset, _, value)) in all.iter().enumerate() {
        assert_eq!(
            (*offset, value.as_deref()),
            (at as i64, Some(at.to_string().as_str()))
        );
    }
}
