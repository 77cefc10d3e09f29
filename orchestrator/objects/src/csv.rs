//! Text with delimiters, as Step Functions reads it.
//!
//! Owns: rows, and what makes an item of one. A field may be in quotes, within which a quote is doubled; a backslash
//! takes a delimiter, quote or backslash as it is, and vanishes before anything else. Too few fields are filled with empty
//! texts, those too many are dropped (AWS: "How Step Functions parses input CSV files").

use serde_json::{Map, Value};

/// A row and how many bytes it takes, its end included; `None` if it isn't whole in `text`, which doesn't end there.
pub(crate) fn row(text: &[u8], delimiter: u8, is_end: bool) -> Option<(Vec<String>, usize)> {
    let mut fields = Vec::new();
    let mut field: Vec<u8> = Vec::new();
    let mut quoted = false;
    let mut at = 0;
    while at < text.len() {
        let byte = text[at];
        let next = text.get(at + 1).copied();
        match byte {
            b'"' if quoted && next == Some(b'"') => {
                field.push(b'"');
                at += 1;
            }
            b'"' if quoted && next.is_none() && !is_end => return None,
            b'"' if quoted => quoted = false,
            b'"' if field.is_empty() => quoted = true,
            b'\\' if next.is_none() && !is_end => return None,
            b'\\' => {
                // What it escapes is taken as it is; before anything else it is dropped.
                if let Some(escaped) = next.filter(|b| [b'\\', b'"', delimiter].contains(b)) {
                    field.push(escaped);
                    at += 1;
                }
            }
            b'\n' if !quoted => {
                finish(&mut fields, &mut field);
                return Some((fields, at + 1));
            }
            b'\r' if !quoted && next == Some(b'\n') => {}
            b'\r' if !quoted && next.is_none() && !is_end => return None,
            byte if byte == delimiter && !quoted => finish(&mut fields, &mut field),
            byte => field.push(byte),
        }
        at += 1;
    }
    if !is_end || text.is_empty() {
        return None;
    }
    finish(&mut fields, &mut field);
    Some((fields, at))
}

fn finish(fields: &mut Vec<String>, field: &mut Vec<u8>) {
    let bytes = std::mem::take(field);
    fields.push(String::from_utf8_lossy(&bytes).into_owned());
}

/// An object of a row; JSON.
pub(crate) fn item(headers: &[String], fields: &[String]) -> String {
    let named = headers.iter().enumerate().map(|(i, name)| {
        let field = fields.get(i).map_or("", String::as_str);
        (name.clone(), Value::from(field))
    });
    Value::Object(Map::from_iter(named)).to_string()
}

/// What is wrong with the names of the fields, if anything is.
pub(crate) fn refuse_headers(headers: &[String]) -> Result<(), String> {
    let mut sorted: Vec<&String> = headers.iter().collect();
    sorted.sort();
    if sorted.windows(2).any(|pair| pair[0] == pair[1]) {
        return Err("CSV headers cannot contain duplicates.".to_owned());
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn all(text: &str, delimiter: u8) -> Vec<Vec<String>> {
        let (mut rows, mut rest) = (Vec::new(), text.as_bytes());
        while let Some((fields, used)) = row(rest, delimiter, true) {
            rows.push(fields);
            rest = &rest[used..];
        }
        rows
    }

    #[test]
    fn quotes_escapes_and_line_ends_are_read_as_aws_says() {
        let text = "a,\"b,\"\"c\"\"\nd\",e\\,f\r\nC:\\\\x\\y,,\n";
        assert_eq!(
            all(text, b','),
            [vec!["a", "b,\"c\"\nd", "e,f"], vec!["C:\\xy", "", ""]]
        );
        assert_eq!(all("a|b\nc", b'|'), [vec!["a", "b"], vec!["c"]]);
        assert_eq!(row(b"a,b", b',', false), None, "more may come");
    }

    #[test]
    fn rows_of_another_length_are_fitted_to_the_headers() {
        let headers = ["h1".to_owned(), "h2".to_owned()];
        let item_of = |text: &str| item(&headers, &all(text, b',')[0]);
        assert_eq!(item_of("1,2,3"), r#"{"h1":"1","h2":"2"}"#);
        assert_eq!(item_of("1"), r#"{"h1":"1","h2":""}"#);
        assert!(refuse_headers(&["a".into(), "a".into()]).is_err());
    }

    proptest! {
        #[test]
        fn a_row_never_panics_and_moves_on(text in "[a,\"\\\\\n\r|é]{0,30}") {
            for is_end in [true, false] {
                if let Some((_, used)) = row(text.as_bytes(), b',', is_end) {
                    prop_assert!(used > 0 && used <= text.len());
                }
            }
        }
    }
}
