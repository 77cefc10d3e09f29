//! Findings for people: where, what, and the line with a caret under the place.
//!
//! Owns: the layout alone.

use crate::{Diagnostic, Document, Severity};
use std::fmt::Write;

/// Longest part of a line that is shown, characters.
const LINE_LENGTH_MAX: usize = 160;

/// Renders findings about `document`, which is called `name`.
#[must_use]
pub fn render(document: &Document, name: &str, findings: &[Diagnostic]) -> String {
    let mut text = String::new();
    for found in findings {
        one(document, name, found, &mut text);
    }
    text
}

fn one(document: &Document, name: &str, found: &Diagnostic, text: &mut String) {
    let severity = match found.severity {
        Severity::Error => "error",
        Severity::Warning => "warning",
    };
    let message = found.message.lines().next().unwrap_or("");
    let _ = writeln!(text, "{severity}[{}]: {message}", found.code);
    let place = match &found.pointer {
        Some(pointer) if !pointer.is_empty() => format!(" ({pointer})"),
        _ => String::new(),
    };
    let position = document.position(found);
    match position {
        Some(at) => {
            let _ = writeln!(text, "  --> {name}:{}:{}{place}", at.line, at.column);
        }
        None => {
            let _ = writeln!(text, "  --> {name}{place}");
        }
    }
    if let Some(at) = position
        && let Some(line) = document.line(at.line)
    {
        let number = at.line.to_string();
        let margin = " ".repeat(number.len());
        // Far to the right only what is near the place is shown.
        let skipped = (at.column - 1).saturating_sub(LINE_LENGTH_MAX / 2);
        let shown: String = line.chars().skip(skipped).take(LINE_LENGTH_MAX).collect();
        let shown = shown.replace('\t', " ");
        let indent = " ".repeat(at.column - 1 - skipped);
        let length = at.length.min(LINE_LENGTH_MAX - indent.len());
        let _ = writeln!(text, " {margin} |");
        let _ = writeln!(text, " {number} | {shown}");
        let _ = writeln!(text, " {margin} | {indent}{}", "^".repeat(length.max(1)));
    }
    if let Some(help) = &found.help {
        let _ = writeln!(text, "  = {help}");
    }
    text.push('\n');
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Options, analyse};

    #[test]
    fn a_finding_is_shown_with_its_place() {
        let text = "{\"StartAt\": \"A\", \"States\": {\n  \"A\": {\"Type\": \"Pass\", \"Colour\": 1,\n    \"InputPath\": \"oops\", \"End\": true}}}";
        let document = Document::json(text);
        let shown = render(&document, "x.asl.json", &analyse(text, Options::default()));
        let expected = [
            "error[SCHEMA_VALIDATION_FAILED]: Field 'Colour' is not supported",
            "  --> x.asl.json:2:25 (/States/A/Colour)",
            "   |",
            " 2 |   \"A\": {\"Type\": \"Pass\", \"Colour\": 1,",
            "   |                         ^^^^^^^^^^^",
            "",
            "error[SCHEMA_VALIDATION_FAILED]: Value is not a valid JSONPath",
            "  --> x.asl.json:3:5 (/States/A/InputPath)",
            "   |",
            " 3 |     \"InputPath\": \"oops\", \"End\": true}}}",
            "   |     ^^^^^^^^^^^^^^^^^^^",
            "  = expected '$' but found 'o' at character 1",
            "",
        ];
        assert_eq!(shown.lines().collect::<Vec<_>>(), expected);
    }

    #[test]
    fn what_is_no_json_has_a_place_too() {
        let text = "{\"StartAt\": nonsense}";
        let shown = render(
            &Document::json(text),
            "x",
            &analyse(text, Options::default()),
        );
        assert!(shown.contains("  --> x:1:"), "{shown}");
        let Err(refused) = Document::yaml("a: [1") else {
            panic!("accepted")
        };
        let (document, found) = *refused;
        assert!(render(&document, "x", &[found]).starts_with("error[INVALID_YAML_DESCRIPTION]"));
    }
}
