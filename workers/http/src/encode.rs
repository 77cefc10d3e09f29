//! Percent-encoding: of what goes into a URL, and of bodies that are forms.

use serde_json::Value;
use std::fmt::Write;

/// How a form writes arrays (`Transform.RequestEncodingOptions.ArrayFormat` of the HTTP Task).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ArrayFormat {
    /// `a[0]=x&a[1]=y`
    #[default]
    Indices,
    /// `a=x&a=y`
    Repeat,
    /// `a=x,y`
    Commas,
    /// `a[]=x&a[]=y`
    Brackets,
}

/// `text` with everything but RFC 3986's unreserved characters encoded.
pub fn percent(text: &str) -> String {
    let mut encoded = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            encoded.push(char::from(byte));
        } else {
            let _ = write!(encoded, "%{byte:02X}");
        }
    }
    encoded
}

/// A JSON object as `application/x-www-form-urlencoded`; members of members are `a[b]=x`.
pub fn form(body: &Value, arrays: ArrayFormat) -> String {
    let mut pairs = Vec::new();
    flatten("", body, arrays, &mut pairs);
    let encoded = pairs
        .iter()
        .map(|(name, value)| format!("{}={}", percent(name), percent(value)));
    encoded.collect::<Vec<_>>().join("&")
}

fn flatten(name: &str, value: &Value, arrays: ArrayFormat, pairs: &mut Vec<(String, String)>) {
    let member = |inner: &str| {
        if name.is_empty() {
            inner.to_owned()
        } else {
            format!("{name}[{inner}]")
        }
    };
    match value {
        Value::Null => {}
        Value::Object(members) => {
            for (inner, value) in members {
                flatten(&member(inner), value, arrays, pairs);
            }
        }
        Value::Array(items) if arrays == ArrayFormat::Commas => {
            let texts: Vec<String> = items.iter().map(text).collect();
            pairs.push((name.to_owned(), texts.join(",")));
        }
        Value::Array(items) => {
            for (index, item) in items.iter().enumerate() {
                let name = match arrays {
                    ArrayFormat::Indices => format!("{name}[{index}]"),
                    ArrayFormat::Brackets => format!("{name}[]"),
                    ArrayFormat::Repeat | ArrayFormat::Commas => name.to_owned(),
                };
                flatten(&name, item, arrays, pairs);
            }
        }
        scalar => pairs.push((name.to_owned(), text(scalar))),
    }
}

/// A value as text without quotes.
pub fn text(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn arrays_are_written_as_asked() {
        let body = json!({"a": ["x", "y z"], "b": {"c": 1}, "d": null});
        for (format, expected) in [
            (ArrayFormat::Indices, "a%5B0%5D=x&a%5B1%5D=y%20z&b%5Bc%5D=1"),
            (ArrayFormat::Repeat, "a=x&a=y%20z&b%5Bc%5D=1"),
            (ArrayFormat::Commas, "a=x%2Cy%20z&b%5Bc%5D=1"),
            (ArrayFormat::Brackets, "a%5B%5D=x&a%5B%5D=y%20z&b%5Bc%5D=1"),
        ] {
            assert_eq!(form(&body, format), expected);
        }
    }
}
