//! Decompression with a bound, and compression, of a batch's records.
//!
//! Only compaction, lookups by time and compacted topics look into a batch; everything else is stored as sent. The
//! bound is why `kafka-protocol`'s own codecs are not used: they unpack whatever comes.

use std::{
    borrow::Cow,
    io::{self, Read, Write},
};

const GZIP: i16 = 1;
const SNAPPY: i16 = 2;
const LZ4: i16 = 3;
const ZSTD: i16 = 4;

/// What Kafka's Java client writes before snappy blocks: magic, version 1, compatible with 1.
const XERIAL_HEADER: &[u8; 16] = b"\x82SNAPPY\x00\x00\x00\x00\x01\x00\x00\x00\x01";
/// Size of the blocks written in that framing, as the Java client has it.
const XERIAL_BLOCK_BYTES: usize = 32 << 10;

/// Unpacks the records of a batch, at most `max_bytes` of them. `compression` is Kafka's number.
pub fn decompress(compression: i16, body: &[u8], max_bytes: usize) -> io::Result<Cow<'_, [u8]>> {
    match compression {
        0 => Ok(Cow::Borrowed(body)),
        GZIP => all(flate2::read::MultiGzDecoder::new(body), max_bytes),
        SNAPPY => unsnap(body, max_bytes),
        LZ4 => all(lz4_flex::frame::FrameDecoder::new(body), max_bytes),
        ZSTD => all(zstd::stream::read::Decoder::with_buffer(body)?, max_bytes),
        other => Err(io::Error::other(format!("compression {other} is unknown"))),
    }
}

/// Packs records in the way of `compression`, with the codec's default level.
pub fn compress(compression: i16, body: &[u8]) -> io::Result<Vec<u8>> {
    match compression {
        0 => Ok(body.to_vec()),
        GZIP => {
            let mut writer =
                flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
            writer.write_all(body)?;
            writer.finish()
        }
        SNAPPY => snap(body),
        LZ4 => {
            let mut writer = lz4_flex::frame::FrameEncoder::new(Vec::new());
            writer.write_all(body)?;
            writer.finish().map_err(io::Error::other)
        }
        ZSTD => zstd::stream::encode_all(body, 0),
        other => Err(io::Error::other(format!("compression {other} is unknown"))),
    }
}

fn all(reader: impl Read, max_bytes: usize) -> io::Result<Cow<'static, [u8]>> {
    let mut unpacked = Vec::new();
    reader
        .take(max_bytes as u64 + 1)
        .read_to_end(&mut unpacked)?;
    if unpacked.len() > max_bytes {
        return Err(too_large(max_bytes));
    }
    Ok(Cow::Owned(unpacked))
}

/// Raw snappy, or blocks of it in the framing of the Java client, each after its length.
fn unsnap(body: &[u8], max_bytes: usize) -> io::Result<Cow<'static, [u8]>> {
    let mut unpacked = Vec::new();
    let Some(mut blocks) = body.strip_prefix(XERIAL_HEADER) else {
        unsnap_block(body, &mut unpacked, max_bytes)?;
        return Ok(Cow::Owned(unpacked));
    };
    while !blocks.is_empty() {
        let block = blocks
            .split_first_chunk::<4>()
            .and_then(|(size, rest)| rest.split_at_checked(u32::from_be_bytes(*size) as usize))
            .ok_or_else(|| io::Error::other("a snappy block is cut off"))?;
        unsnap_block(block.0, &mut unpacked, max_bytes)?;
        blocks = block.1;
    }
    Ok(Cow::Owned(unpacked))
}

fn unsnap_block(block: &[u8], unpacked: &mut Vec<u8>, max_bytes: usize) -> io::Result<()> {
    let size = snap::raw::decompress_len(block).map_err(io::Error::other)?;
    let before = unpacked.len();
    if size > max_bytes - before {
        return Err(too_large(max_bytes));
    }
    unpacked.resize(before + size, 0);
    snap::raw::Decoder::new()
        .decompress(block, &mut unpacked[before..])
        .map_err(io::Error::other)?;
    Ok(())
}

fn snap(body: &[u8]) -> io::Result<Vec<u8>> {
    let mut packed = XERIAL_HEADER.to_vec();
    for block in body.chunks(XERIAL_BLOCK_BYTES) {
        let block = snap::raw::Encoder::new()
            .compress_vec(block)
            .map_err(io::Error::other)?;
        packed.extend_from_slice(&(block.len() as u32).to_be_bytes());
        packed.extend_from_slice(&block);
    }
    Ok(packed)
}

fn too_large(max_bytes: usize) -> io::Error {
    io::Error::other(format!("more than {max_bytes} bytes when decompressed"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn what_is_packed_unpacks(body in proptest::collection::vec(any::<u8>(), 0..100_000), compression in 0_i16..5) {
            let packed = compress(compression, &body).unwrap();
            prop_assert_eq!(&*decompress(compression, &packed, 100_000).unwrap(), &body[..]);
        }

        #[test]
        fn arbitrary_bytes_never_panic(body in proptest::collection::vec(any::<u8>(), 0..2_000), compression in 0_i16..8) {
            if let Ok(unpacked) = decompress(compression, &body, 10_000) {
                prop_assert!(unpacked.len() <= 10_000);
            }
        }
    }

    #[test]
    fn a_bomb_is_refused() {
        for compression in 1..5 {
            let packed = compress(compression, &vec![0; 1 << 20]).unwrap();
            assert!(packed.len() < 100_000);
            assert!(
                decompress(compression, &packed, 1000).is_err(),
                "compression {compression}"
            );
        }
    }
}
