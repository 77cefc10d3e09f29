//! Where objects are: `s3://BUCKET/KEY` is a file in the folder of buckets, anything else a path as it is.
//!
//! Keys in S3's notifications are encoded as in a query string (Amazon S3 user guide, "Event message structure"): `+` is
//! a space and `%2B` a plus. A worker on real S3 would differ from this one in this file alone.

use crate::BAD_PATH;
use baton_worker::TaskError;
use std::path::{Component, Path, PathBuf};

/// Environment variable with the folder of buckets; default `buckets` in the current folder.
pub const BUCKETS: &str = "BUCKETS";

/// The file of an object or path.
///
/// # Errors
/// `Image.BadPath` for a key that can't be decoded or leads out of its bucket.
pub fn file_of(place: &str) -> Result<String, TaskError> {
    let Some(object) = place.strip_prefix("s3://") else {
        return Ok(place.to_owned());
    };
    let bad = |why: &str| TaskError::new(BAD_PATH, format!("{place}: {why}"));
    let object = decoded(object).ok_or_else(|| bad("the key is not URL-encoded UTF-8"))?;
    let mut parts = Path::new(&object).components();
    if !parts.all(|part| matches!(part, Component::Normal(_))) || !object.contains('/') {
        return Err(bad("must be s3://BUCKET/KEY, within the bucket"));
    }
    let root = std::env::var_os(BUCKETS).map_or_else(|| PathBuf::from("buckets"), PathBuf::from);
    Ok(root.join(object).display().to_string())
}

/// Undoes `application/x-www-form-urlencoded` (WHATWG URL, 5.1).
fn decoded(text: &str) -> Option<String> {
    let mut bytes = text.bytes();
    let mut out = Vec::with_capacity(text.len());
    while let Some(byte) = bytes.next() {
        out.push(match byte {
            b'+' => b' ',
            b'%' => {
                let digits = [bytes.next()?, bytes.next()?];
                let digits = std::str::from_utf8(&digits).ok()?;
                u8::from_str_radix(digits, 16).ok()?
            }
            plain => plain,
        });
    }
    String::from_utf8(out).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_decoded_and_stay_in_their_bucket() {
        assert_eq!(file_of("a/../b.jpg").unwrap(), "a/../b.jpg");
        let file = file_of("s3://photos/my+trip/caf%C3%A9%2B.jpg").unwrap();
        assert!(file.ends_with("photos/my trip/café+.jpg"), "{file}");
        for bad in [
            "s3://photos/%2E%2E/%2E%2E/etc",
            "s3:///etc/x",
            "s3://photos",
            "s3://photos/%",
            "s3://photos/%ff",
        ] {
            assert_eq!(file_of(bad).unwrap_err().error, BAD_PATH, "{bad}");
        }
    }
}
