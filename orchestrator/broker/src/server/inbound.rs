//! Bytes in, requests out: the length prefix and its bounds.

use bytes::{Buf, Bytes, BytesMut};

use super::limits::{
    LARGE_REQUEST_BYTES, LARGE_REQUESTS_BYTES_MAX, READ_CHUNK_BYTES, READ_GROWTH_BYTES_MAX,
    SMALL_REQUEST_BYTES_MAX, STRANGER_REQUEST_BYTES_MAX,
};

/// Bytes of the length before each request.
const PREFIX_BYTES: usize = 4;
/// Bytes of the smallest request: api key, version, correlation id.
const REQUEST_BYTES_MIN: usize = 8;
/// Api key of Produce, the only request with records.
const PRODUCE: i16 = 0;

/// What a connection has sent and was not taken yet.
pub(super) struct Inbound {
    pub(super) buffer: BytesMut,
    request_bytes_max: usize,
}

impl Inbound {
    pub(super) fn new(request_bytes_max: usize) -> Self {
        Self {
            buffer: BytesMut::new(),
            request_bytes_max,
        }
    }

    /// The next whole request without its length, if it is there. Errors say what is wrong with it.
    pub(super) fn next(&mut self, authenticated: bool) -> Result<Option<Bytes>, String> {
        let Some(length) = self.length(authenticated)? else {
            return Ok(None);
        };
        if self.buffer.len() < PREFIX_BYTES + length {
            return Ok(None);
        }
        self.buffer.advance(PREFIX_BYTES);
        Ok(Some(self.buffer.split_to(length).freeze()))
    }

    /// The length of the request at the beginning if it is a large one.
    pub(super) fn large(&self, authenticated: bool) -> Result<Option<u32>, String> {
        let length = self.length(authenticated)?;
        let large = length.filter(|length| *length > LARGE_REQUEST_BYTES);
        Ok(large.map(|length| length.min(LARGE_REQUESTS_BYTES_MAX) as u32))
    }

    /// Makes room to read into: little at first, more as a large request really comes.
    pub(super) fn make_room(&mut self) {
        let expected = match self.buffer.first_chunk::<PREFIX_BYTES>() {
            Some(prefix) => {
                usize::try_from(i32::from_be_bytes(*prefix)).unwrap_or(0) + PREFIX_BYTES
            }
            None => 0,
        };
        let missing = expected.saturating_sub(self.buffer.len());
        let most = READ_GROWTH_BYTES_MAX.min(self.buffer.len().max(READ_CHUNK_BYTES));
        let spare = self.buffer.capacity() - self.buffer.len();
        if spare < missing.min(most).max(READ_CHUNK_BYTES / 4) {
            self.buffer.reserve(missing.min(most).max(READ_CHUNK_BYTES));
        }
    }

    /// The length of the request at the beginning, checked as soon as its api key is known.
    fn length(&self, authenticated: bool) -> Result<Option<usize>, String> {
        let Some((prefix, rest)) = self.buffer.split_first_chunk::<PREFIX_BYTES>() else {
            return Ok(None);
        };
        let claimed = i32::from_be_bytes(*prefix);
        let length = usize::try_from(claimed)
            .ok()
            .filter(|length| *length >= REQUEST_BYTES_MIN);
        let Some(length) = length else {
            return Err(format!(
                "a request can't have {claimed} bytes; is the client one of Kafka's?"
            ));
        };
        let Some(key) = rest.first_chunk::<2>() else {
            return Ok(None);
        };
        let max = match i16::from_be_bytes(*key) {
            _ if !authenticated => STRANGER_REQUEST_BYTES_MAX,
            PRODUCE => self.request_bytes_max,
            _ => SMALL_REQUEST_BYTES_MAX.min(self.request_bytes_max),
        };
        if length > max {
            return Err(format!(
                "a request of {length} bytes; at most {max} are taken"
            ));
        }
        Ok(Some(length))
    }
}
