//! Times as text: RFC 3339 in UTC with milliseconds, as AWS writes them. No clock is read here.

use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

/// First millisecond of the year 0, the earliest that is written.
const MS_MIN: i64 = -62_167_219_200_000;
/// Last millisecond of the year 9999, the latest that is written.
const MS_MAX: i64 = 253_402_300_799_999;
const MS_PER_DAY: i64 = 86_400_000;

/// A time as 24 bytes of text on the stack, for headers on the hot path.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rfc3339Text([u8; 24]);

impl Rfc3339Text {
    /// `1970-01-01T00:00:00.000Z` for 0; `unix_ms` in milliseconds since the epoch, clamped to the years 0 to 9999.
    #[must_use]
    pub fn new(unix_ms: i64) -> Self {
        let clamped = unix_ms.clamp(MS_MIN, MS_MAX);
        let (year, month, day) = civil_date(clamped.div_euclid(MS_PER_DAY));
        let ms = clamped.rem_euclid(MS_PER_DAY);
        let mut text = *b"0000-00-00T00:00:00.000Z";
        digits(&mut text[0..4], year);
        digits(&mut text[5..7], month);
        digits(&mut text[8..10], day);
        digits(&mut text[11..13], ms / 3_600_000);
        digits(&mut text[14..16], ms / 60_000 % 60);
        digits(&mut text[17..19], ms / 1000 % 60);
        digits(&mut text[20..23], ms % 1000);
        Self(text)
    }

    /// The text, in ASCII.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    /// The text.
    ///
    /// # Panics
    /// Never: only ASCII is written.
    #[must_use]
    pub fn as_str(&self) -> &str {
        std::str::from_utf8(&self.0).expect("a time is written in ASCII")
    }
}

/// `1970-01-01T00:00:00.000Z` for 0; `unix_ms` in milliseconds since the epoch, clamped to the years 0 to 9999.
#[must_use]
pub fn rfc3339(unix_ms: i64) -> String {
    Rfc3339Text::new(unix_ms).as_str().to_owned()
}

/// Milliseconds since the epoch of an RFC 3339 time; `None` if `text` is not one. Finer parts are cut off.
#[must_use]
pub fn parse_rfc3339(text: &str) -> Option<i64> {
    let t = OffsetDateTime::parse(text, &Rfc3339).ok()?;
    i64::try_from(t.unix_timestamp_nanos().div_euclid(1_000_000)).ok()
}

/// Writes `n` right-aligned over the digits of `to`.
fn digits(to: &mut [u8], mut n: i64) {
    for digit in to.iter_mut().rev() {
        *digit = b'0' + (n % 10) as u8;
        n /= 10;
    }
}

/// Year, month and day of a day counted from 1970-01-01, proleptic Gregorian.
///
/// The year is counted from March so that the leap day comes last, in eras of 400 years, which all have the same number
/// of days (Howard Hinnant, "chrono-compatible low-level date algorithms", `civil_from_days`).
fn civil_date(days: i64) -> (i64, i64, i64) {
    const DAYS_PER_ERA: i64 = 146_097;
    const EPOCH_FROM_MARCH_0000: i64 = 719_468;
    let days = days + EPOCH_FROM_MARCH_0000;
    let era = days.div_euclid(DAYS_PER_ERA);
    let day_of_era = days.rem_euclid(DAYS_PER_ERA);
    let year_of_era =
        (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month_from_march = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month_from_march + 2) / 5 + 1;
    let month = if month_from_march < 10 {
        month_from_march + 3
    } else {
        month_from_march - 9
    };
    (era * 400 + year_of_era + i64::from(month <= 2), month, day)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn writes_known_times() {
        for (ms, text) in [
            (0, "1970-01-01T00:00:00.000Z"),
            (-1, "1969-12-31T23:59:59.999Z"),
            (951_782_400_000, "2000-02-29T00:00:00.000Z"),
            (4_107_542_399_999, "2100-02-28T23:59:59.999Z"),
            (MS_MIN, "0000-01-01T00:00:00.000Z"),
            (MS_MAX, "9999-12-31T23:59:59.999Z"),
            (i64::MIN, "0000-01-01T00:00:00.000Z"),
            (i64::MAX, "9999-12-31T23:59:59.999Z"),
        ] {
            assert_eq!(rfc3339(ms), text);
        }
    }

    #[test]
    fn reads_offsets_and_cuts_finer_parts() {
        assert_eq!(parse_rfc3339("1970-01-01T01:00:00+01:00"), Some(0));
        assert_eq!(parse_rfc3339("1970-01-01T00:00:00.0019Z"), Some(1));
        assert_eq!(parse_rfc3339("1969-12-31T23:59:59.9999Z"), Some(-1));
        assert_eq!(parse_rfc3339("1970-01-01"), None);
        assert_eq!(parse_rfc3339(""), None);
    }

    proptest! {
        #[test]
        fn a_time_is_read_back(ms in MS_MIN..=MS_MAX) {
            prop_assert_eq!(parse_rfc3339(&rfc3339(ms)), Some(ms));
        }

        #[test]
        fn reading_never_panics(text in ".{0,40}") {
            let _ = parse_rfc3339(&text);
        }
    }
}
