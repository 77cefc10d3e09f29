//! HTTP Basic (RFC 7617): for people with curl and a browser. The user is the key's id, the password its secret.

use super::{AccessKeys, same, unknown_key};
use crate::app::error::ApiError;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;

/// Checks what follows `Basic `.
///
/// # Errors
/// UnrecognizedClientException.
pub fn check(keys: &AccessKeys, encoded: &str) -> Result<(), ApiError> {
    let text = STANDARD.decode(encoded.trim()).unwrap_or_default();
    let text = String::from_utf8(text).unwrap_or_default();
    let (id, secret) = text.split_once(':').ok_or_else(unknown_key)?;
    let expected = keys.secret(id).ok_or_else(unknown_key)?;
    match same(expected.as_bytes(), secret.as_bytes()) {
        true => Ok(()),
        false => Err(unknown_key()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_keys_own_secret_will_do() {
        let keys = AccessKeys::parse("AKID se:cret").unwrap();
        let passes = |text: &str| check(&keys, &STANDARD.encode(text)).is_ok();
        assert!(passes("AKID:se:cret"));
        assert!(!passes("AKID:secret") && !passes("OTHER:se:cret") && !passes("AKID"));
        assert!(check(&keys, "%%").is_err());
    }
}
