//! Hashes of texts: `States.Hash` and `$hash`.

use sha2::Digest as _;
use std::fmt::Write;

/// The hash of `text` (its UTF-8) by `algorithm`, in lower-case hexadecimal; `None` if that is not one of `MD5`, `SHA-1`,
/// `SHA-256`, `SHA-384` and `SHA-512`.
pub(crate) fn hash(text: &str, algorithm: &str) -> Option<String> {
    let bytes = match algorithm {
        "MD5" => md5::Md5::digest(text).to_vec(),
        "SHA-1" => sha1::Sha1::digest(text).to_vec(),
        "SHA-256" => sha2::Sha256::digest(text).to_vec(),
        "SHA-384" => sha2::Sha384::digest(text).to_vec(),
        "SHA-512" => sha2::Sha512::digest(text).to_vec(),
        _ => return None,
    };
    let mut hex = String::with_capacity(bytes.len() * 2);
    for byte in bytes {
        let _ = write!(hex, "{byte:02x}");
    }
    Some(hex)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_algorithm_answers() {
        let lengths = ["MD5", "SHA-1", "SHA-256", "SHA-384", "SHA-512"]
            .map(|name| hash("", name).map(|hex| hex.len()));
        assert_eq!(lengths, [32, 40, 64, 96, 128].map(Some));
        assert_eq!(
            hash("abc", "MD5").as_deref(),
            Some("900150983cd24fb0d6963f7d28e17f72")
        );
        assert_eq!(hash("abc", "sha-256"), None);
    }
}
