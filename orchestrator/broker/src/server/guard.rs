//! Decoding that bad bytes can't turn into a large allocation.
//!
//! Owns: the buffer that requests are decoded from. Must not: know the format of any message.
//!
//! `kafka-protocol` makes room for as many elements as an array's length says before it reads the first, so four bytes
//! could ask for gigabytes. Every element takes at least one byte; so a length above the bytes that are left is a lie.
//! But a buffer can't tell a length from another number. Hence two passes:
//!
//! 1. A number above the bytes left is handed out as exactly that many. If it was an array's length, the elements run
//!    out of bytes and decoding fails, as it must. If it was any other number, only its value is wrong.
//! 2. Only if a number was changed: decode again, unchanged. No array's length can be a lie now.
//!
//! Lengths of the compact encodings are refused at once, as nothing else is encoded so but tags of unknown fields.

use bytes::{Buf, Bytes, TryGetError};
use kafka_protocol::protocol::Decodable;
use kafka_protocol::protocol::buf::ByteBuf;
use std::ops::Range;

use super::limits::UNSUSPICIOUS_MAX;

/// Most bytes of an unsigned varint of 32 bits.
const VARINT_BYTES_MAX: usize = 5;

/// Decodes a message at a version; memory is bounded by a small multiple of the bytes.
pub(crate) fn decode<T: Decodable>(bytes: &Bytes, version: i16) -> Result<T, String> {
    let mut careful = Guarded::new(bytes.clone(), true);
    let message = T::decode(&mut careful, version).map_err(|error| format!("{error:#}"))?;
    if !careful.changed {
        return Ok(message);
    }
    drop(message);
    T::decode(&mut Guarded::new(bytes.clone(), false), version)
        .map_err(|error| format!("{error:#}"))
}

/// Decodes a message without arrays at the beginning of others; what follows it is left in `bytes`.
pub(crate) fn decode_prefix<T: Decodable>(bytes: &mut Bytes, version: i16) -> Result<T, String> {
    let mut guarded = Guarded::new(bytes.clone(), false);
    let message = T::decode(&mut guarded, version).map_err(|error| format!("{error:#}"))?;
    *bytes = guarded.bytes;
    Ok(message)
}

struct Guarded {
    bytes: Bytes,
    careful: bool,
    changed: bool,
}

impl Guarded {
    fn new(bytes: Bytes, careful: bool) -> Self {
        Self {
            bytes,
            careful,
            changed: false,
        }
    }

    fn credible_max(&self) -> usize {
        self.bytes.len().max(UNSUSPICIOUS_MAX)
    }

    /// The varint that begins here, if the next byte says that one does.
    fn peek_varint(&self) -> u32 {
        let mut value = 0;
        for (i, byte) in self.bytes.iter().take(VARINT_BYTES_MAX).enumerate() {
            value |= u32::from(byte & 0x7f) << (7 * i);
            if byte & 0x80 == 0 {
                break;
            }
        }
        value
    }
}

impl Buf for Guarded {
    fn remaining(&self) -> usize {
        self.bytes.remaining()
    }

    fn chunk(&self) -> &[u8] {
        self.bytes.chunk()
    }

    fn advance(&mut self, count: usize) {
        self.bytes.advance(count);
    }

    fn try_get_i32(&mut self) -> Result<i32, TryGetError> {
        let value = self.bytes.try_get_i32()?;
        let max = self.credible_max();
        match usize::try_from(value) {
            Ok(length) if self.careful && length > max => {
                self.changed = true;
                // Requests are far smaller than 2 GiB.
                Ok(i32::try_from(max).unwrap_or(i32::MAX))
            }
            _ => Ok(value),
        }
    }

    fn try_get_u8(&mut self) -> Result<u8, TryGetError> {
        let claimed = self.peek_varint() as usize;
        // A compact length is one more than what it stands for.
        if claimed > self.credible_max() + 1 {
            return Err(TryGetError {
                requested: claimed,
                available: self.bytes.len(),
            });
        }
        self.bytes.try_get_u8()
    }
}

impl ByteBuf for Guarded {
    fn peek_bytes(&mut self, range: Range<usize>) -> Bytes {
        self.bytes.slice(range)
    }

    fn get_bytes(&mut self, size: usize) -> Bytes {
        self.bytes.split_to(size)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use bytes::{BufMut, BytesMut};
    use kafka_protocol::messages::{FetchRequest, MetadataRequest};
    use kafka_protocol::protocol::Encodable;

    #[test]
    fn an_array_that_claims_more_than_there_is_fails() {
        for length in [i32::MAX, 1_000_000, 1_025] {
            let mut bytes = BytesMut::new();
            bytes.put_i32(length);
            bytes.put_slice(&[0; 100]);
            assert!(
                decode::<MetadataRequest>(&bytes.freeze(), 1).is_err(),
                "{length}"
            );
        }
        let mut compact = BytesMut::new();
        compact.put_slice(&[0xff, 0xff, 0xff, 0xff, 0x0f, 0, 0, 0]);
        assert!(decode::<MetadataRequest>(&compact.freeze(), 9).is_err());
    }

    #[test]
    fn large_numbers_that_are_no_lengths_keep_their_value() {
        let mut request = FetchRequest::default();
        request.max_wait_ms = 123_456;
        request.max_bytes = i32::MAX;
        for version in 4..=12 {
            let mut bytes = BytesMut::new();
            request.encode(&mut bytes, version).expect("encodes");
            let decoded: FetchRequest = decode(&bytes.freeze(), version).expect("decodes");
            assert_eq!(
                (decoded.max_wait_ms, decoded.max_bytes),
                (123_456, i32::MAX)
            );
        }
    }
}
