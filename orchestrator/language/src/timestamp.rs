//! Timestamps in a definition or its data: RFC 3339 as ASL profiles it (upper-case `T`, an offset or `Z`).

use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

/// Milliseconds since the epoch of an RFC 3339 timestamp; `None` if `text` is not one.
#[must_use]
pub fn timestamp_ms(text: &str) -> Option<i64> {
    let nanos = timestamp_ns(text)?;
    i64::try_from(nanos.div_euclid(1_000_000)).ok()
}

/// Nanoseconds since the epoch.
pub(crate) fn timestamp_ns(text: &str) -> Option<i128> {
    if text.as_bytes().get(10) != Some(&b'T') {
        return None;
    }
    OffsetDateTime::parse(text, &Rfc3339)
        .ok()
        .map(OffsetDateTime::unix_timestamp_nanos)
}

/// A time as RFC 3339 with milliseconds, in UTC; the nearest that can be written where the year has no four digits.
pub(crate) fn rfc3339_ms(ms: i64) -> String {
    let nanos = i128::from(ms) * 1_000_000;
    let at = OffsetDateTime::from_unix_timestamp_nanos(nanos).unwrap_or(OffsetDateTime::UNIX_EPOCH);
    let (year, month, day) = (at.year(), u8::from(at.month()), at.day());
    let (hour, minute, second) = at.to_hms();
    let millis = at.millisecond();
    format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}.{millis:03}Z")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_rfc_3339_and_nothing_else() {
        assert_eq!(timestamp_ms("1970-01-01T00:00:01Z"), Some(1_000));
        assert_eq!(timestamp_ms("1970-01-01T01:00:00.5+01:00"), Some(500));
        for wrong in [
            "",
            "05-12-2016T21:29:29Z",
            "2016-12-05 21:29:29Z",
            "2016-12-05T21:29:29",
            "2016-13-05T21:29:29Z",
            "2016-12-05T25:29:29Z",
        ] {
            assert_eq!(timestamp_ms(wrong), None, "{wrong}");
        }
    }
}
