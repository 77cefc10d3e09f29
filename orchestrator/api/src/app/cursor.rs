//! Page tokens: opaque to callers, checked when they come back.

use super::error::ApiError;
use crate::limits::CURSOR_LENGTH_MAX;
use serde::Serialize;
use serde::de::DeserializeOwned;

/// Writes a position as an opaque, URL-safe text: hexadecimal of its JSON.
pub fn encode<T: Serialize>(position: &T) -> String {
    let json = serde_json::to_vec(position).expect("positions are plain data");
    let mut text = String::with_capacity(json.len() * 2);
    for byte in json {
        text.push_str(&format!("{byte:02x}"));
    }
    text
}

/// Reads a text of [`encode`].
///
/// # Errors
/// InvalidToken, when it is none.
pub fn decode<T: DeserializeOwned>(text: &str) -> Result<T, ApiError> {
    if text.len() > CURSOR_LENGTH_MAX || !text.len().is_multiple_of(2) || !text.is_ascii() {
        return Err(ApiError::invalid_page_token());
    }
    let bytes: Option<Vec<u8>> = (0..text.len() / 2)
        .map(|i| u8::from_str_radix(&text[2 * i..2 * i + 2], 16).ok())
        .collect();
    bytes
        .and_then(|bytes| serde_json::from_slice(&bytes).ok())
        .ok_or_else(ApiError::invalid_page_token)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn positions_come_back_and_nonsense_is_refused() {
        let position = (1_700_000_000_000_i64, "arn:é".to_owned());
        assert_eq!(decode::<(i64, String)>(&encode(&position)), Ok(position));
        for text in ["", "zz", "é", "7b", &"00".repeat(2_000)] {
            assert_eq!(
                decode::<(i64, String)>(text),
                Err(ApiError::invalid_page_token())
            );
        }
    }
}
