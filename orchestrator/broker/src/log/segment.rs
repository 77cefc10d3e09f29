//! One segment: what is known of a `.log` file, its names, and how one is read from end to end.

use super::{
    batch::{CHECKED_FROM, HEADER_BYTES, Header},
    index::Index,
};
use std::{
    fs::File,
    io,
    os::unix::fs::FileExt,
    path::{Path, PathBuf},
};

/// Bytes read at once when a segment is read through.
const CHUNK_BYTES: usize = 256 << 10;
/// Digits of a base offset in a file's name.
const DIGITS: usize = 20;

/// What is known of a segment file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Segment {
    /// The offset that names it: of its first record or lower.
    pub base: i64,
    /// Size of its batches.
    pub bytes: u64,
    /// Offset of its last record; below `base` if it is empty.
    pub last_offset: i64,
    /// Highest timestamp, Unix ms; -1 if empty.
    pub max_ms: i64,
    /// Timestamp of its first batch, Unix ms; -1 if empty.
    pub first_ms: i64,
}

impl Segment {
    /// An empty one.
    pub fn new(base: i64) -> Self {
        Segment {
            base,
            bytes: 0,
            last_offset: base - 1,
            max_ms: -1,
            first_ms: -1,
        }
    }

    /// Takes note of a batch at its end.
    pub fn push(&mut self, header: &Header) {
        if self.bytes == 0 {
            self.first_ms = header.max_timestamp;
        }
        self.bytes += header.bytes as u64;
        self.last_offset = header.last_offset();
        self.max_ms = self.max_ms.max(header.max_timestamp);
    }

    /// Whether a batch may follow: offsets go up, and stay near enough for the index.
    pub fn may_follow(&self, header: &Header) -> bool {
        header.base_offset > self.last_offset
            && header.last_offset() - self.base <= i64::from(i32::MAX)
    }

    /// Its log file in a partition's directory.
    pub fn log_path(&self, dir: &Path) -> PathBuf {
        path(dir, self.base, "log")
    }

    /// Its index file.
    pub fn index_path(&self, dir: &Path) -> PathBuf {
        path(dir, self.base, "index")
    }
}

/// A file of a segment.
pub fn path(dir: &Path, base: i64, extension: &str) -> PathBuf {
    dir.join(format!("{base:0width$}.{extension}", width = DIGITS))
}

/// The base offset in the name of a log file; none if it is no such name.
pub fn base_of(name: &str) -> Option<i64> {
    let digits = name.strip_suffix(".log")?;
    let valid = digits.len() == DIGITS && digits.bytes().all(|byte| byte.is_ascii_digit());
    if valid { digits.parse().ok() } else { None }
}

/// How a read through a segment ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum End {
    /// Every batch was sound.
    Whole,
    /// What begins after the last sound batch is none.
    Torn(String),
}

/// How closely batches are looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Check {
    /// Headers only.
    Headers,
    /// Checksums too.
    Sums,
    /// Checksums, and each batch begins where the one before it ended. Offsets are outside of the checksum, and only
    /// compaction leaves gaps between them.
    WithoutGaps,
}

/// Reads batches from `segment.bytes` on, adding them to the segment and the index, up to the end or to what is not
/// sound; `until` is the offset at which the next segment begins. `check_crc` reads their contents too. Memory is
/// bounded whatever the file holds.
pub fn read_through(
    file: &File,
    segment: &mut Segment,
    index: &mut Index,
    until: i64,
    check: Check,
    mut each: impl FnMut(&Header),
) -> io::Result<End> {
    let mut chunk = Chunk {
        file,
        length: file.metadata()?.len(),
        at: 0,
        bytes: Vec::new(),
    };
    while segment.bytes < chunk.length {
        let header = match Header::read(chunk.get(segment.bytes, HEADER_BYTES)?) {
            Ok(header) => header,
            Err(why) => return Ok(End::Torn(why)),
        };
        if header.bytes as u64 > chunk.length - segment.bytes {
            return Ok(End::Torn("a batch is cut off".to_owned()));
        }
        let leaves_gap = header.base_offset != segment.last_offset + 1;
        if !segment.may_follow(&header)
            || header.last_offset() >= until
            || (leaves_gap && check == Check::WithoutGaps)
        {
            return Ok(End::Torn(format!(
                "offset {} after {}",
                header.base_offset, segment.last_offset
            )));
        }
        if check != Check::Headers && chunk.crc(segment.bytes, header.bytes)? != header.crc {
            return Ok(End::Torn(format!(
                "the checksum of the batch at offset {} is wrong",
                header.base_offset
            )));
        }
        index.push(segment, &header);
        segment.push(&header);
        each(&header);
    }
    Ok(End::Whole)
}

/// A window on a file.
struct Chunk<'a> {
    file: &'a File,
    length: u64,
    at: u64,
    bytes: Vec<u8>,
}

impl Chunk<'_> {
    /// Up to `want` bytes at a position, fewer only at the end of the file. `want` is at most `CHUNK_BYTES`.
    fn get(&mut self, position: u64, want: usize) -> io::Result<&[u8]> {
        let want = want.min((self.length - position) as usize);
        if position < self.at || position + want as u64 > self.at + self.bytes.len() as u64 {
            self.bytes
                .resize((self.length - position).min(CHUNK_BYTES as u64) as usize, 0);
            self.at = position;
            self.file.read_exact_at(&mut self.bytes, position)?;
        }
        let from = (position - self.at) as usize;
        Ok(&self.bytes[from..from + want])
    }

    /// Checksum of a batch.
    fn crc(&mut self, position: u64, batch_bytes: usize) -> io::Result<u32> {
        let mut crc = 0;
        let mut done = CHECKED_FROM;
        while done < batch_bytes {
            let want = (batch_bytes - done).min(CHUNK_BYTES);
            crc = crc32c::crc32c_append(crc, self.get(position + done as u64, want)?);
            done += want;
        }
        Ok(crc)
    }
}
