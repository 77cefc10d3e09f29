//! Task tokens: opaque to workers, URL-safe, stable across redelivery.
//!
//! Owns: the token's inside, which names the execution (hence the partition) and the event that scheduled the task (hence
//! the attempt). A token travels four times with every task, so it is short: `2.5.00.0.m.e` is event 5 of
//! `arn:aws:states:us-east-1:000000000000:execution:m:e`. Its parts: the form; the event's id; the place of the ARN's
//! partition in [`PARTITIONS`] (one digit) and that of its region in [`REGIONS`], or the region itself; the account
//! without leading zeros; the machine; the name. An ARN that doesn't fit takes the first form,
//! `base64url("1" 0x1F event-id 0x1F execution ARN)`, which is read for ever.

use crate::decimal::Decimal;
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use std::sync::Arc;

/// Longest token that is accepted, bytes.
pub const TOKEN_LENGTH_MAX: usize = 1024;

/// Bytes inside the longest token: base64 has four characters for three bytes.
const INSIDE_LENGTH_MAX: usize = TOKEN_LENGTH_MAX / 4 * 3;
/// Form of the inside of the first form, and what stands between its parts.
const VERSION: u8 = b'1';
const SEPARATOR: u8 = 0x1f;
/// What the second form begins with.
const SHORT: &str = "2.";
/// Partitions of ARNs; a token holds their places, so this is only ever added to, up to ten.
const PARTITIONS: [&str; 3] = ["aws", "aws-cn", "aws-us-gov"];
/// Regions of AWS; a token holds their places, so this is only ever added to.
const REGIONS: [&str; 10] = [
    "us-east-1",
    "us-east-2",
    "us-west-1",
    "us-west-2",
    "eu-west-1",
    "eu-central-1",
    "ap-southeast-1",
    "ap-southeast-2",
    "ap-northeast-1",
    "ap-south-1",
];
/// Digits of an account.
const ACCOUNT_LENGTH: usize = 12;

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
        if let Some(short) = short(execution, event_id) {
            return Self(short);
        }
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
        if self.0.len() > TOKEN_LENGTH_MAX {
            return None;
        }
        if let Some(rest) = self.0.strip_prefix(SHORT) {
            return long(rest);
        }
        let mut inside = [0; INSIDE_LENGTH_MAX];
        let length = URL_SAFE_NO_PAD
            .decode_slice(self.0.as_bytes(), &mut inside)
            .ok()?;
        let rest = inside[..length].strip_prefix(&[VERSION, SEPARATOR])?;
        let end = rest.iter().position(|byte| *byte == SEPARATOR)?;
        let event_id = std::str::from_utf8(&rest[..end]).ok()?.parse().ok()?;
        Some((std::str::from_utf8(&rest[end + 1..]).ok()?.into(), event_id))
    }
}

/// The second form of a token, if the ARN fits it.
fn short(execution: &str, event_id: u64) -> Option<Arc<str>> {
    let mut parts = execution.splitn(7, ':');
    let mut next = || parts.next();
    let (Some("arn"), partition, Some("states")) = (next(), next()?, next()) else {
        return None;
    };
    let (region, account) = (next()?, next()?);
    let (Some("execution"), (machine, name)) = (next(), next()?.split_once(':')?) else {
        return None;
    };
    let partition = PARTITIONS.iter().position(|known| *known == partition)?;
    let is_account = account.len() == ACCOUNT_LENGTH && account.bytes().all(|b| b.is_ascii_digit());
    if !is_account || ![region, machine, name].into_iter().all(is_plain) {
        return None;
    }
    let account: u64 = account.parse().ok()?;
    let place = REGIONS.iter().position(|known| *known == region);
    let region_place = Decimal::unsigned(place.unwrap_or_default() as u64);
    let region = match place {
        Some(_) => region_place.as_bytes(),
        // A place is told from a region by its digit.
        None if region.starts_with(|c: char| c.is_ascii_digit()) => return None,
        None => region.as_bytes(),
    };
    let numbers = [event_id, partition as u64, account].map(Decimal::unsigned);
    let parts: [&[u8]; 11] = [
        SHORT.as_bytes(),
        numbers[0].as_bytes(),
        b".",
        numbers[1].as_bytes(),
        region,
        b".",
        numbers[2].as_bytes(),
        b".",
        machine.as_bytes(),
        b".",
        name.as_bytes(),
    ];
    let mut text = [0; TOKEN_LENGTH_MAX];
    let mut end = 0;
    for part in parts {
        text.get_mut(end..end + part.len())?.copy_from_slice(part);
        end += part.len();
    }
    std::str::from_utf8(&text[..end]).ok().map(Arc::from)
}

/// What stands for itself in a token.
fn is_plain(text: &str) -> bool {
    !text.is_empty()
        && text
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_'))
}

/// `(execution ARN, event id)` of a token of the second form, of which `rest` is what follows [`SHORT`].
fn long(rest: &str) -> Option<(Arc<str>, u64)> {
    let mut parts = rest.split('.');
    let mut next = || parts.next();
    let (event_id, area, account) = (next()?, next()?, next()?);
    let (machine, name) = (next()?, next()?);
    if next().is_some() || ![machine, name].into_iter().all(is_plain) {
        return None;
    }
    let (partition, region) = area.split_at_checked(1)?;
    let partition = PARTITIONS.get(partition.parse::<usize>().ok()?)?;
    let region = if region.starts_with(|c: char| c.is_ascii_digit()) {
        *REGIONS.get(region.parse::<usize>().ok()?)?
    } else if is_plain(region) {
        region
    } else {
        return None;
    };
    let account: u64 = account.parse().ok()?;
    let event_id = event_id.parse().ok()?;
    let arn = format!(
        "arn:{partition}:states:{region}:{account:0ACCOUNT_LENGTH$}:execution:{machine}:{name}"
    );
    Some((arn.into(), event_id))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_token_keeps_its_form_for_ever() {
        let arn = "arn:aws:states:us-east-1:000000000000:execution:m:e";
        for text in [
            "2.5.00.0.m.e",
            // As it was before there was the short form.
            "MR81H2Fybjphd3M6c3RhdGVzOnVzLWVhc3QtMTowMDAwMDAwMDAwMDA6ZXhlY3V0aW9uOm06ZQ",
        ] {
            let parts = TaskToken::from_opaque(text).parts();
            assert_eq!(parts, Some((arn.into(), 5)), "{text}");
        }
        for (arn, text) in [
            (arn, "2.5.00.0.m.e"),
            (
                "arn:aws-cn:states:cn-north-1:001234567890:execution:m:e-1_",
                "2.5.1cn-north-1.1234567890.m.e-1_",
            ),
            (
                "arn:aws:states:ap-south-1:999999999999:execution:m:e",
                "2.5.09.999999999999.m.e",
            ),
        ] {
            let token = TaskToken::new(arn, 5);
            assert_eq!(token.as_str(), text);
            assert_eq!(token.parts(), Some((arn.into(), 5)));
        }
    }

    #[test]
    fn an_arn_that_does_not_fit_takes_the_long_form() {
        for arn in [
            "arn:aws:states:us-east-1:000000000000:execution:m:a.b",
            "arn:aws:states:us-east-1:000000000000:execution:m:a:b",
            "arn:aws:states:us-east-1:000000000000:execution:m:",
            "arn:aws:states:us-east-1:00000000000:execution:m:e",
            "arn:aws:states:us-east-1:+00000000000:execution:m:e",
            "arn:aws:states:1-us:000000000000:execution:m:e",
            "arn:other:states:us-east-1:000000000000:execution:m:e",
            "arn:aws:states:us-east-1:000000000000:express:m:e",
            "arn:aws:states:us-east-1:000000000000:execution:m:é",
        ] {
            let token = TaskToken::new(arn, 7);
            assert!(token.as_str().starts_with("MR8"), "{token:?}");
            assert_eq!(token.parts(), Some((arn.into(), 7)));
        }
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
            "2.5.00.0.m",
            "2.5.00.0.m.e.f",
            "2.5..0.m.e",
            "2.5.90.0.m.e",
            "2.5.099.0.m.e",
            "2.x.00.0.m.e",
            "2.5.00.x.m.e",
            "2.5.00.0..e",
            &"A".repeat(TOKEN_LENGTH_MAX),
        ] {
            assert_eq!(TaskToken::from_opaque(text).parts(), None, "{text}");
        }
        let old_version = URL_SAFE_NO_PAD.encode("0\u{1f}5\u{1f}arn");
        assert_eq!(TaskToken::from_opaque(&old_version).parts(), None);
    }

    proptest! {
        #[test]
        fn parts_come_back(
            execution in "[^\u{1f}]{0,120}|arn:aws(-cn)?:states:[a-z0-9-]{1,9}:[0-9]{11,13}:execution:[a-z-]{1,9}:[0-9._-]{1,9}",
            event_id: u64,
        ) {
            let token = TaskToken::new(&execution, event_id);
            prop_assert!(token.as_str().bytes().all(|b| b.is_ascii_alphanumeric() || b"-_.".contains(&b)));
            prop_assert_eq!(token.parts(), Some((execution.into(), event_id)));
        }

        #[test]
        fn any_text_is_looked_into_safely(text in ".{0,60}|2\\.[0-9a-z.-]{0,60}", bytes: Vec<u8>) {
            let _ = TaskToken::from_opaque(&text).parts();
            let _ = TaskToken::from_opaque(&URL_SAFE_NO_PAD.encode(bytes)).parts();
        }
    }
}
