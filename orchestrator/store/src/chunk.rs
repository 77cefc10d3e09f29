//! Some records of one execution's history, as one value.
//!
//! Owns: the bytes of a chunk. A byte says how the rest is written (0: as it is, 1: LZ4 with its length before it);
//! the rest is, for each record, its offset, its length and its JSON. Compressed once here, since fjall copies a value
//! to its journal, to a file, and to other files as it compacts.

use crate::error::StoreError;
use crate::limits;
use bytes::Bytes;
use lz4_flex::block::CompressTable;

const PLAIN: u8 = 0;
const LZ4: u8 = 1;
/// LZ4 can't make anything smaller than by this factor; a length that claims more is not one.
const RATIO_MAX: usize = 255;
/// What is larger needs another table, which would then be cleared for small ones too.
const TABLE_BYTES_MAX: usize = u16::MAX as usize;

/// Writes chunks. Kept from one to the next, so that its memory is made once.
#[derive(Default)]
pub struct Encoder {
    plain: Vec<u8>,
    packed: Vec<u8>,
    /// LZ4's memory for what is smaller than [`TABLE_BYTES_MAX`].
    table: CompressTable,
}

impl Encoder {
    /// Writes records, oldest first, as one or more chunks; `put` gets the first offset and the bytes of each.
    pub fn encode<'a>(
        &mut self,
        records: impl Iterator<Item = &'a (i64, Bytes)>,
        mut put: impl FnMut(i64, &[u8]),
    ) {
        let mut first = None;
        self.begin();
        for (offset, json) in records {
            if self.plain.len() + json.len() > limits::CHUNK_BYTES
                && let Some(first) = first.take()
            {
                put(first, self.finish());
                self.begin();
            }
            first = first.or(Some(*offset));
            self.plain.extend_from_slice(&offset.to_be_bytes());
            self.plain
                .extend_from_slice(&(json.len() as u32).to_be_bytes());
            self.plain.extend_from_slice(json);
        }
        if let Some(first) = first {
            put(first, self.finish());
        }
        if self.plain.capacity() > limits::CHUNK_BYTES {
            *self = Self::default();
        }
    }

    fn begin(&mut self) {
        self.plain.clear();
        self.plain.push(PLAIN);
    }

    fn finish(&mut self) -> &[u8] {
        let body = &self.plain[1..];
        if body.len() < limits::COMPRESS_FROM_BYTES {
            return &self.plain;
        }
        let room = 5 + lz4_flex::block::get_maximum_output_size(body.len());
        if self.packed.len() < room {
            self.packed.resize(room, 0);
        }
        self.packed[0] = LZ4;
        self.packed[1..5].copy_from_slice(&(body.len() as u32).to_be_bytes());
        let room = &mut self.packed[5..];
        let length = if body.len() < TABLE_BYTES_MAX {
            lz4_flex::block::compress_into_with_table(body, room, &mut self.table)
        } else {
            lz4_flex::block::compress_into(body, room)
        };
        match length {
            Ok(length) => &self.packed[..5 + length],
            // There is room enough by construction; were there not, the plain form is as good.
            Err(_) => &self.plain,
        }
    }
}

/// Reads a chunk and adds its records to `records`, `(offset, JSON)` of each.
///
/// # Errors
/// [`StoreError::Corrupt`].
pub fn decode(chunk: &[u8], records: &mut Vec<(i64, Bytes)>) -> Result<(), StoreError> {
    parse(chunk, records).ok_or(StoreError::Corrupt("a part of a history"))
}

fn parse(chunk: &[u8], records: &mut Vec<(i64, Bytes)>) -> Option<()> {
    let (&form, body) = chunk.split_first()?;
    let body = match form {
        PLAIN => Bytes::copy_from_slice(body),
        LZ4 => {
            let (length, packed) = body.split_first_chunk()?;
            let length = u32::from_be_bytes(*length) as usize;
            if length > packed.len().saturating_mul(RATIO_MAX) {
                return None;
            }
            Bytes::from(lz4_flex::block::decompress(packed, length).ok()?)
        }
        _ => return None,
    };
    let mut at = 0;
    while at < body.len() {
        let (offset, rest) = body[at..].split_first_chunk()?;
        let (length, rest) = rest.split_first_chunk()?;
        let length = u32::from_be_bytes(*length) as usize;
        if rest.len() < length {
            return None;
        }
        at += 12;
        records.push((i64::from_be_bytes(*offset), body.slice(at..at + length)));
        at += length;
    }
    Some(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn round_trip(records: &[(i64, Bytes)]) -> (usize, Vec<(i64, Bytes)>) {
        let mut chunks = Vec::new();
        Encoder::default().encode(records.iter(), |first, bytes| {
            chunks.push((first, bytes.to_vec()))
        });
        let mut read = Vec::new();
        for (first, chunk) in &chunks {
            let before = read.len();
            decode(chunk, &mut read).unwrap();
            assert_eq!(read[before].0, *first);
        }
        (chunks.len(), read)
    }

    #[test]
    fn records_come_back_in_order() {
        let short = vec![(4, Bytes::from_static(b"{}")), (9, Bytes::new())];
        assert_eq!(round_trip(&short), (1, short));
        let long: Vec<_> = (0..50)
            .map(|n| (n, Bytes::from(format!("{{\"n\":\"{n:0100}\"}}"))))
            .collect();
        assert_eq!(round_trip(&long), (1, long));
        assert_eq!(round_trip(&[]), (0, Vec::new()));
    }

    #[test]
    fn what_is_large_is_split() {
        let half = Bytes::from(vec![b'x'; limits::CHUNK_BYTES / 2 + 1]);
        let records = vec![
            (1, half.clone()),
            (2, half),
            (3, Bytes::from(vec![b'y'; 2 * limits::CHUNK_BYTES])),
        ];
        assert_eq!(round_trip(&records), (3, records));
    }

    proptest::proptest! {
        #[test]
        fn no_bytes_panic(bytes: Vec<u8>, form in 0u8..3) {
            let _ = decode(&bytes, &mut Vec::new());
            let _ = decode(&[&[form], bytes.as_slice()].concat(), &mut Vec::new());
        }
    }
}
