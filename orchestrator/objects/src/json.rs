//! Elements of a large JSON array, one after the other.
//!
//! Owns: finding where a value ends without parsing what is around it, so that a file of any size is read in parts.

/// What stands at the beginning of a text.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Found {
    /// A value: where it begins and ends.
    Value(usize, usize),
    /// The end of the array.
    End,
    /// Not enough to tell.
    More,
    /// Something that can't be there.
    Wrong,
}

/// The next element after blanks and a comma.
pub(crate) fn element(text: &[u8], is_end: bool) -> Found {
    let Some(begin) = text
        .iter()
        .position(|b| !b.is_ascii_whitespace() && *b != b',')
    else {
        return Found::More;
    };
    match text[begin] {
        b']' => Found::End,
        b'{' | b'[' | b'"' => match end_of_nested(&text[begin..]) {
            Some(length) => Found::Value(begin, begin + length),
            None => Found::More,
        },
        b'}' | b':' => Found::Wrong,
        _ => {
            let end = text[begin..]
                .iter()
                .position(|b| b.is_ascii_whitespace() || b",]}".contains(b));
            match end {
                Some(length) => Found::Value(begin, begin + length),
                None if is_end => Found::Value(begin, text.len()),
                None => Found::More,
            }
        }
    }
}

/// Length of the object, array or string that the text begins with.
fn end_of_nested(text: &[u8]) -> Option<usize> {
    let (mut depth, mut in_string, mut escaped) = (0_u32, false, false);
    for (at, byte) in text.iter().enumerate() {
        match byte {
            _ if escaped => escaped = false,
            b'\\' if in_string => escaped = true,
            b'"' => {
                in_string = !in_string;
                if !in_string && depth == 0 {
                    return Some(at + 1);
                }
            }
            _ if in_string => {}
            b'{' | b'[' => depth += 1,
            b'}' | b']' => {
                depth = depth.saturating_sub(1);
                if depth == 0 {
                    return Some(at + 1);
                }
            }
            _ => {}
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn elements_are_found_one_by_one() {
        let text = br#" {"a": "]}\""}, [1, [2]], "x,", 12 , true]"#;
        let (mut at, mut found) = (0, Vec::new());
        while let Found::Value(begin, end) = element(&text[at..], false) {
            found.push(String::from_utf8_lossy(&text[at + begin..at + end]).into_owned());
            at += end;
        }
        assert_eq!(
            found,
            [r#"{"a": "]}\""}"#, "[1, [2]]", "\"x,\"", "12", "true"]
        );
        assert_eq!(element(&text[at..], false), Found::End);
        assert_eq!(element(b", {\"a\": 1", false), Found::More);
        assert_eq!(element(b"12", false), Found::More);
        assert_eq!(element(b"12", true), Found::Value(0, 2));
        assert_eq!(element(b" }", true), Found::Wrong);
    }

    proptest! {
        #[test]
        fn any_text_is_looked_into_safely(text in "[\\[\\]{}\":,\\\\a1 ]{0,40}") {
            if let Found::Value(begin, end) = element(text.as_bytes(), true) {
                prop_assert!(begin < end && end <= text.len());
            }
        }
    }
}
