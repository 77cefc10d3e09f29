//! What open executions cost an owner, without Kafka and views:
//! `cargo run --release -p baton-engine --example open [COUNT]`.
//!
//! Prints, for executions in a long Wait and for open tasks, the resident memory of each (Linux) as they were started, and
//! again after a fold of the log, with the time that the fold took.

mod desk;

use baton_engine::Input;
use baton_schemas::Payload;
use desk::{Desk, One};
use std::time::Instant;

const COUNT: usize = 100_000;
const WAIT: &str = r#"{"StartAt":"W","States":{"W":{"Type":"Wait","Seconds":2592000,"End":true}}}"#;
const TASK: &str = r#"{"StartAt":"T","States":{"T":{"Type":"Task","End":true,"Resource":"arn:aws:states:::lambda:invoke.waitForTaskToken","Parameters":{"FunctionName":"nobody","Payload":{"token.$":"$$.Task.Token","input.$":"$"}}}}}"#;

fn main() {
    let count = std::env::args().nth(1).and_then(|n| n.parse().ok());
    let count = count.unwrap_or(COUNT);
    for (kind, text) in [("wait", WAIT), ("task", TASK)] {
        started(kind, text, count);
        folded(kind, text, count);
    }
}

fn started(kind: &str, text: &str, count: usize) {
    let mut desk = Desk::new(One::new(text), None);
    desk.tell(Input::Assigned);
    let before = resident();
    open(&mut desk, count);
    let each = resident().saturating_sub(before) / count;
    let history = desk.bytes / count;
    println!("{kind}: {each} bytes for each of {count} as started; {history} of history");
    // Kept, so that nothing that comes later fits into what would be free.
    std::mem::forget(desk);
}

fn folded(kind: &str, text: &str, count: usize) {
    let mut first = Desk::new(One::new(text), Some(Vec::new()));
    first.tell(Input::Assigned);
    open(&mut first, count);
    let log = first.log.take();
    std::mem::forget(first);
    let mut desk = Desk::new(One::new(text), log);
    let before = resident();
    let begun = Instant::now();
    desk.tell(Input::Assigned);
    let each_us = begun.elapsed().as_secs_f64() * 1e6 / count as f64;
    assert_eq!(desk.owner.open_executions(), count, "all are open again");
    let each = resident().saturating_sub(before) / count;
    println!("{kind}: {each} bytes for each as folded; {each_us:.1} us to fold each");
    std::mem::forget(desk);
}

fn open(desk: &mut Desk, count: usize) {
    for i in 0..count {
        // Text that differs, as real inputs do.
        let data: String = (0..28)
            .map(|j| format!("{:010}", i.wrapping_mul(7_919 + j * j) % 9_999_999_967))
            .collect();
        let input =
            Payload::from_text(&format!("{{\"n\":{i},\"data\":\"{data}\"}}")).expect("JSON");
        desk.start(&format!("open-{i:06}-0123456789abcdef0123"), input);
        desk.commands.clear();
    }
    assert_eq!(desk.owner.open_executions(), count, "all are open");
}

/// Resident memory of this process, bytes.
fn resident() -> usize {
    let statm = std::fs::read_to_string("/proc/self/statm").expect("Linux");
    let pages = statm
        .split(' ')
        .nth(1)
        .and_then(|pages| pages.parse::<usize>().ok());
    pages.expect("a number of pages") * 4096
}
