//! `baton validate`: findings about definitions, without any node.
//!
//! Owns: reading files, and how findings are printed. What is found is the language's.

use crate::cli::{Findings, ValidateArguments};
use crate::config::Error;
use baton_language::{Diagnostic, Document, Options, Severity, analyse, render};
use serde_json::json;
use std::io::{Read, Write};
use std::path::Path;
use std::process::ExitCode;

/// Checks all files; the code is 1 if one has an error.
///
/// # Errors
/// A file that can't be read.
pub fn run(arguments: &ValidateArguments) -> Result<ExitCode, Error> {
    let mut refused = false;
    let mut out = std::io::stdout().lock();
    for file in &arguments.files {
        let (document, found) = check(file, arguments)?;
        refused |= found.iter().any(|d| d.severity == Severity::Error);
        let name = file.display().to_string();
        let text = match arguments.output {
            Findings::Human if found.is_empty() => format!("{name}: no findings\n"),
            Findings::Human => render(&document, &name, &found),
            Findings::Json => found
                .iter()
                .map(|found| line(&document, &name, found))
                .collect(),
        };
        let written = out.write_all(text.as_bytes());
        written.map_err(|why| Error(format!("standard output: {why}")))?;
    }
    Ok(if refused {
        ExitCode::FAILURE
    } else {
        ExitCode::SUCCESS
    })
}

fn check(file: &Path, arguments: &ValidateArguments) -> Result<(Document, Vec<Diagnostic>), Error> {
    let text = read(file).map_err(|why| Error(format!("{}: {why}", file.display())))?;
    let is_yaml = file
        .extension()
        .is_some_and(|end| end == "yaml" || end == "yml");
    let document = if is_yaml {
        match Document::yaml(&text) {
            Ok(document) => document,
            Err(refused) => {
                let (document, found) = *refused;
                return Ok((document, vec![found]));
            }
        }
    } else {
        Document::json(&text)
    };
    let options = Options {
        express: arguments.express,
        strict: arguments.strict,
    };
    let found = analyse(document.as_json(), options);
    Ok((document, found))
}

fn read(file: &Path) -> std::io::Result<String> {
    if file == Path::new("-") {
        let mut text = String::new();
        std::io::stdin().read_to_string(&mut text)?;
        return Ok(text);
    }
    std::fs::read_to_string(file)
}

/// A finding as one line of JSON, with its file, line and column.
fn line(document: &Document, name: &str, found: &Diagnostic) -> String {
    let mut line = json!(found);
    line["file"] = name.into();
    if let Some(at) = document.position(found) {
        line["line"] = at.line.into();
        line["column"] = at.column.into();
    }
    format!("{line}\n")
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::Value;

    fn checked(name: &str, text: &str, strict: bool) -> (Document, Vec<Diagnostic>) {
        let directory = tempfile::tempdir().expect("a directory");
        let file = directory.path().join(name);
        std::fs::write(&file, text).expect("a file");
        let arguments = ValidateArguments {
            files: vec![file.clone()],
            strict,
            express: false,
            output: Findings::Json,
        };
        check(&file, &arguments)
            .map_err(|_| "refused")
            .expect("a readable file")
    }

    #[test]
    fn json_and_yaml_are_checked_alike() {
        let json = r#"{"StartAt": "A", "States": {"A": {"Type": "Pass", "Next": "B"}}}"#;
        let (document, found) = checked("a.json", json, false);
        assert_eq!(found.len(), 2, "{found:?}");
        let shown: Value =
            serde_json::from_str(&line(&document, "a.json", &found[0])).expect("JSON");
        assert_eq!(
            (&shown["line"], &shown["column"], &shown["file"]),
            (&json!(1), &json!(51), &json!("a.json"))
        );
        let yaml = "StartAt: A\nStates:\n  A:\n    Type: Pass\n    Next: B\n";
        let (document, found) = checked("a.yaml", yaml, false);
        assert_eq!(found.len(), 2, "{found:?}");
        assert_eq!(
            document.position(&found[0]).map(|at| (at.line, at.column)),
            Some((5, 5))
        );
        assert_eq!(
            checked("b.yml", "a: [", false).1[0].code,
            "INVALID_YAML_DESCRIPTION"
        );
    }

    #[test]
    fn strict_mode_refuses_our_own() {
        let text = r#"{"StartAt": "A", "States": {"A": {"Type": "Task", "Resource": "arn:aws:states:::baton:task.x", "End": true}}}"#;
        assert_eq!(checked("a.json", text, false).1, []);
        assert_eq!(checked("a.json", text, true).1.len(), 1);
    }
}
