//! The access keys of this server.

use std::collections::BTreeMap;
use std::fmt;

/// Ids of access keys with their secrets; never shown.
#[derive(Clone, Default)]
pub struct AccessKeys(BTreeMap<String, String>);

impl AccessKeys {
    /// Keys by id. Both parts must be there, without white space; an id has no colon (HTTP Basic, RFC 7617).
    ///
    /// # Errors
    /// What is wrong with which key, in words; never its secret.
    pub fn new(keys: impl IntoIterator<Item = (String, String)>) -> Result<Self, String> {
        let mut all = BTreeMap::new();
        for (id, secret) in keys {
            if id.is_empty() || id.contains(|c: char| c.is_whitespace() || c == ':' || c == '/') {
                return Err(format!(
                    "access key '{id}': an id is one word without ':' and '/'"
                ));
            }
            if secret.is_empty() || secret.contains(char::is_whitespace) {
                return Err(format!("access key '{id}': its secret must be one word"));
            }
            if all.insert(id.clone(), secret).is_some() {
                return Err(format!("access key '{id}' is there twice"));
            }
        }
        Ok(Self(all))
    }

    /// Reads a file's text: `ID SECRET` on each line; empty lines and those that begin with `#` are passed over.
    ///
    /// # Errors
    /// The line that can't be read, and why.
    pub fn parse(text: &str) -> Result<Self, String> {
        let lines = text.lines().map(str::trim).enumerate();
        let lines = lines.filter(|(_, line)| !line.is_empty() && !line.starts_with('#'));
        let keys = lines.map(
            |(at, line)| match line.split_whitespace().collect::<Vec<_>>()[..] {
                [id, secret] => Ok((id.to_owned(), secret.to_owned())),
                _ => Err(format!("line {}: must be ID SECRET", at + 1)),
            },
        );
        Self::new(keys.collect::<Result<Vec<_>, _>>()?)
    }

    /// Whether there are none, so that nothing is asked for.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The secret of a key.
    pub(crate) fn secret(&self, id: &str) -> Option<&str> {
        self.0.get(id).map(String::as_str)
    }

    /// The key that nodes show each other: the first.
    pub(crate) fn first(&self) -> Option<(&str, &str)> {
        let (id, secret) = self.0.first_key_value()?;
        Some((id, secret))
    }
}

impl fmt::Debug for AccessKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.0.keys()).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_has_a_key_on_each_line() {
        let keys = AccessKeys::parse("# team\nAKID secret\n\n two  other \n").unwrap();
        assert_eq!(
            (keys.secret("AKID"), keys.secret("two")),
            (Some("secret"), Some("other"))
        );
        assert_eq!(format!("{keys:?}"), r#"["AKID", "two"]"#);
        for (text, word) in [("AKID", "line 1"), ("a s\na s", "twice"), ("a:b s", "word")] {
            let error = AccessKeys::parse(text).unwrap_err();
            assert!(error.contains(word), "{error}");
        }
    }
}
