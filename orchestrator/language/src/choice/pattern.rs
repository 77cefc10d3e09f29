//! Patterns of `StringMatches`: `*` stands for any characters, `\*` for a star, `\\` for a backslash.

/// A parsed pattern: the texts between its stars.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Pattern(Vec<String>);

impl Pattern {
    /// Parses a pattern.
    ///
    /// # Errors
    /// A backslash before anything but `*` and `\` (ASL, "StringMatches").
    pub fn parse(text: &str) -> Result<Self, String> {
        let mut parts = Vec::new();
        let mut part = String::new();
        let mut rest = text.chars();
        while let Some(c) = rest.next() {
            match c {
                '*' => parts.push(std::mem::take(&mut part)),
                '\\' => {
                    match rest.next() {
                        Some(escaped @ ('*' | '\\')) => part.push(escaped),
                        _ => return Err(
                            "in a pattern a backslash must be followed by '*' or another backslash"
                                .to_owned(),
                        ),
                    }
                }
                _ => part.push(c),
            }
        }
        parts.push(part);
        Ok(Self(parts))
    }

    /// Whether the whole of `text` fits. The first place that fits each part is taken, so the time is bounded by the
    /// product of both lengths.
    pub fn matches(&self, text: &str) -> bool {
        let [first, middle @ .., last] = &self.0[..] else {
            return self.0.first().is_some_and(|only| only == text);
        };
        let Some(mut rest) = text.strip_prefix(first.as_str()) else {
            return false;
        };
        for part in middle {
            let Some(at) = rest.find(part.as_str()) else {
                return false;
            };
            rest = &rest[at + part.len()..];
        }
        rest.ends_with(last.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stars_match_anything_and_escapes_themselves() {
        let check =
            |pattern: &str, text: &str| Pattern::parse(pattern).is_ok_and(|p| p.matches(text));
        assert!(
            check("log-*.txt", "log-2024.txt")
                && check("*", "")
                && check("a*b*c", "aXbYbZc")
                && check("é", "é")
        );
        assert!(
            !check("log-*.txt", "log-2024.txt.gz")
                && !check("a*a", "a")
                && !check("", "x")
                && !check("A", "a")
        );
        assert!(check("a\\*b", "a*b") && !check("a\\*b", "axb") && check("\\\\*", "\\x"));
        assert!(Pattern::parse("a\\b").is_err() && Pattern::parse("a\\").is_err());
    }
}
