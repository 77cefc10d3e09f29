//! The fixed header of a record batch of format v2: reading, checking, and the few fields that a broker writes.
//!
//! Layout: Kafka's `DefaultRecordBatch` (KIP-98). Base offset, length and leader epoch stand before the checksum, so a
//! batch gets its offset without being summed again. Records are not looked into here (see `records`).

use super::{LogError, limits::BATCH_BYTES_MAX};

/// Size of the header.
pub const HEADER_BYTES: usize = 61;
/// The base offset and the length itself, which the length does not count.
const PREFIX_BYTES: usize = 12;
/// Where the checksummed part begins.
pub const CHECKED_FROM: usize = 21;

const COMPRESSION_MASK: i16 = 0x07;
const LOG_APPEND_TIME: i16 = 0x08;
const TRANSACTIONAL_OR_CONTROL: i16 = 0x30;

/// The header of one batch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Header {
    /// Offset of the first record.
    pub base_offset: i64,
    /// Size of the whole batch.
    pub bytes: usize,
    /// CRC-32C of everything after this field.
    pub crc: u32,
    /// Compression, timestamp type, transactional and control flags.
    pub attributes: i16,
    /// Offset of the last record less the base offset; kept by compaction.
    pub last_offset_delta: i32,
    /// What the records' timestamps count from, Unix ms.
    pub base_timestamp: i64,
    /// Highest timestamp of a record, Unix ms.
    pub max_timestamp: i64,
    /// Idempotent producer, or -1.
    pub producer_id: i64,
    /// Its epoch, or -1.
    pub producer_epoch: i16,
    /// Sequence number of the first record, or -1.
    pub base_sequence: i32,
    /// Number of records.
    pub count: i32,
}

impl Header {
    /// Reads a header; says what is wrong with bytes that can't be one. The checksum is not looked at.
    pub fn read(bytes: &[u8]) -> Result<Header, String> {
        let Some(head) = bytes.first_chunk::<HEADER_BYTES>() else {
            return Err(format!(
                "{} bytes where a batch header of {HEADER_BYTES} was expected",
                bytes.len()
            ));
        };
        let length = i32::from_be_bytes(field(head, 8));
        let size = usize::try_from(length).map_or(0, |length| length + PREFIX_BYTES);
        if !(HEADER_BYTES..=BATCH_BYTES_MAX).contains(&size) {
            return Err(format!("a batch length of {length}"));
        }
        if head[16] != 2 {
            return Err(format!(
                "magic {}; only record batches of format v2 are kept",
                head[16]
            ));
        }
        let header = Header {
            base_offset: i64::from_be_bytes(field(head, 0)),
            bytes: size,
            crc: u32::from_be_bytes(field(head, 17)),
            attributes: i16::from_be_bytes(field(head, 21)),
            last_offset_delta: i32::from_be_bytes(field(head, 23)),
            base_timestamp: i64::from_be_bytes(field(head, 27)),
            max_timestamp: i64::from_be_bytes(field(head, 35)),
            producer_id: i64::from_be_bytes(field(head, 43)),
            producer_epoch: i16::from_be_bytes(field(head, 51)),
            base_sequence: i32::from_be_bytes(field(head, 53)),
            count: i32::from_be_bytes(field(head, 57)),
        };
        if header.base_offset < 0
            || header.last_offset_delta < 0
            || header.count < 0
            || header.end_offset().is_none()
        {
            return Err("negative offsets or counts".to_owned());
        }
        Ok(header)
    }

    /// Offset of the last record.
    pub fn last_offset(&self) -> i64 {
        self.base_offset + i64::from(self.last_offset_delta)
    }

    /// Kafka's number of the compression: 0 none, 1 gzip, 2 snappy, 3 lz4, 4 zstd.
    pub fn compression(&self) -> i16 {
        self.attributes & COMPRESSION_MASK
    }

    /// Whether all records have the batch's highest timestamp, as time of the append.
    pub fn is_log_append_time(&self) -> bool {
        self.attributes & LOG_APPEND_TIME != 0
    }

    /// Sequence number of the last record; after `i32::MAX` comes 0.
    pub fn last_sequence(&self) -> i32 {
        let sum = i64::from(self.base_sequence) + i64::from(self.last_offset_delta);
        (sum % (i64::from(i32::MAX) + 1)) as i32
    }

    fn end_offset(&self) -> Option<i64> {
        self.base_offset
            .checked_add(i64::from(self.last_offset_delta))?
            .checked_add(1)
    }
}

/// Checks what a producer sent: whole batches of format v2, each with its checksum right and nothing of what is refused.
/// At least one; one exactly if it is an idempotent producer's. The headers still have the producer's offsets.
pub fn check_sent(bytes: &[u8], max_bytes: usize) -> Result<Vec<Header>, LogError> {
    let mut headers = Vec::with_capacity(1);
    let mut rest = bytes;
    while !rest.is_empty() {
        let header = Header::read(rest).map_err(LogError::CorruptMessage)?;
        if header.bytes > max_bytes {
            return Err(LogError::MessageTooLarge {
                bytes: header.bytes,
                max: max_bytes,
            });
        }
        let Some((batch, after)) = rest.split_at_checked(header.bytes) else {
            return Err(LogError::CorruptMessage(format!(
                "a batch of {} bytes with only {} there",
                header.bytes,
                rest.len()
            )));
        };
        if crc32c::crc32c(&batch[CHECKED_FROM..]) != header.crc {
            return Err(LogError::CorruptMessage("the checksum is wrong".to_owned()));
        }
        check_content(&header)?;
        headers.push(header);
        rest = after;
    }
    if headers.is_empty() {
        return Err(LogError::InvalidRecord("no batch".to_owned()));
    }
    if headers.len() > 1 && headers.iter().any(|header| header.producer_id >= 0) {
        return Err(LogError::InvalidRecord(
            "several batches of an idempotent producer in one request".to_owned(),
        ));
    }
    Ok(headers)
}

/// Writes the offset that a batch was given, and leader epoch 0.
pub fn set_offset(batch: &mut [u8], base_offset: i64) {
    batch[..8].copy_from_slice(&base_offset.to_be_bytes());
    batch[12..16].copy_from_slice(&0_i32.to_be_bytes());
}

/// Gives all records the time of the append (`message.timestamp.type=LogAppendTime`) and sums the batch again.
pub fn set_append_time(batch: &mut [u8], header: &mut Header, now_ms: i64) {
    header.attributes |= LOG_APPEND_TIME;
    header.max_timestamp = now_ms;
    batch[21..23].copy_from_slice(&header.attributes.to_be_bytes());
    batch[35..43].copy_from_slice(&now_ms.to_be_bytes());
    header.crc = seal(batch);
}

/// A batch with other records in it, for compaction: the rest of the header stays, so offsets and sequences do.
pub fn with_records(original: &[u8], count: i32, max_timestamp: i64, body: &[u8]) -> Vec<u8> {
    let mut batch = Vec::with_capacity(HEADER_BYTES + body.len());
    batch.extend_from_slice(&original[..HEADER_BYTES]);
    batch.extend_from_slice(body);
    let length = (batch.len() - PREFIX_BYTES) as i32;
    batch[8..12].copy_from_slice(&length.to_be_bytes());
    batch[35..43].copy_from_slice(&max_timestamp.to_be_bytes());
    batch[57..61].copy_from_slice(&count.to_be_bytes());
    seal(&mut batch);
    batch
}

fn check_content(header: &Header) -> Result<(), LogError> {
    let refused = |why: &str| Err(LogError::InvalidRecord(why.to_owned()));
    if header.attributes & TRANSACTIONAL_OR_CONTROL != 0 {
        return refused("transactional and control batches are not supported");
    }
    if header.is_log_append_time() {
        return refused("a producer must not set the time of the append");
    }
    if header.compression() > 4 {
        return refused("an unknown compression");
    }
    if header.count < 1 || header.last_offset_delta != header.count - 1 {
        return refused("the number of records and the last offset differ");
    }
    if header.producer_id >= 0 && (header.producer_epoch < 0 || header.base_sequence < 0) {
        return refused("an idempotent producer without epoch or sequence");
    }
    Ok(())
}

fn seal(batch: &mut [u8]) -> u32 {
    let crc = crc32c::crc32c(&batch[CHECKED_FROM..]);
    batch[17..21].copy_from_slice(&crc.to_be_bytes());
    crc
}

fn field<const N: usize>(head: &[u8; HEADER_BYTES], at: usize) -> [u8; N] {
    let mut field = [0; N];
    field.copy_from_slice(&head[at..at + N]);
    field
}
