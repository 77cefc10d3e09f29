//! Task tokens: opaque to workers, URL-safe, stable across redelivery.
//!
//! Owns: the token's inside. `base64url("1" 0x1F event-id 0x1F execution ARN)`: it names the execution (hence the
//! partition) and the event that scheduled the task (hence the attempt).

use crate::decimal::Decimal;
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use std::sync::Arc;

/// Longest token that is accepted, bytes.
pub const TOKEN_LENGTH_MAX: usize = 1024;

/// Bytes inside the longest token: base64 has four characters for three bytes.
const INSIDE_LENGTH_MAX: usize = TOKEN_LENGTH_MAX / 4 * 3;
/// Form of the inside, and what stands between its parts.
const VERSION: u8 = b'1';
const SEPARATOR: u8 = 0x1f;

/// A task token.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct TaskToken(Arc<str>);

impl TaskToken {
    /// The token of the task that event `event_id` of `execution` scheduled.
    ///
    /// An ARN of more than 700 bytes makes a token longer than [`TOKEN_LENGTH_MAX`], which nobody accepts; AWS's bounds
    /// on names keep ARNs below that.
    #[must_use]
    pub fn new(execution: &str, event_id: u64) -> Self {
        let id = Decimal::unsigned(event_id);
        let parts: [&[u8]; 4] = [
            &[VERSION, SEPARATOR],
            id.as_bytes(),
            &[SEPARATOR],
            execution.as_bytes(),
        ];
        let length = parts.iter().map(|part| part.len()).sum::<usize>();
        if length > INSIDE_LENGTH_MAX {
            return Self(URL_SAFE_NO_PAD.encode(parts.concat()).into());
        }
        let mut inside = [0; INSIDE_LENGTH_MAX];
        let mut end = 0;
        for part in parts {
            inside[end..end + part.len()].copy_from_slice(part);
            end += part.len();
        }
        let mut text = [0; TOKEN_LENGTH_MAX];
        let length = URL_SAFE_NO_PAD
            .encode_slice(&inside[..end], &mut text)
            .expect("768 bytes make 1,024 characters");
        Self(
            std::str::from_utf8(&text[..length])
                .expect("base64 is ASCII")
                .into(),
        )
    }

    /// Takes a token as somebody sent it; its inside is looked at by [`Self::parts`].
    #[must_use]
    pub fn from_opaque(text: &str) -> Self {
        Self(text.into())
    }

    /// The token's text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// `(execution ARN, event id)`; `None` if the token is not one of ours.
    #[must_use]
    pub fn parts(&self) -> Option<(Arc<str>, u64)> {
        let mut inside = [0; INSIDE_LENGTH_MAX];
        if self.0.len() > TOKEN_LENGTH_MAX {
            return None;
        }
        let length = URL_SAFE_NO_PAD
            .decode_slice(self.0.as_bytes(), &mut inside)
            .ok()?;
        let rest = inside[..length].strip_prefix(&[VERSION, SEPARATOR])?;
        let end = rest.iter().position(|byte| *byte == SEPARATOR)?;
        let event_id = std::str::from_utf8(&rest[..end]).ok()?.parse().ok()?;
        Some((std::str::from_utf8(&rest[end + 1..]).ok()?.into(), event_id))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_token_keeps_its_form_for_ever() {
        let token = TaskToken::new("arn:aws:states:us-east-1:000000000000:execution:m:e", 5);
        assert_eq!(
            token.as_str(),
            "MR81H2Fybjphd3M6c3RhdGVzOnVzLWVhc3QtMTowMDAwMDAwMDAwMDA6ZXhlY3V0aW9uOm06ZQ"
        );
    }

    #[test]
    fn the_longest_arn_of_aws_fits() {
        let arn = format!(
            "arn:aws:states:us-gov-west-1:000000000000:execution:{0}:{0}",
            "\u{10ffff}".repeat(80)
        );
        let token = TaskToken::new(&arn, u64::MAX);
        assert!(
            token.as_str().len() <= TOKEN_LENGTH_MAX,
            "{}",
            token.as_str().len()
        );
        assert_eq!(token.parts(), Some((arn.into(), u64::MAX)));
    }

    #[test]
    fn foreign_tokens_have_no_parts() {
        let too_long = TaskToken::new(&"x".repeat(INSIDE_LENGTH_MAX), 1);
        assert!(too_long.as_str().len() > TOKEN_LENGTH_MAX);
        assert_eq!(too_long.parts(), None);
        for text in [
            "",
            "abc",
            "not base64!",
            "MR8",
            "MR81",
            "é",
            &"A".repeat(TOKEN_LENGTH_MAX),
        ] {
            assert_eq!(TaskToken::from_opaque(text).parts(), None, "{text}");
        }
        let old_version = URL_SAFE_NO_PAD.encode("0\u{1f}5\u{1f}arn");
        assert_eq!(TaskToken::from_opaque(&old_version).parts(), None);
    }

    proptest! {
        #[test]
        fn parts_come_back(execution in "[^\u{1f}]{0,120}", event_id: u64) {
            let token = TaskToken::new(&execution, event_id);
            prop_assert!(token.as_str().bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_'));
            prop_assert_eq!(token.parts(), Some((execution.into(), event_id)));
        }

        #[test]
        fn any_text_is_looked_into_safely(text in ".{0,60}", bytes: Vec<u8>) {
            let _ = TaskToken::from_opaque(&text).parts();
            let _ = TaskToken::from_opaque(&URL_SAFE_NO_PAD.encode(bytes)).parts();
        }
    }
}
