//! Tests of the log through its public door: batches in, batches out, with crashes and faults in between.

mod compaction;
mod crash;
mod damage;
mod extremes;
mod killed;
mod leaving;
mod random;
mod writing;

use super::{
    Appended, LogError, Logs, Settings,
    batch::{self, HEADER_BYTES, Header},
    codec,
    limits::DECOMPRESSED_BYTES_MAX,
    records::records,
};
use bytes::{Bytes, BytesMut};
use kafka_protocol::{
    indexmap::IndexMap,
    records::{Compression, Record, RecordBatchEncoder, RecordEncodeOptions, TimestampType},
};
use std::{collections::BTreeMap, path::Path, sync::Arc};

/// Time of the first record in a test, Unix ms; later ones are a ms apart.
const T0: i64 = 1_700_000_000_000;

/// A record to send: key and value.
type Pair<'a> = (Option<&'a str>, Option<&'a str>);
/// A record that was read: offset, key and value.
type Found = (i64, Option<String>, Option<String>);

/// A batch of values without keys.
fn values(values: &[&str]) -> Bytes {
    let pairs: Vec<Pair> = values.iter().map(|value| (None, Some(*value))).collect();
    sent(&pairs, T0, None, 0)
}

/// A batch as a producer sends it: records, time of the first, `(id, epoch, sequence)` if idempotent, compression.
fn sent(
    pairs: &[Pair],
    first_ms: i64,
    producer: Option<(i64, i16, i32)>,
    compression: i16,
) -> Bytes {
    let (producer_id, producer_epoch, sequence) = producer.unwrap_or((-1, -1, -1));
    let record = |(number, (key, value)): (usize, &Pair)| Record {
        transactional: false,
        control: false,
        delete_horizon: false,
        partition_leader_epoch: -1,
        producer_id,
        producer_epoch,
        timestamp_type: TimestampType::Creation,
        offset: number as i64,
        sequence: sequence.wrapping_add(number as i32),
        timestamp: first_ms + number as i64,
        key: key.map(|key| Bytes::copy_from_slice(key.as_bytes())),
        value: value.map(|value| Bytes::copy_from_slice(value.as_bytes())),
        headers: IndexMap::new(),
    };
    let all: Vec<_> = pairs.iter().enumerate().map(record).collect();
    let mut plain = BytesMut::new();
    let options = RecordEncodeOptions {
        version: 2,
        compression: Compression::None,
    };
    RecordBatchEncoder::encode(&mut plain, &all, &options).unwrap();
    let header = Header::read(&plain).unwrap();
    plain[21..23].copy_from_slice(&compression.to_be_bytes());
    let body = codec::compress(compression, &plain[HEADER_BYTES..]).unwrap();
    batch::with_records(&plain, header.count, header.max_timestamp, &body).into()
}

/// All records of batches that were read.
fn found(mut batches: &[u8]) -> Vec<Found> {
    let mut all = Vec::new();
    while !batches.is_empty() {
        let header = Header::read(batches).unwrap();
        let (batch, rest) = batches.split_at(header.bytes);
        assert_eq!(crc32c::crc32c(&batch[batch::CHECKED_FROM..]), header.crc);
        let body = codec::decompress(
            header.compression(),
            &batch[HEADER_BYTES..],
            DECOMPRESSED_BYTES_MAX,
        )
        .unwrap();
        for record in records(&body, header.count) {
            let record = record.unwrap();
            let text = |bytes: Option<&[u8]>| {
                bytes.map(|bytes| String::from_utf8(bytes.to_vec()).unwrap())
            };
            all.push((
                header.base_offset + i64::from(record.offset_delta),
                text(record.key),
                text(record.value),
            ));
        }
        batches = rest;
    }
    all
}

/// Everything that a partition shows, read from its first offset in steps of `max_bytes`.
fn everything(logs: &Logs, topic: &str, max_bytes: usize) -> Vec<Found> {
    let mut all: Vec<Found> = Vec::new();
    let mut next = logs.start_offset(topic, 0).unwrap();
    loop {
        let read = logs.read(topic, 0, next, max_bytes).unwrap();
        let Some(last) = found(&read.records).last().map(|record| record.0) else {
            return all;
        };
        all.extend(
            found(&read.records)
                .into_iter()
                .filter(|record| record.0 >= next),
        );
        next = last + 1;
    }
}

/// The values alone.
fn texts(found: &[Found]) -> Vec<&str> {
    found
        .iter()
        .map(|(_, _, value)| value.as_deref().unwrap_or("(none)"))
        .collect()
}

fn config(settings: &[(&str, &str)]) -> BTreeMap<String, String> {
    settings
        .iter()
        .map(|(name, value)| (name.to_string(), value.to_string()))
        .collect()
}

fn open(dir: &Path) -> Arc<Logs> {
    Logs::open(dir, Settings { fsync: true }).unwrap()
}

/// A log with a topic `t` of one partition.
fn with_topic(dir: &Path, settings: &[(&str, &str)]) -> Arc<Logs> {
    let logs = open(dir);
    logs.create_topic("t", 1, &config(settings)).unwrap();
    logs
}

async fn append(logs: &Logs, batch: Bytes) -> Result<Appended, LogError> {
    logs.append("t", 0, batch).await
}

/// The log files of `t`'s partition, by base offset.
fn log_files(dir: &Path) -> Vec<std::path::PathBuf> {
    let entries = std::fs::read_dir(dir.join("topics/t/0")).unwrap();
    let mut files: Vec<_> = entries
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|is| is == "log"))
        .collect();
    files.sort();
    files
}
