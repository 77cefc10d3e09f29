//! W3C trace context: the span that a task is within the trace that its command came with.
//!
//! Owns: making span ids. They need to be unlike each other, not secret: a per-process seed and a counter are enough.

use std::hash::{BuildHasher, RandomState};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, LazyLock};

/// `00-` trace id `-` span id `-` flags (W3C Trace Context, section 3.2).
const TRACEPARENT_LENGTH: usize = 55;
const SPAN_ID: std::ops::Range<usize> = 36..52;

/// The same trace as `parent` with a new span id; `None` if `parent` is not a version 00 traceparent.
pub fn child_of(parent: &str) -> Option<Arc<str>> {
    let bytes = parent.as_bytes();
    let dashes =
        bytes.len() == TRACEPARENT_LENGTH && [2, 35, 52].iter().all(|&at| bytes[at] == b'-');
    let hex = |b: &u8| matches!(b, b'0'..=b'9' | b'a'..=b'f');
    if !dashes || !bytes.starts_with(b"00") || !bytes.iter().all(|b| *b == b'-' || hex(b)) {
        return None;
    }
    let mut text = [0_u8; TRACEPARENT_LENGTH];
    text.copy_from_slice(bytes);
    let id = span_id();
    for (i, slot) in text[SPAN_ID].iter_mut().enumerate() {
        *slot = b"0123456789abcdef"[(id >> (60 - 4 * i)) as usize & 15];
    }
    std::str::from_utf8(&text).ok().map(Arc::from)
}

fn span_id() -> u64 {
    static SEED: LazyLock<u64> = LazyLock::new(|| RandomState::new().hash_one(std::process::id()));
    static COUNT: AtomicU64 = AtomicU64::new(0);
    // splitmix64: distinct inputs give distinct outputs.
    let mut x = COUNT
        .fetch_add(1, Ordering::Relaxed)
        .wrapping_mul(0x9e37_79b9_7f4a_7c15)
        .wrapping_add(*SEED);
    x = (x ^ (x >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    x = (x ^ (x >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    (x ^ (x >> 31)).max(1)
}

#[cfg(test)]
mod tests {
    use super::child_of;

    const PARENT: &str = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";

    #[test]
    fn keeps_trace_and_flags_and_makes_a_new_span() {
        let (a, b) = (child_of(PARENT).unwrap(), child_of(PARENT).unwrap());
        assert_eq!((&a[..36], &a[52..]), (&PARENT[..36], &PARENT[52..]));
        assert_ne!(a[36..52], PARENT[36..52]);
        assert_ne!(a, b);
    }

    #[test]
    fn what_is_not_a_traceparent_has_no_child() {
        for bad in [
            "",
            "00",
            &PARENT[..54],
            &PARENT.replace("00-", "01-"),
            &PARENT.replace("b7", "Xé"),
        ] {
            assert_eq!(child_of(bad), None, "{bad}");
        }
    }
}
