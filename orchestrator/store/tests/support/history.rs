//! Random but repeatable histories of a few partitions.

use baton_engine::views::{Applied, Change, ClosedAs, Opened, Redrives};
use baton_machine::Status;
use baton_schemas::arn::{execution_arn, state_machine_arn};
use baton_schemas::history::{Closed, InputTopic, Positions};
use bytes::Bytes;
use std::collections::VecDeque;
use std::ops::Range;
use std::sync::Arc;

/// About when the executions start.
pub const START_MS: i64 = 1_700_000_000_000;

/// A small generator of numbers (SplitMix64).
pub struct Random(pub u64);

impl Random {
    pub fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let z = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    pub fn below(&mut self, bound: u64) -> u64 {
        self.next() % bound
    }

    pub fn within(&mut self, range: Range<i64>) -> i64 {
        range.start + self.below((range.end - range.start) as u64) as i64
    }

    pub fn chance(&mut self, percent: u64) -> bool {
        self.below(100) < percent
    }
}

/// ARN of one of a few machines.
pub fn machine(n: u64) -> Arc<str> {
    state_machine_arn("us-east-1", "000000000000", &format!("machine-{n}"))
}

/// Gives records of all partitions, one at a time.
pub struct Histories {
    random: Random,
    partitions: Vec<Partition>,
    started: u64,
    padding: usize,
}

#[derive(Clone)]
struct Open {
    arn: Arc<str>,
    start_ms: i64,
    opened: Opened,
}

#[derive(Default)]
struct Partition {
    offset: i64,
    epoch: i64,
    seq: u64,
    positions: Positions,
    mark: i64,
    base: Option<i64>,
    since_base: u64,
    open: Vec<Open>,
    closed: Vec<Open>,
    /// Closed before the log began anew: the store has nothing of them.
    forgotten: Vec<Open>,
    redrives: u32,
    to_restate: VecDeque<Open>,
}

impl Histories {
    /// Histories that depend on nothing but these arguments; `padding` makes each record larger, bytes.
    pub fn new(seed: u64, partitions: i32, padding: usize) -> Self {
        let partitions = (0..partitions).map(|_| Partition::default()).collect();
        Self {
            random: Random(seed),
            partitions,
            started: 0,
            padding,
        }
    }

    /// The next record of some partition.
    pub fn next(&mut self) -> Applied {
        let n = self.random.below(self.partitions.len() as u64) as usize;
        let partition = &mut self.partitions[n];
        partition.offset += 1 + i64::from(self.random.chance(5));
        partition.seq += 1;
        partition.since_base += 1;
        if self.random.chance(30) {
            let topic = if self.random.chance(50) {
                InputTopic::Completions
            } else {
                InputTopic::Requests
            };
            partition.positions.advance(topic, partition.offset * 3);
        }
        let json = Bytes::from(format!(
            "{{\"p\":{n},\"o\":{},\"x\":\"{}\"}}",
            partition.offset,
            "x".repeat(self.padding)
        ));
        let change = self.change(n, json);
        let partition = &self.partitions[n];
        Applied {
            partition: n as i32,
            offset: partition.offset,
            epoch: partition.epoch,
            seq: partition.seq,
            positions: partition.positions.clone(),
            mark: partition.mark,
            base: partition.base,
            now_ms: START_MS + partition.offset / 3,
            since_base: partition.since_base,
            change,
        }
    }

    /// A partition's log begins anew: everything open will be restated.
    pub fn begin_anew(&mut self, partition: i32) {
        let partition = &mut self.partitions[partition as usize];
        (partition.offset, partition.mark) = (0, 0);
        partition.forgotten.append(&mut partition.closed);
        partition.to_restate = partition.open.drain(..).collect();
    }

    fn change(&mut self, n: usize, json: Bytes) -> Change {
        let partition = &mut self.partitions[n];
        if let Some(open) = partition.to_restate.pop_front() {
            partition.open.push(open.clone());
            return restated(open, json);
        }
        match self.random.below(100) {
            0..4 => {
                (partition.epoch, partition.seq) = (partition.offset, 0);
                Change::None
            }
            4..8 => {
                let mark = self.random.within(partition.mark..partition.offset);
                (partition.mark, partition.base) = (mark, Some(partition.epoch));
                if self.random.chance(30) {
                    return Change::None;
                }
                let some = self.random.below(3) as i64;
                Change::Marked((0..some).map(|n| mark - some + n).collect())
            }
            8..10 => {
                partition.since_base = 0;
                let earlier = self.random.within(0..partition.offset);
                Change::Rebased(vec![(earlier, START_MS), (partition.epoch, START_MS + 1)])
            }
            10..12 => {
                let hash = (u128::from(self.random.next()) << 64) | u128::from(self.random.next());
                let closed_ms = START_MS + partition.offset;
                Change::Names(vec![Closed {
                    arn_hash: format!("{hash:032x}").into(),
                    start_hash: 7,
                    closed_ms,
                }])
            }
            12..16 if !partition.open.is_empty() => {
                let at = self.random.below(partition.open.len() as u64) as usize;
                restated(partition.open[at].clone(), json)
            }
            16..19 if !partition.closed.is_empty() => {
                let at = self.random.below(partition.closed.len() as u64) as usize;
                let Open { arn, start_ms, .. } = partition.closed[at].clone();
                Change::Step {
                    execution: arn,
                    start_ms,
                    json,
                    opened: None,
                    closed: None,
                }
            }
            19..22 if !partition.closed.is_empty() => {
                let at = self.random.below(partition.closed.len() as u64) as usize;
                let closed = partition.closed.swap_remove(at);
                self.reopen(n, closed, json)
            }
            22..25 if !partition.forgotten.is_empty() => {
                let at = self.random.below(partition.forgotten.len() as u64) as usize;
                let closed = partition.forgotten.swap_remove(at);
                self.reopen(n, closed, json)
            }
            25..65 if !partition.open.is_empty() => self.step(n, json),
            _ => self.start(n, json),
        }
    }

    fn start(&mut self, n: usize, json: Bytes) -> Change {
        self.started += 1;
        let machine = machine(self.random.below(3));
        let arn = execution_arn(&machine, &format!("x{}", self.started)).expect("a machine's ARN");
        let start_ms = START_MS + self.started as i64 / 2 + self.random.within(0..20);
        let opened = Opened {
            machine,
            revision: self.random.below(9),
            start_hash: self.random.next(),
        };
        let open = Open {
            arn: arn.clone(),
            start_ms,
            opened: opened.clone(),
        };
        let closed = self.random.chance(20).then(|| self.closing(start_ms));
        let partition = &mut self.partitions[n];
        match closed {
            Some(_) => partition.closed.push(open),
            None => partition.open.push(open),
        }
        Change::Step {
            execution: arn,
            start_ms,
            json,
            opened: Some(opened),
            closed,
        }
    }

    fn step(&mut self, n: usize, json: Bytes) -> Change {
        let partition = &mut self.partitions[n];
        let at = self.random.below(partition.open.len() as u64) as usize;
        let Open { arn, start_ms, .. } = partition.open[at].clone();
        let closes = self.random.chance(30);
        if closes {
            let closed = partition.open.swap_remove(at);
            partition.closed.push(closed);
        }
        let closed = closes.then(|| self.closing(start_ms));
        Change::Step {
            execution: arn,
            start_ms,
            json,
            opened: None,
            closed,
        }
    }

    fn reopen(&mut self, n: usize, open: Open, json: Bytes) -> Change {
        let start_ms = open.start_ms;
        let closed = self.random.chance(20).then(|| self.closing(start_ms));
        let partition = &mut self.partitions[n];
        partition.redrives += 1;
        let redrives = Redrives {
            count: partition.redrives,
            last_ms: Some(START_MS + partition.offset),
        };
        let (execution, opened) = (open.arn.clone(), open.opened.clone());
        match closed {
            Some(_) => partition.closed.push(open),
            None => partition.open.push(open),
        }
        Change::Reopened {
            execution,
            start_ms,
            opened,
            redrives,
            past: Bytes::from_static(b"{\"past\":true}"),
            json,
            closed,
        }
    }

    fn closing(&mut self, start_ms: i64) -> ClosedAs {
        let statuses = [
            Status::Succeeded,
            Status::Succeeded,
            Status::Failed,
            Status::Aborted,
            Status::TimedOut,
        ];
        ClosedAs {
            status: statuses[self.random.below(5) as usize],
            stop_ms: start_ms + self.random.within(0..5_000),
        }
    }
}

fn restated(open: Open, json: Bytes) -> Change {
    Change::Restated {
        execution: open.arn,
        start_ms: open.start_ms,
        opened: open.opened,
        json,
    }
}
