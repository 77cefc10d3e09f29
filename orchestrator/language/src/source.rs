//! Where in the text of a definition a value stands.
//!
//! Owns: documents in JSON or YAML as JSON, and the way from a JSON Pointer to line and column. Only findings are looked up,
//! so JSON is scanned again for them instead of being read with positions.

use crate::{Diagnostic, Severity, yaml};

/// A definition as it was written.
#[derive(Clone, Debug)]
pub struct Document {
    text: String,
    json: String,
    root: Option<Node>,
}

/// A place in a text, as editors count.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Position {
    /// From 1.
    pub line: usize,
    /// From 1, in characters.
    pub column: usize,
    /// How many characters on that line belong to it; at least 1.
    pub length: usize,
}

/// A value of a text: bytes from and to, its name, what is in it.
#[derive(Clone, Debug, Default)]
pub(crate) struct Node {
    /// First byte of the name, for a field of an object.
    pub key: Option<usize>,
    /// End of the name.
    pub key_end: usize,
    /// First byte of the value.
    pub start: usize,
    /// Where it ends.
    pub end: usize,
    /// Fields by name, items by number.
    pub children: Vec<(String, Node)>,
}

impl Document {
    /// A definition in JSON; whether it is that shows when it is compiled.
    #[must_use]
    pub fn json(text: &str) -> Self {
        Self {
            root: Scanner {
                text: text.as_bytes(),
                at: 0,
            }
            .document(),
            json: text.to_owned(),
            text: text.to_owned(),
        }
    }

    /// A definition in YAML (1.2, core schema).
    ///
    /// # Errors
    /// A finding about the text, if it is no YAML or has no equal in JSON.
    pub fn yaml(text: &str) -> Result<Self, Box<(Self, Diagnostic)>> {
        match yaml::read(text) {
            Ok((value, root)) => Ok(Self {
                text: text.to_owned(),
                json: value.to_string(),
                root: Some(root),
            }),
            Err(fault) => {
                let location = format!("line: {}, column: {}]", fault.line, fault.column);
                let diagnostic = Diagnostic {
                    severity: Severity::Error,
                    code: "INVALID_YAML_DESCRIPTION",
                    message: fault.message,
                    help: None,
                    location,
                    pointer: None,
                };
                let document = Self {
                    text: text.to_owned(),
                    json: String::new(),
                    root: None,
                };
                Err(Box::new((document, diagnostic)))
            }
        }
    }

    /// The definition as JSON.
    #[must_use]
    pub fn as_json(&self) -> &str {
        &self.json
    }

    /// A line of the text, from 1.
    pub(crate) fn line(&self, number: usize) -> Option<&str> {
        self.text.lines().nth(number.checked_sub(1)?)
    }

    /// Where the finding is, if its place can be found.
    #[must_use]
    pub fn position(&self, found: &Diagnostic) -> Option<Position> {
        let Some(pointer) = &found.pointer else {
            return position_written(&found.location);
        };
        let node = self.node(pointer)?;
        // A name says enough of what has parts of its own.
        let (start, end) = match node.key {
            Some(key) if node.children.is_empty() => (key, node.end),
            Some(key) => (key, node.key_end),
            None if node.children.is_empty() => (node.start, node.end),
            None => (node.start, node.start + 1),
        };
        Some(self.between(start, end))
    }

    /// The value that a pointer names, or the nearest one around it.
    fn node(&self, pointer: &str) -> Option<&Node> {
        let mut node = self.root.as_ref()?;
        for part in pointer.split('/').skip(1) {
            let name = part.replace("~1", "/").replace("~0", "~");
            match node.children.iter().find(|(known, _)| *known == name) {
                Some((_, child)) => node = child,
                None => break,
            }
        }
        Some(node)
    }

    fn between(&self, start: usize, end: usize) -> Position {
        let start = floor_boundary(&self.text, start);
        let before = &self.text[..start];
        let line_start = before.rfind('\n').map_or(0, |at| at + 1);
        let rest = &self.text[start..floor_boundary(&self.text, end.max(start))];
        let on_line = rest.lines().next().unwrap_or("").trim_end();
        Position {
            line: before.matches('\n').count() + 1,
            column: before[line_start..].chars().count() + 1,
            length: on_line.chars().count().max(1),
        }
    }
}

fn floor_boundary(text: &str, mut at: usize) -> usize {
    at = at.min(text.len());
    while !text.is_char_boundary(at) {
        at -= 1;
    }
    at
}

/// `...; line: 3, column: 7]`
fn position_written(location: &str) -> Option<Position> {
    let (_, place) = location.rsplit_once("line: ")?;
    let (line, column) = place.strip_suffix(']')?.split_once(", column: ")?;
    Some(Position {
        line: line.parse().ok()?,
        column: column.parse::<usize>().ok()?.max(1),
        length: 1,
    })
}

/// Reads JSON for its positions; gives up on what is none. The JSON reader's bound on nesting (128) holds here too.
struct Scanner<'a> {
    text: &'a [u8],
    at: usize,
}

const DEPTH_MAX: usize = 128;

impl Scanner<'_> {
    fn document(mut self) -> Option<Node> {
        self.blanks();
        self.value(0)
    }

    fn value(&mut self, depth: usize) -> Option<Node> {
        if depth > DEPTH_MAX {
            return None;
        }
        let start = self.at;
        let children = match self.peek()? {
            b'{' => self.object(depth)?,
            b'[' => self.array(depth)?,
            b'"' => {
                self.string()?;
                Vec::new()
            }
            _ => {
                while self
                    .peek()
                    .is_some_and(|byte| !b",]} \t\r\n".contains(&byte))
                {
                    self.at += 1;
                }
                Vec::new()
            }
        };
        Some(Node {
            start,
            end: self.at,
            children,
            ..Node::default()
        })
    }

    fn object(&mut self, depth: usize) -> Option<Vec<(String, Node)>> {
        let mut children = Vec::new();
        self.at += 1;
        loop {
            self.blanks();
            match self.peek()? {
                b'}' => {
                    self.at += 1;
                    return Some(children);
                }
                b',' => self.at += 1,
                b'"' => {
                    let key = self.at;
                    let name = self.string()?;
                    let key_end = self.at;
                    self.blanks();
                    self.eat(b':')?;
                    self.blanks();
                    let value = self.value(depth + 1)?;
                    let node = Node {
                        key: Some(key),
                        key_end,
                        ..value
                    };
                    children.push((name, node));
                }
                _ => return None,
            }
        }
    }

    fn array(&mut self, depth: usize) -> Option<Vec<(String, Node)>> {
        let mut children = Vec::new();
        self.at += 1;
        loop {
            self.blanks();
            match self.peek()? {
                b']' => {
                    self.at += 1;
                    return Some(children);
                }
                b',' => self.at += 1,
                _ => {
                    let name = children.len().to_string();
                    let before = self.at;
                    let node = self.value(depth + 1)?;
                    if self.at == before {
                        return None;
                    }
                    children.push((name, node));
                }
            }
        }
    }

    fn string(&mut self) -> Option<String> {
        let start = self.at;
        self.at += 1;
        loop {
            match self.peek()? {
                b'\\' => self.at += 2,
                b'"' => break,
                _ => self.at += 1,
            }
        }
        self.at += 1;
        serde_json::from_slice(self.text.get(start..self.at)?).ok()
    }

    fn eat(&mut self, byte: u8) -> Option<()> {
        (self.peek()? == byte).then(|| self.at += 1)
    }

    fn blanks(&mut self) {
        while self.peek().is_some_and(|byte| b" \t\r\n".contains(&byte)) {
            self.at += 1;
        }
    }

    fn peek(&self) -> Option<u8> {
        self.text.get(self.at).copied()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn at(document: &Document, pointer: &str) -> (usize, usize, usize) {
        let found = Diagnostic {
            severity: Severity::Error,
            code: "X",
            message: String::new(),
            help: None,
            location: String::new(),
            pointer: Some(pointer.to_owned()),
        };
        let position = document.position(&found).expect(pointer);
        (position.line, position.column, position.length)
    }

    #[test]
    fn pointers_lead_to_lines_and_columns() {
        let document = Document::json("{\n  \"é\": 1, \"a/b\": [10,\n  {\"~\": \"x\\\"y\"}]\n}");
        assert_eq!(at(&document, "/é"), (2, 3, 6));
        assert_eq!(at(&document, "/a~1b"), (2, 11, 5));
        assert_eq!(at(&document, "/a~1b/0"), (2, 19, 2));
        assert_eq!(at(&document, "/a~1b/1/~0"), (3, 4, 11));
        assert_eq!(at(&document, ""), (1, 1, 1));
        assert_eq!(at(&document, "/none/at/all"), (1, 1, 1));
    }

    #[test]
    fn yaml_has_places_too() {
        let document = Document::yaml("StartAt: A\nStates:\n  A:\n    Type: Pass\n    List:\n      - 1\n      - two: [3, 4]\n").expect("YAML");
        assert_eq!(at(&document, "/StartAt"), (1, 1, 10));
        assert_eq!(at(&document, "/States/A"), (3, 3, 1));
        assert_eq!(at(&document, "/States/A/List/1/two/1"), (7, 18, 1));
    }

    proptest! {
        #[test]
        fn scanning_never_panics(text in "[{}\\[\\]\":,a-f0-9 \né\\\\._-]{0,60}") {
            let document = Document::json(&text);
            let _ = document.node("/a/0");
            if let Ok(document) = Document::yaml(&text) {
                let _ = document.node("/a/0");
            }
        }
    }
}
