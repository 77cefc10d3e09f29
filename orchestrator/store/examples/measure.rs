//! Measures what the store costs: records a second, CPU and disk per workflow, memory, and the time of a checkpoint.
//!
//! `cargo run --release -p baton-store --example measure -- <workflows> [at once] [record bytes] [a second]`
//!
//! Workflows of six records start, go on and close, that many of them at once and that many a second (0, the default:
//! as many as go through); then 100,000 are left open. One thread applies, as the engine's does. Linux only: it reads
//! `/proc/self`.

use baton_engine::views::{Applied, Change, Checkpoints, ClosedAs, ListQuery, Opened, Views};
use baton_machine::Status;
use baton_schemas::history::Positions;
use baton_store::{Settings, Store, StoreError};
use bytes::Bytes;
use std::fmt::Write;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

const STEPS: usize = 6;
const PARTITIONS: i32 = 4;
const OPEN: usize = 100_000;
const START_MS: i64 = 1_700_000_000_000;
/// Records after which an owner writes a mark under load.
const MARK_EVERY: i64 = 2_000;
/// Workflows a second that the times in the records pretend.
const RATE: i64 = 11_000;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut arguments = std::env::args()
        .skip(1)
        .map(|argument| argument.parse::<usize>());
    let workflows = arguments.next().transpose()?.unwrap_or(100_000);
    let at_once = arguments.next().transpose()?.unwrap_or(1_000);
    let record_bytes = arguments.next().transpose()?.unwrap_or(700);
    let rate = arguments.next().transpose()?.unwrap_or(0);
    let dir = std::env::temp_dir().join(format!("baton-store-measure-{}", std::process::id()));
    measure(&dir, [workflows, at_once, record_bytes, rate])?;
    std::fs::remove_dir_all(&dir)?;
    Ok(())
}

fn measure(
    dir: &Path,
    [workflows, at_once, record_bytes, rate]: [usize; 4],
) -> Result<(), StoreError> {
    let (store, mut writer) = Store::open(
        dir,
        Settings {
            retention_ms: i64::MAX / 2,
            clock: Arc::new(|| 0),
            declarations: None,
        },
    )?;
    let mut load = Load {
        offsets: [0; PARTITIONS as usize],
        machine: machine(),
        record_bytes,
    };
    let (began, cpu, resident) = (Instant::now(), cpu(), resident_mb());
    let mut applying = Duration::ZERO;
    let mut inventing = Duration::ZERO;
    for first in (0..workflows).step_by(at_once) {
        let arns: Vec<_> = (first..first + at_once).map(arn).collect();
        for step in 0..STEPS {
            let invent = thread_cpu();
            let batch: Vec<_> = (first..workflows.min(first + at_once))
                .map(|n| load.record(n, &arns[n - first], step))
                .collect();
            inventing += thread_cpu() - invent;
            let apply = Instant::now();
            writer.apply(batch);
            applying += apply.elapsed();
            let done = (first * STEPS + at_once * (step + 1)) as f64 / STEPS as f64;
            keep_pace(began, done, rate);
        }
    }
    store.flush()?;
    let (took, cpu) = (began.elapsed(), crate::cpu() - cpu - inventing);
    let n = workflows as f64;
    println!(
        "{workflows} workflows of {STEPS} records of about {record_bytes} bytes, {at_once} at once"
    );
    println!(
        "records a second      {:>10.0}",
        n * STEPS as f64 / took.as_secs_f64()
    );
    println!(
        "CPU a workflow        {:>10.1} us (all threads; making the records not counted)",
        cpu.as_secs_f64() * 1e6 / n
    );
    println!(
        "of that, in apply     {:>10.2} us a record (waiting for the writer included)",
        applying.as_secs_f64() * 1e6 / n / STEPS as f64
    );
    println!(
        "disk a workflow       {:>10.0} bytes ({} MB with journals)",
        disk(dir, false) as f64 / n,
        disk(dir, true) >> 20
    );
    println!(
        "resident              {:>10} MB (before: {resident} MB, peak: {} MB)",
        resident_mb(),
        proc_mb("VmHWM:")
    );
    queries(&store, workflows);

    for first in (workflows..workflows + OPEN).step_by(1_000) {
        let arns: Vec<_> = (first..first + 1_000).map(arn).collect();
        for step in 0..2 {
            writer.apply(
                (first..first + 1_000)
                    .map(|n| load.record(n, &arns[n - first], step))
                    .collect(),
            );
        }
    }
    store.flush()?;
    let began = Instant::now();
    let open: usize = (0..PARTITIONS)
        .filter_map(|p| Some(store.load(p)?.open.len()))
        .sum();
    println!(
        "checkpoints, {open} open {:>7.2} s",
        began.elapsed().as_secs_f64()
    );
    let began = Instant::now();
    drop(store);
    println!(
        "close                 {:>10.2} s",
        began.elapsed().as_secs_f64()
    );
    drop(writer);
    let began = Instant::now();
    let (store, _writer) = Store::open(dir, Settings::default())?;
    println!(
        "open again            {:>10.2} s, {} open",
        began.elapsed().as_secs_f64(),
        store.open_executions()
    );
    Ok(())
}

/// Waits until the time at which `done` workflows are to be done.
fn keep_pace(began: Instant, done: f64, rate: usize) {
    if rate == 0 {
        return;
    }
    let due = began + Duration::from_secs_f64(done / rate as f64);
    while let Some(left) = due
        .checked_duration_since(Instant::now())
        .filter(|left| !left.is_zero())
    {
        std::thread::park_timeout(left);
    }
}

fn queries(store: &Store, workflows: usize) {
    let arns: Vec<_> = (0..1_000).map(|n| arn(n * 7_919 % workflows)).collect();
    let began = Instant::now();
    let found = arns
        .iter()
        .filter(|arn| store.describe(arn).is_some())
        .count();
    println!(
        "describe              {:>10.1} us ({found} found)",
        began.elapsed().as_secs_f64() * 1e3
    );
    let began = Instant::now();
    let records: usize = arns
        .iter()
        .filter_map(|arn| Some(store.history(arn)?.len()))
        .sum();
    println!(
        "history               {:>10.1} us ({records} records)",
        began.elapsed().as_secs_f64() * 1e3
    );
    let query = ListQuery {
        machine: Some(machine()),
        limit: 100,
        ..ListQuery::default()
    };
    let began = Instant::now();
    let listed: usize = (0..100).map(|_| store.list(&query).executions.len()).sum();
    println!(
        "list of 100           {:>10.1} us ({listed} listed)",
        began.elapsed().as_secs_f64() * 1e4
    );
    let query = ListQuery {
        status: Some(Status::Succeeded),
        name_prefix: Some("none".into()),
        ..query
    };
    let began = Instant::now();
    store.list(&query);
    println!(
        "list, nothing matches {:>10.1} ms",
        began.elapsed().as_secs_f64() * 1e3
    );
}

struct Load {
    offsets: [i64; PARTITIONS as usize],
    machine: Arc<str>,
    record_bytes: usize,
}

impl Load {
    fn record(&mut self, n: usize, execution: &Arc<str>, step: usize) -> Applied {
        let partition = n % PARTITIONS as usize;
        self.offsets[partition] += 1;
        let start_ms = START_MS + n as i64 * 1_000 / RATE;
        let opened = (step == 0).then(|| Opened {
            machine: self.machine.clone(),
            revision: 3,
            start_hash: n as u64,
        });
        let closed = (step + 1 == STEPS).then_some(ClosedAs {
            status: Status::Succeeded,
            stop_ms: start_ms + 50,
        });
        let json = json(execution, self.offsets[partition], step, self.record_bytes);
        Applied {
            partition: partition as i32,
            offset: self.offsets[partition],
            epoch: 0,
            seq: self.offsets[partition] as u64,
            positions: Positions::default(),
            mark: self.offsets[partition] / MARK_EVERY * MARK_EVERY - 1,
            base: None,
            now_ms: start_ms,
            since_base: self.offsets[partition] as u64,
            change: Change::Step {
                execution: execution.clone(),
                start_ms,
                json,
                opened,
                closed,
            },
        }
    }
}

/// Something like a history record: as repetitive as one, with some of it never seen before.
fn json(execution: &str, offset: i64, step: usize, bytes: usize) -> Bytes {
    let mut json = String::with_capacity(bytes.max(600));
    let _ = write!(
        json,
        "{{\"v\":1,\"r\":{{\"transition\":{{\"epoch\":0,\"seq\":{offset},\"cause\":{{\"completions\":{offset}}},\"now\":{},\
         \"execution\":\"{execution}\",\"events\":[{{\"id\":{},\"prev\":{},\"e\":{{\"task_succeeded\":{{\"resource\":\
         \"arn:aws:states:::baton:task.charge\"}}}},\"data\":{{\"order\":{offset}}}}},{{\"id\":{},\"prev\":{},\"e\":\
         {{\"state_exited\":{{\"name\":\"Charge the card {step}\",\"assigned\":{{}}}}}},\"same\":true}}],\"payload\":\"",
        START_MS + offset,
        step * 3,
        step * 3 - step.min(1),
        step * 3 + 1,
        step * 3
    );
    let mut random = offset as u64 + 1;
    while json.len() + 16 < bytes {
        random = random
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        let _ = write!(json, "{:x},\"item\":", random >> 40);
    }
    json.push_str("\"}}}");
    Bytes::from(json)
}

fn machine() -> Arc<str> {
    "arn:aws:states:us-east-1:000000000000:stateMachine:orders".into()
}

fn arn(n: usize) -> Arc<str> {
    let unique = (n as u128 + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15_f39c_c060_5ced_c835);
    format!("arn:aws:states:us-east-1:000000000000:execution:orders:{unique:032x}").into()
}

/// CPU time of this process: user and system, in clock ticks of 10 ms.
fn cpu() -> Duration {
    ticks("/proc/self/stat")
}

fn thread_cpu() -> Duration {
    let text = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap_or_default();
    Duration::from_nanos(
        text.split(' ')
            .next()
            .and_then(|ns| ns.parse().ok())
            .unwrap_or(0),
    )
}

fn ticks(path: &str) -> Duration {
    let text = std::fs::read_to_string(path).unwrap_or_default();
    let after_name = text.rsplit(") ").next().unwrap_or_default();
    let ticks: u64 = after_name
        .split(' ')
        .skip(11)
        .take(2)
        .filter_map(|n| n.parse::<u64>().ok())
        .sum();
    Duration::from_millis(ticks * 10)
}

fn resident_mb() -> u64 {
    proc_mb("VmRSS:")
}

fn proc_mb(line: &str) -> u64 {
    let text = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = text
        .lines()
        .find_map(|l| l.strip_prefix(line))
        .unwrap_or_default();
    line.split_whitespace()
        .next()
        .and_then(|kb| kb.parse::<u64>().ok())
        .unwrap_or(0)
        / 1024
}

fn disk(dir: &Path, journals: bool) -> u64 {
    let entries = std::fs::read_dir(dir).into_iter().flatten().flatten();
    entries
        .map(|entry| match entry.metadata() {
            Ok(meta) if meta.is_dir() => disk(&entry.path(), journals),
            Ok(_)
                if !journals
                    && entry
                        .path()
                        .extension()
                        .is_some_and(|extension| extension == "jnl") =>
            {
                0
            }
            Ok(meta) => meta.len(),
            Err(_) => 0,
        })
        .sum()
}
