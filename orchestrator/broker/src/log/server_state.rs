//! Small keys and values of the server's own, in a compacted partition that is no topic, and the ids of producers.

use super::{
    LogError, OpenError,
    config::TopicConfig,
    disk::{self, Disk},
    limits::{BATCH_BYTES_MAX, PRODUCER_ID_BLOCK},
    partition::{Partition, replace_sealed, unsealed},
};
use bytes::{Bytes, BytesMut};
use kafka_protocol::{
    indexmap::IndexMap,
    records::{
        Compression, NO_PRODUCER_EPOCH, NO_PRODUCER_ID, NO_SEQUENCE, Record, RecordBatchEncoder,
        RecordEncodeOptions, TimestampType,
    },
};
use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError},
};

/// The settings of the partition of keys and values: compacted often, since it is read whole at each start.
pub fn config() -> TopicConfig {
    let settings = [
        ("cleanup.policy", "compact".to_owned()),
        ("segment.bytes", (4 << 20).to_string()),
        ("delete.retention.ms", "0".to_owned()),
        ("max.message.bytes", BATCH_BYTES_MAX.to_string()),
    ];
    let settings = settings.map(|(name, value)| (name.to_owned(), value));
    TopicConfig::parse(&settings.into()).expect("these settings are valid")
}

/// One batch that sets and deletes keys.
pub fn encode(entries: &[(Bytes, Option<Bytes>)], now_ms: i64) -> Result<Bytes, LogError> {
    let record = |(number, (key, value)): (usize, &(Bytes, Option<Bytes>))| Record {
        transactional: false,
        control: false,
        delete_horizon: false,
        partition_leader_epoch: 0,
        producer_id: NO_PRODUCER_ID,
        producer_epoch: NO_PRODUCER_EPOCH,
        timestamp_type: TimestampType::Creation,
        offset: number as i64,
        // The encoder makes one batch of records whose sequences keep step with their offsets.
        sequence: NO_SEQUENCE.wrapping_add(number as i32),
        timestamp: now_ms,
        key: Some(key.clone()),
        value: value.clone(),
        headers: IndexMap::new(),
    };
    let records: Vec<_> = entries.iter().enumerate().map(record).collect();
    let mut batch = BytesMut::new();
    let options = RecordEncodeOptions {
        version: 2,
        compression: Compression::None,
    };
    RecordBatchEncoder::encode(&mut batch, &records, &options)
        .map_err(|error| LogError::InvalidRecord(error.to_string()))?;
    Ok(batch.freeze())
}

/// All keys and values as they stand.
pub fn all(partition: &Partition) -> Result<BTreeMap<Bytes, Bytes>, LogError> {
    let mut all = BTreeMap::new();
    partition.each_record(|record| {
        let Some(key) = record.key else {
            return;
        };
        match record.value {
            Some(value) => all.insert(Bytes::copy_from_slice(key), Bytes::copy_from_slice(value)),
            None => all.remove(key),
        };
    })?;
    Ok(all)
}

/// Producer ids that were never given out.
pub struct ProducerIds {
    disk: Arc<Disk>,
    path: PathBuf,
    /// The next one, and the first that the disk does not know as given.
    ids: Mutex<(i64, i64)>,
}

impl ProducerIds {
    /// Those of a data directory. What was left of the last block is passed over.
    pub fn open(disk: Arc<Disk>, dir: &Path) -> Result<Self, OpenError> {
        let path = dir.join("producer-ids");
        let next = match disk::read_small(&path).map_err(OpenError::io(&path))? {
            None => 0,
            Some(file) => unsealed(&file)
                .and_then(|text| std::str::from_utf8(text).ok()?.parse::<i64>().ok())
                .filter(|next| *next >= 0)
                .ok_or_else(|| OpenError::Damaged {
                    path: path.clone(),
                    what: "it holds no number with its checksum".to_owned(),
                })?,
        };
        Ok(ProducerIds {
            disk,
            path,
            ids: Mutex::new((next, next)),
        })
    }

    /// A new one.
    pub fn next(&self) -> Result<i64, LogError> {
        let mut ids = self.ids.lock().unwrap_or_else(PoisonError::into_inner);
        let (next, known) = *ids;
        if next < known {
            ids.0 += 1;
            return Ok(next);
        }
        let block_end = next
            .checked_add(PRODUCER_ID_BLOCK)
            .ok_or_else(|| LogError::Io("no producer ids are left".into()))?;
        let written = replace_sealed(&self.disk, &self.path, block_end.to_string().as_bytes());
        written.map_err(|error| LogError::io("note producer ids", &error))?;
        *ids = (next + 1, block_end);
        Ok(next)
    }
}
