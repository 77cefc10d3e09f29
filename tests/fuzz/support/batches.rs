//! Record batches of Kafka's format v2: made, and with their sums made right again after they were changed.

use bytes::{Bytes, BytesMut};
use kafka_protocol::records::{
    Compression, Record, RecordBatchEncoder, RecordEncodeOptions, TimestampType,
};

/// Where the length of a batch stands, the byte that says which format it is, its sum, and what is summed.
const LENGTH_AT: usize = 8;
const MAGIC_AT: usize = 16;
const SUM_AT: usize = 17;
const SUMMED_FROM: usize = 21;
const HEADER_BYTES: usize = 61;
/// Bytes before those that the length counts.
const UNCOUNTED_BYTES: usize = 12;
/// Unix time in ms of the first record.
const T0: i64 = 1_700_000_000_000;

/// A batch of keys and values, of the producer `(id, epoch, first sequence)` if it is idempotent.
pub fn batch(pairs: &[(Option<&str>, Option<&str>)], producer: Option<(i64, i16, i32)>) -> Bytes {
    let (producer_id, producer_epoch, sequence) = producer.unwrap_or((-1, -1, -1));
    let record = |(number, (key, value)): (i32, &(Option<&str>, Option<&str>))| Record {
        transactional: false,
        control: false,
        delete_horizon: false,
        partition_leader_epoch: -1,
        producer_id,
        producer_epoch,
        timestamp_type: TimestampType::Creation,
        offset: i64::from(number),
        // One batch has records whose sequences keep step with their offsets.
        sequence: sequence.wrapping_add(number),
        timestamp: T0 + i64::from(number),
        key: key.map(|key| Bytes::copy_from_slice(key.as_bytes())),
        value: value.map(|value| Bytes::copy_from_slice(value.as_bytes())),
        headers: Default::default(),
    };
    let records: Vec<Record> = (0..).zip(pairs).map(record).collect();
    let mut bytes = BytesMut::new();
    let options = RecordEncodeOptions {
        version: 2,
        compression: Compression::None,
    };
    RecordBatchEncoder::encode(&mut bytes, &records, &options).expect("a batch");
    bytes.freeze()
}

/// Sums the batch at a place; its length, if there is one.
pub fn sum_at(bytes: &mut [u8], at: usize) -> Option<usize> {
    let batch = bytes
        .get_mut(at..)
        .filter(|rest| rest.len() >= HEADER_BYTES)?;
    let length = i32::from_be_bytes(*batch[LENGTH_AT..].first_chunk()?);
    let length = usize::try_from(length).ok()? + UNCOUNTED_BYTES;
    if batch[MAGIC_AT] != 2 || !(HEADER_BYTES..=batch.len()).contains(&length) {
        return None;
    }
    let sum = crc32c::crc32c(&batch[SUMMED_FROM..length]);
    batch[SUM_AT..SUMMED_FROM].copy_from_slice(&sum.to_be_bytes());
    Some(length)
}
