//! What a JSON text may hold beyond being well-formed, so that reading it as a value can't fail later.
//!
//! Owns: one pass over a text whose syntax is already known to be right. serde_json takes a raw text without looking at
//! nesting, at surrogates in escapes or at the size of numbers, and refuses them when the text is read as a value.

use memchr::memchr2;

/// Deepest nesting of arrays and objects; serde_json reads no deeper.
pub(crate) const DEPTH_MAX: usize = 127;

/// Longest number that fits in a double whatever its digits are.
const SAFE_NUMBER_LENGTH: usize = 308;

/// Checks well-formed `text`.
///
/// # Errors
/// What is wrong and at which byte.
pub(crate) fn check(text: &str) -> Result<(), String> {
    let bytes = text.as_bytes();
    let (mut i, mut depth) = (0, 0_usize);
    while i < bytes.len() {
        match bytes[i] {
            b'"' => i = after_string(bytes, i)?,
            b'-' | b'0'..=b'9' => i = after_number(text, i)?,
            byte => {
                match byte {
                    b'[' | b'{' => depth += 1,
                    b']' | b'}' => depth = depth.saturating_sub(1),
                    _ => {}
                }
                if depth > DEPTH_MAX {
                    return Err(format!(
                        "arrays and objects nest deeper than {DEPTH_MAX} at byte {i}"
                    ));
                }
                i += 1;
            }
        }
    }
    Ok(())
}

/// Deepest nesting of arrays and objects in well-formed `text`.
pub(crate) fn depth(text: &str) -> usize {
    let bytes = text.as_bytes();
    let (mut i, mut depth, mut deepest) = (0, 0_usize, 0);
    while i < bytes.len() {
        match bytes[i] {
            b'"' => {
                i += 1;
                while i < bytes.len() && bytes[i] != b'"' {
                    i += if bytes[i] == b'\\' { 2 } else { 1 };
                }
            }
            b'[' | b'{' => depth += 1,
            b']' | b'}' => depth = depth.saturating_sub(1),
            _ => {}
        }
        deepest = deepest.max(depth);
        i += 1;
    }
    deepest
}

fn after_string(bytes: &[u8], quote: usize) -> Result<usize, String> {
    let mut i = quote + 1;
    while let Some(ahead) = bytes.get(i..).and_then(|rest| memchr2(b'"', b'\\', rest)) {
        i += ahead;
        if bytes[i] == b'"' {
            return Ok(i + 1);
        }
        match code_unit(bytes, i) {
            Some(0xd800..=0xdbff) if matches!(code_unit(bytes, i + 6), Some(0xdc00..=0xdfff)) => {
                i += 12
            }
            Some(0xd800..=0xdfff) => {
                return Err(format!("half of a surrogate pair at byte {i}"));
            }
            Some(_) => i += 6,
            None => i += 2,
        }
    }
    Ok(bytes.len())
}

/// The number in `\uXXXX` at `i`, if that is there.
fn code_unit(bytes: &[u8], i: usize) -> Option<u32> {
    let digits = bytes.get(i..i + 6)?.strip_prefix(b"\\u")?;
    u32::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok()
}

fn after_number(text: &str, start: usize) -> Result<usize, String> {
    let bytes = &text.as_bytes()[start..];
    let is_part = |byte: &u8| matches!(byte, b'0'..=b'9' | b'+' | b'-' | b'.' | b'e' | b'E');
    let length = bytes
        .iter()
        .position(|byte| !is_part(byte))
        .unwrap_or(bytes.len());
    let number = &bytes[..length];
    let may_be_large =
        length > SAFE_NUMBER_LENGTH || number.iter().any(|byte| matches!(byte, b'e' | b'E'));
    if may_be_large
        && !text[start..start + length]
            .parse::<f64>()
            .is_ok_and(f64::is_finite)
    {
        return Err(format!("the number at byte {start} is out of range"));
    }
    Ok(start + length)
}
