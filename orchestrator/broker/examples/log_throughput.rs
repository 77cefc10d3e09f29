//! Measures the log alone: appends of batches by concurrent writers, with and without sync, one record at a time, reads,
//! and starts after a clean stop and after a crash.
//!
//! `cargo run --release -p baton-broker --example log_throughput -- DIR [BATCHES]`; the directory is removed after.

use baton_broker::log::{Logs, Settings};
use bytes::{Bytes, BytesMut};
use kafka_protocol::{
    indexmap::IndexMap,
    records::{Compression, Record, RecordBatchEncoder, RecordEncodeOptions, TimestampType},
};
use std::{
    collections::{BTreeMap, VecDeque},
    error::Error,
    path::Path,
    sync::Arc,
    time::Instant,
};

const RECORDS: usize = 50;
const VALUE_BYTES: usize = 300;
const PARTITIONS: i32 = 4;
const IN_FLIGHT: usize = 5;
const MIB: f64 = 1_048_576.0;

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let dir = arguments.next().ok_or("say which directory to use")?;
    let batches = arguments
        .next()
        .map_or(Ok(4_000), |number| number.parse())?;
    let batch = batch(RECORDS)?;
    println!("batches of {RECORDS} records of {VALUE_BYTES} bytes, {PARTITIONS} partitions");
    for fsync in [false, true] {
        let dir = Path::new(&dir).join(format!("fsync-{fsync}"));
        measure(&dir, Settings { fsync }, &batch, batches).await?;
        std::fs::remove_dir_all(&dir)?;
    }
    Ok(())
}

async fn measure(
    dir: &Path,
    settings: Settings,
    batch: &Bytes,
    batches: usize,
) -> Result<(), Box<dyn Error>> {
    println!("fsync {}", settings.fsync);
    let logs = Logs::open(dir, settings)?;
    logs.create_topic("t", PARTITIONS as u32, &BTreeMap::new())?;
    let records = batches * RECORDS * PARTITIONS as usize;
    let began = Instant::now();
    let writers: Vec<_> = (0..PARTITIONS)
        .map(|p| tokio::spawn(write(Arc::clone(&logs), p, batch.clone(), batches)))
        .collect();
    for writer in writers {
        writer.await?.map_err(|error| error.to_string())?;
    }
    let took = began.elapsed().as_secs_f64();
    println!(
        "  append     {:>10.0} records/s  {:>6.0} MiB/s",
        records as f64 / took,
        (batch.len() * batches * 4) as f64 / MIB / took
    );

    let one = self::batch(1)?;
    let mut times = Vec::new();
    for _ in 0..500 {
        let began = Instant::now();
        logs.append("t", 0, one.clone()).await?;
        times.push(began.elapsed().as_secs_f64() * 1000.0);
    }
    times.sort_by(f64::total_cmp);
    println!(
        "  one by one p50 {:.3} ms  p99 {:.3} ms",
        times[250], times[495]
    );

    let began = Instant::now();
    let (mut offset, mut bytes) = (0, 0);
    loop {
        let read = logs.read("t", 1, offset, 1 << 20)?;
        if read.records.is_empty() {
            break;
        }
        bytes += read.records.len();
        offset += (read.records.len() / batch.len() * RECORDS) as i64;
    }
    let took = began.elapsed().as_secs_f64();
    println!(
        "  read       {:>10.0} records/s  {:>6.0} MiB/s",
        offset as f64 / took,
        bytes as f64 / MIB / took
    );

    drop(logs);
    let began = Instant::now();
    let logs = Logs::open(dir, settings)?;
    println!(
        "  start after a crash {:.1} ms",
        began.elapsed().as_secs_f64() * 1000.0
    );
    logs.close();
    drop(logs);
    let began = Instant::now();
    drop(Logs::open(dir, settings)?);
    println!(
        "  start after a clean stop {:.1} ms",
        began.elapsed().as_secs_f64() * 1000.0
    );
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    println!(
        "  {}",
        status
            .lines()
            .find(|line| line.starts_with("VmRSS"))
            .unwrap_or("resident size unknown")
    );
    Ok(())
}

/// Appends to one partition with a few batches in flight, as a producer does.
async fn write(
    logs: Arc<Logs>,
    partition: i32,
    batch: Bytes,
    batches: usize,
) -> Result<(), baton_broker::log::LogError> {
    let mut in_flight = VecDeque::with_capacity(IN_FLIGHT);
    for _ in 0..batches {
        if in_flight.len() == IN_FLIGHT
            && let Some(written) = in_flight.pop_front()
        {
            baton_broker::log::Written::durable(written).await?;
        }
        in_flight.push_back(logs.write("t", partition, Bytes::copy_from_slice(&batch))?);
        tokio::task::yield_now().await;
    }
    for written in in_flight {
        written.durable().await?;
    }
    Ok(())
}

fn batch(records: usize) -> Result<Bytes, Box<dyn Error>> {
    let record = |number: usize| Record {
        transactional: false,
        control: false,
        delete_horizon: false,
        partition_leader_epoch: -1,
        producer_id: -1,
        producer_epoch: -1,
        timestamp_type: TimestampType::Creation,
        offset: number as i64,
        sequence: number as i32 - 1,
        timestamp: 1_700_000_000_000,
        key: None,
        value: Some(Bytes::from(vec![b'x'; VALUE_BYTES])),
        headers: IndexMap::new(),
    };
    let all: Vec<_> = (0..records).map(record).collect();
    let mut batch = BytesMut::new();
    let options = RecordEncodeOptions {
        version: 2,
        compression: Compression::None,
    };
    RecordBatchEncoder::encode(&mut batch, &all, &options)?;
    Ok(batch.freeze())
}
