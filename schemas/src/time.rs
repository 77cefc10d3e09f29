//! Times as text: RFC 3339 in UTC with milliseconds, as AWS writes them. No clock is read here.

use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

/// `1970-01-01T00:00:00.000Z` for 0; `unix_ms` in milliseconds since the epoch, clamped to the years 0 to 9999.
#[must_use]
pub fn rfc3339(unix_ms: i64) -> String {
    let clamped = unix_ms.clamp(-62_167_219_200_000, 253_402_300_799_999);
    let t = OffsetDateTime::from_unix_timestamp_nanos(i128::from(clamped) * 1_000_000).expect("clamped to years 0 to 9999");
    format!(
        "{:04}-{:02}-{:02}T{:02}:{:02}:{:02}.{:03}Z",
        t.year(),
        u8::from(t.month()),
        t.day(),
        t.hour(),
        t.minute(),
        t.second(),
        t.millisecond()
    )
}

/// Milliseconds since the epoch of an RFC 3339 time; `None` if `text` is not one.
#[must_use]
pub fn parse_rfc3339(text: &str) -> Option<i64> {
    let t = OffsetDateTime::parse(text, &Rfc3339).ok()?;
    i64::try_from(t.unix_timestamp_nanos() / 1_000_000).ok()
}
