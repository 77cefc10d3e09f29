//! Identifiers that the API makes: request ids, execution names, trace contexts.
//!
//! They must be unique, not secret: SipHash of a counter and the clock under keys that the standard library draws from
//! the operating system once for each process.

use baton_schemas::TraceContext;
use std::hash::{BuildHasher, RandomState};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, LazyLock};
use std::time::{SystemTime, UNIX_EPOCH};

static KEYS: LazyLock<(RandomState, RandomState)> =
    LazyLock::new(|| (RandomState::new(), RandomState::new()));
static COUNTER: AtomicU64 = AtomicU64::new(0);

/// 128 bits that no other call returns.
pub fn unique() -> u128 {
    let seed = (
        COUNTER.fetch_add(1, Ordering::Relaxed),
        since_epoch().as_nanos(),
    );
    u128::from(KEYS.0.hash_one(seed)) << 64 | u128::from(KEYS.1.hash_one(seed))
}

/// A new id in the form of a UUID of version 4 (RFC 9562).
pub fn uuid() -> String {
    uuid_of(unique())
}

/// `bits` in the form of a UUID of version 4; the same bits give the same UUID.
pub fn uuid_of(bits: u128) -> String {
    let bits = (bits & !(0xf << 76) & !(0x3 << 62)) | (0x4 << 76) | (0x2 << 62);
    let hex = format!("{bits:032x}");
    format!(
        "{}-{}-{}-{}-{}",
        &hex[..8],
        &hex[8..12],
        &hex[12..16],
        &hex[16..20],
        &hex[20..]
    )
}

/// The caller's `traceparent` if it is a valid one of W3C Trace Context, else a new one.
pub fn traceparent(given: Option<&str>) -> Arc<str> {
    match given.map(str::trim).filter(|text| is_traceparent(text)) {
        Some(text) => text.into(),
        None => TraceContext::begun(unique()).to_header(),
    }
}

/// Milliseconds since the epoch.
pub fn now_ms() -> i64 {
    i64::try_from(since_epoch().as_millis()).unwrap_or(i64::MAX)
}

fn since_epoch() -> std::time::Duration {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default()
}

/// `version-traceid-parentid-flags`, lower-case hexadecimal, neither id all zeros (W3C Trace Context, 3.2).
fn is_traceparent(text: &str) -> bool {
    let parts: Vec<&str> = text.split('-').collect();
    let [version, trace, parent, flags] = parts.as_slice() else {
        return false;
    };
    let hex = |part: &str, length: usize| {
        part.len() == length
            && part
                .bytes()
                .all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b))
    };
    let some = |part: &str| part.bytes().any(|b| b != b'0');
    hex(version, 2)
        && *version != "ff"
        && hex(trace, 32)
        && hex(parent, 16)
        && hex(flags, 2)
        && some(trace)
        && some(parent)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn uuids_have_version_and_variant_and_differ() {
        let (a, b) = (uuid(), uuid());
        assert_ne!(a, b);
        for id in [&a, &b, &uuid_of(0), &uuid_of(u128::MAX)] {
            assert_eq!(id.len(), 36);
            assert_eq!(id.as_bytes()[14], b'4');
            assert!(b"89ab".contains(&id.as_bytes()[19]));
        }
    }

    #[test]
    fn a_valid_traceparent_is_kept_and_a_bad_one_replaced() {
        let good = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
        assert_eq!(&*traceparent(Some(good)), good);
        for bad in [
            "",
            "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331",
            "00-00000000000000000000000000000000-b7ad6b7169203331-01",
            "ff-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
            "00-0AF7651916CD43DD8448EB211C80319C-b7ad6b7169203331-01",
        ] {
            let made = traceparent(Some(bad));
            assert_ne!(&*made, bad);
            assert!(is_traceparent(&made), "{made}");
        }
    }
}
