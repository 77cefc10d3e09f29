//! YAML (1.2, core schema) as JSON, with positions.
//!
//! Owns: the translation of the parser's events, what has no equal in JSON (names that are no text, tags, several documents,
//! names twice), and the bounds on aliases, which could multiply a short text.

use crate::limits;
use crate::source::Node;
use saphyr_parser::{Event, Parser, ScalarStyle, ScanError, Span};
use serde_json::{Map, Number, Value};
use std::collections::BTreeMap;

/// What is wrong with a text, and where.
#[derive(Debug)]
pub(crate) struct Fault {
    pub message: String,
    /// From 1.
    pub line: usize,
    /// From 1.
    pub column: usize,
}

/// Reads the one document of a text.
pub(crate) fn read(text: &str) -> Result<(Value, Node), Fault> {
    if text.len() > limits::DEFINITION_BYTES_MAX {
        return Err(Fault {
            message: format!(
                "The text has more than {} bytes",
                limits::DEFINITION_BYTES_MAX
            ),
            line: 1,
            column: 1,
        });
    }
    let mut reader = Reader {
        events: Parser::new_from_str(text),
        offsets: offsets(text),
        anchors: BTreeMap::new(),
        values: 0,
    };
    loop {
        match reader.next()? {
            (Event::StreamStart | Event::DocumentStart(_) | Event::Nothing, _) => {}
            (Event::StreamEnd, span) => return Err(fault("The text is empty", span)),
            (event, span) => {
                let read = reader.value(event, span, 0)?;
                reader.end()?;
                return Ok(read);
            }
        }
    }
}

/// Byte offset of each character; the parser counts in characters.
fn offsets(text: &str) -> Vec<usize> {
    text.char_indices()
        .map(|(at, _)| at)
        .chain([text.len()])
        .collect()
}

struct Reader<'i, P: Iterator<Item = Result<(Event<'i>, Span), ScanError>>> {
    events: P,
    offsets: Vec<usize>,
    anchors: BTreeMap<usize, (Value, Node, usize)>,
    /// Values read so far, those of aliases included.
    values: usize,
}

impl<'i, P: Iterator<Item = Result<(Event<'i>, Span), ScanError>>> Reader<'i, P> {
    fn next(&mut self) -> Result<(Event<'i>, Span), Fault> {
        match self.events.next() {
            Some(Ok(event)) => Ok(event),
            Some(Err(error)) => Err(Fault {
                message: format!("The text is not YAML: {}", error.info()),
                line: error.marker().line().max(1),
                column: error.marker().col() + 1,
            }),
            None => Ok((Event::StreamEnd, Span::default())),
        }
    }

    /// Nothing may follow the document.
    fn end(&mut self) -> Result<(), Fault> {
        loop {
            match self.next()? {
                (Event::StreamEnd, _) => return Ok(()),
                (Event::DocumentEnd | Event::Nothing, _) => {}
                (_, span) => return Err(fault("The text has more than one document", span)),
            }
        }
    }

    fn value(
        &mut self,
        event: Event<'i>,
        span: Span,
        depth: usize,
    ) -> Result<(Value, Node), Fault> {
        if depth > limits::YAML_DEPTH_MAX {
            return Err(fault("The text is nested too deep", span));
        }
        let before = self.values;
        self.count(1, span)?;
        let mut node = Node {
            start: self.offset(span.start.index()),
            end: self.offset(span.end.index()),
            ..Node::default()
        };
        let (anchor, tag, value) = match event {
            Event::Scalar(text, style, anchor, tag) => {
                (anchor, tag.is_some(), scalar(&text, style))
            }
            Event::SequenceStart(anchor, tag) => {
                let (value, end) = self.sequence(&mut node, depth)?;
                node.end = end.max(node.end);
                (anchor, tag.is_some(), value)
            }
            Event::MappingStart(anchor, tag) => {
                let (value, end) = self.mapping(&mut node, depth)?;
                node.end = end.max(node.end);
                (anchor, tag.is_some(), value)
            }
            Event::Alias(anchor) => {
                let Some((value, known, count)) = self.anchors.get(&anchor).cloned() else {
                    return Err(fault("The alias names nothing", span));
                };
                self.count(count, span)?;
                node.children = known.children;
                (0, false, value)
            }
            _ => return Err(fault("A value was expected", span)),
        };
        if tag {
            return Err(fault("Tags have no equal in JSON", span));
        }
        if anchor > 0 {
            let count = self.values - before;
            self.anchors
                .insert(anchor, (value.clone(), node.clone(), count));
        }
        Ok((value, node))
    }

    fn sequence(&mut self, node: &mut Node, depth: usize) -> Result<(Value, usize), Fault> {
        let mut items = Vec::new();
        loop {
            let (event, span) = self.next()?;
            if event == Event::SequenceEnd {
                return Ok((Value::Array(items), self.offset(span.end.index())));
            }
            let (value, child) = self.value(event, span, depth + 1)?;
            node.children.push((items.len().to_string(), child));
            items.push(value);
        }
    }

    fn mapping(&mut self, node: &mut Node, depth: usize) -> Result<(Value, usize), Fault> {
        let mut fields = Map::new();
        loop {
            let (event, key) = self.next()?;
            let name = match event {
                Event::MappingEnd => {
                    return Ok((Value::Object(fields), self.offset(key.end.index())));
                }
                Event::Scalar(name, _, 0, None) => name.into_owned(),
                _ => return Err(fault("The name of a field must be a plain text", key)),
            };
            if fields.contains_key(&name) {
                return Err(fault(&format!("Duplicate field '{name}'"), key));
            }
            let (event, span) = self.next()?;
            let (value, child) = self.value(event, span, depth + 1)?;
            let child = Node {
                key: Some(self.offset(key.start.index())),
                key_end: self.offset(key.end.index()),
                ..child
            };
            node.children.push((name.clone(), child));
            fields.insert(name, value);
        }
    }

    fn count(&mut self, more: usize, span: Span) -> Result<(), Fault> {
        self.values += more;
        if self.values > limits::YAML_VALUES_MAX {
            return Err(fault("The text has too many values", span));
        }
        Ok(())
    }

    fn offset(&self, character: usize) -> usize {
        let last = self.offsets.last().copied().unwrap_or(0);
        self.offsets.get(character).copied().unwrap_or(last)
    }
}

/// A scalar of the core schema; what is quoted is text.
fn scalar(text: &str, style: ScalarStyle) -> Value {
    if style != ScalarStyle::Plain {
        return text.into();
    }
    match text {
        "" | "~" | "null" | "Null" | "NULL" => Value::Null,
        "true" | "True" | "TRUE" => true.into(),
        "false" | "False" | "FALSE" => false.into(),
        _ => number(text).map_or_else(|| text.into(), Value::Number),
    }
}

fn number(text: &str) -> Option<Number> {
    let digits = text.strip_prefix(['-', '+']).unwrap_or(text);
    if !digits.starts_with(|c: char| c.is_ascii_digit() || c == '.') {
        return None;
    }
    let unsigned = text.strip_prefix('+').unwrap_or(text);
    if digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return unsigned.parse::<i64>().ok().map(Number::from);
    }
    let is_float = digits
        .bytes()
        .all(|byte| byte.is_ascii_digit() || b".eE+-".contains(&byte));
    let parsed = is_float.then(|| unsigned.parse::<f64>().ok())?;
    Number::from_f64(parsed?)
}

fn fault(message: &str, span: Span) -> Fault {
    Fault {
        message: message.to_owned(),
        line: span.start.line().max(1),
        column: span.start.col() + 1,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn what_is_json_is_read_as_it_is_meant() {
        let text = "a: 1\nb: [1.5, -2, true, ~, 'true', x y]\nc: &one {d: \"e\"}\nf: *one\ng: |\n  {% $x %}\n'h': 2024-01-01\n";
        let (value, _) = read(text).expect("YAML");
        assert_eq!(
            value,
            json!({"a": 1, "b": [1.5, -2, true, null, "true", "x y"], "c": {"d": "e"}, "f": {"d": "e"}, "g": "{% $x %}\n",
                "h": "2024-01-01"})
        );
    }

    #[test]
    fn what_has_no_equal_is_refused_with_its_place() {
        let refused = |text: &str| {
            let fault = read(text).expect_err(text);
            (fault.line, fault.column, fault.message)
        };
        assert!(refused("a: 1\nb: {").0 >= 2);
        assert_eq!(refused("a: 1\na: 2").2, "Duplicate field 'a'");
        assert_eq!(refused("a: !!str 1").2, "Tags have no equal in JSON");
        assert_eq!(
            refused("a: 1\n---\nb: 2").2,
            "The text has more than one document"
        );
        assert_eq!(
            refused("? [a]\n: 1").2,
            "The name of a field must be a plain text"
        );
        assert_eq!(refused("").2, "The text is empty");
    }

    #[test]
    fn aliases_cannot_multiply() {
        let mut text = "a0: &a0 [1, 1, 1, 1, 1, 1, 1, 1, 1, 1]\n".to_owned();
        for n in 1..12 {
            let list = vec![format!("*a{}", n - 1); 10].join(", ");
            text.push_str(&format!("a{n}: &a{n} [{list}]\n"));
        }
        assert_eq!(
            read(&text).expect_err("a bomb").message,
            "The text has too many values"
        );
    }
}
