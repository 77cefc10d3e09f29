//! How keys are laid out.
//!
//! Owns: the bytes of every key. Times come first where they can, so that new keys lie after old ones and compaction
//! moves files instead of rewriting them. A *generation* is one life of a partition's views: forgetting a partition
//! gives it a new one, which hides everything of the old one at once; the sweep deletes that later.
//!
//! | keyspace | key |
//! |---|---|
//! | `summaries` | start, ARN |
//! | `by_machine` | machine hash, start, ARN |
//! | `by_status` | generation, status, start, ARN (all but SUCCEEDED) |
//! | `by_attribute` | hash of name and value, start, ARN |
//! | `by_arn` | generation, ARN hash |
//! | `names` | generation, ARN hash |
//! | `chunks` | start, ARN hash, generation, first offset |
//! | `closings` | generation, closing offset |

use baton_engine::search::AttributeValue;
use baton_schemas::arn::arn_hash;

/// One life of a partition's views.
pub type Generation = u32;

/// Time in eight bytes that sort as the times do.
pub fn time_bytes(ms: i64) -> [u8; 8] {
    (ms.cast_unsigned() ^ (1 << 63)).to_be_bytes()
}

/// The time written by [`time_bytes`].
pub fn time_of(bytes: [u8; 8]) -> i64 {
    (u64::from_be_bytes(bytes) ^ (1 << 63)).cast_signed()
}

/// Prefix of a machine's executions in `by_machine`.
pub fn machine_prefix(machine: &str) -> Vec<u8> {
    let hash = arn_hash(machine);
    ((hash >> 64) as u64 ^ hash as u64).to_be_bytes().to_vec()
}

/// Prefix of a generation's executions of one status in `by_status`.
pub fn status_prefix(generation: Generation, status: u8) -> Vec<u8> {
    let mut key = generation.to_be_bytes().to_vec();
    key.push(status);
    key
}

/// Prefix of the executions with this value of a search attribute in `by_attribute`. Two values may share one.
pub fn attribute_prefix(name: &str, value: &AttributeValue) -> Vec<u8> {
    let value = serde_json::to_string(value).expect("plain data serialises");
    let hash = arn_hash(&format!("{name}={value}"));
    ((hash >> 64) as u64 ^ hash as u64).to_be_bytes().to_vec()
}

/// `prefix`, start, ARN: the form of all keys that lists run over.
pub fn listed(mut prefix: Vec<u8>, start_ms: i64, arn: &str) -> Vec<u8> {
    prefix.reserve(8 + arn.len());
    prefix.extend_from_slice(&time_bytes(start_ms));
    prefix.extend_from_slice(arn.as_bytes());
    prefix
}

/// Start and ARN of a [`listed`] key; `None` if it is not one.
pub fn parse_listed(key: &[u8], prefix_len: usize) -> Option<(i64, &str)> {
    let (time, arn) = key.get(prefix_len..)?.split_first_chunk::<8>()?;
    Some((time_of(*time), std::str::from_utf8(arn).ok()?))
}

/// Key in `by_arn` and `names`.
pub fn hashed(generation: Generation, arn_hash: u128) -> [u8; 20] {
    let mut key = [0; 20];
    key[..4].copy_from_slice(&generation.to_be_bytes());
    key[4..].copy_from_slice(&arn_hash.to_be_bytes());
    key
}

/// Generation and ARN hash of a [`hashed`] key; `None` if it is not one.
pub fn parse_hashed(key: &[u8]) -> Option<(Generation, u128)> {
    let (generation, hash) = key.split_first_chunk::<4>()?;
    Some((
        Generation::from_be_bytes(*generation),
        u128::from_be_bytes(hash.try_into().ok()?),
    ))
}

/// Prefix of an execution's chunks.
pub fn chunk_prefix(start_ms: i64, arn_hash: u128, generation: Generation) -> [u8; 28] {
    let mut key = [0; 28];
    key[..8].copy_from_slice(&time_bytes(start_ms));
    key[8..24].copy_from_slice(&arn_hash.to_be_bytes());
    key[24..].copy_from_slice(&generation.to_be_bytes());
    key
}

/// Key in `chunks`.
pub fn chunk(prefix: [u8; 28], first_offset: i64) -> [u8; 36] {
    let mut key = [0; 36];
    key[..28].copy_from_slice(&prefix);
    key[28..].copy_from_slice(&time_bytes(first_offset));
    key
}

/// Key in `closings`.
pub fn closing(generation: Generation, offset: i64) -> [u8; 12] {
    let mut key = [0; 12];
    key[..4].copy_from_slice(&generation.to_be_bytes());
    key[4..].copy_from_slice(&time_bytes(offset));
    key
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_sort_as_their_bytes_do() {
        let times = [i64::MIN, -5, -1, 0, 1, 1_700_000_000_000, i64::MAX];
        assert!(
            times
                .windows(2)
                .all(|pair| time_bytes(pair[0]) < time_bytes(pair[1]))
        );
        assert!(times.iter().all(|&ms| time_of(time_bytes(ms)) == ms));
    }

    #[test]
    fn keys_give_back_what_they_were_made_of() {
        let key = listed(status_prefix(7, 0), -3, "arn:x");
        assert_eq!(parse_listed(&key, 5), Some((-3, "arn:x")));
        assert_eq!(parse_hashed(&hashed(7, 99)), Some((7, 99)));
        assert_eq!(parse_hashed(b"short"), None);
        assert_eq!(parse_listed(b"short", 0), None);
    }
}
