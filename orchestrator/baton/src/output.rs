//! How commands show what they found: tables for people, JSON for programs.
//!
//! Owns: `--output`, columns, and whether there is colour. Data goes to standard output, everything else to standard error.

use crate::config::Error;
use clap::{Args, ValueEnum};
use serde_json::Value;
use std::io::{IsTerminal, Write};

/// What a shell sees of a program that SIGPIPE has ended: 128 and the signal's number.
const ENDED_BY_PIPE: i32 = 141;

/// What answers look like.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum Output {
    /// Columns for people.
    #[default]
    Table,
    /// One JSON document.
    Json,
    /// A JSON document on each line.
    Ndjson,
}

/// How an answer is shown.
#[derive(Clone, Debug, Args)]
pub struct Showing {
    /// What the answer looks like
    #[arg(long, value_enum, default_value_t, env = "BATON_OUTPUT")]
    pub output: Output,
}

/// A column: its heading, and the path of its field.
pub type Column = (&'static str, &'static str);

impl Showing {
    /// Prints a list; as a table with these columns.
    pub fn list(&self, items: &[Value], columns: &[Column]) {
        match self.output {
            Output::Json => println!("{:#}", Value::from(items.to_vec())),
            Output::Ndjson => items.iter().for_each(|item| println!("{item}")),
            Output::Table => print!("{}", table(items, columns, is_colourful())),
        }
    }

    /// Prints one thing; for people a line for each field, payloads below.
    pub fn one(&self, item: &Value) {
        match self.output {
            Output::Json => println!("{item:#}"),
            Output::Ndjson => println!("{item}"),
            Output::Table => print!("{}", fields(item, is_colourful())),
        }
    }
}

/// Ends the program in silence when nobody reads its output any more, as in `baton history .. | head -1`; what prints would
/// panic, since Rust has the signal for that ignored.
#[expect(
    clippy::disallowed_methods,
    reason = "a panic's hook can't return, and nobody reads what could still be flushed"
)]
pub fn end_with_the_reader() {
    let usual = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |panic| {
        let said = panic.payload().downcast_ref::<String>();
        if said.is_some_and(|said| said.starts_with("failed printing to stdout: Broken pipe")) {
            std::process::exit(ENDED_BY_PIPE);
        }
        usual(panic);
    }));
}

/// Asks for a yes on the terminal.
///
/// # Errors
/// `nobody` if there is no terminal, or why it can't be read.
pub fn confirmed(question: &str, nobody: &str) -> Result<bool, Error> {
    if !std::io::stdin().is_terminal() {
        return Err(Error(nobody.to_owned()));
    }
    eprint!("{question} [y/N] ");
    // A question that can't be shown can still be answered.
    let _ = std::io::stderr().flush();
    let mut answer = String::new();
    std::io::stdin()
        .read_line(&mut answer)
        .map_err(|e| Error(e.to_string()))?;
    Ok(["y", "yes"].contains(&answer.trim().to_lowercase().as_str()))
}

/// Whether standard output is a terminal that wants colour (<https://no-color.org>).
pub fn is_colourful() -> bool {
    let refused = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
    std::io::stdout().is_terminal() && !refused
}

/// The status in its colour.
pub fn status(text: &str, colourful: bool) -> String {
    let colour = match text {
        "SUCCEEDED" | "OK" | "ok" => 32,
        "FAILED" | "TIMED_OUT" | "FAIL" => 31,
        "ABORTED" => 33,
        "RUNNING" => 36,
        _ => return text.to_owned(),
    };
    match colourful {
        true => format!("\u{1b}[{colour}m{text}\u{1b}[0m"),
        false => text.to_owned(),
    }
}

fn table(items: &[Value], columns: &[Column], colourful: bool) -> String {
    let cells: Vec<Vec<String>> = items
        .iter()
        .map(|item| {
            columns
                .iter()
                .map(|(_, field)| cell(&item[*field]))
                .collect()
        })
        .collect();
    let widths: Vec<usize> = columns
        .iter()
        .enumerate()
        .map(|(at, (heading, _))| {
            let cells = cells.iter().map(|row| row[at].chars().count());
            cells.chain([heading.len()]).max().unwrap_or(0)
        })
        .collect();
    let mut out = String::new();
    let heading = columns.iter().zip(&widths);
    let heading: Vec<String> = heading
        .map(|((text, _), width)| format!("{text:0$}", *width))
        .collect();
    push_line(&mut out, &heading);
    for row in cells {
        let padded: Vec<String> = row
            .iter()
            .zip(&widths)
            .map(|(text, width)| {
                let blanks = " ".repeat(width - text.chars().count());
                format!("{}{blanks}", status(text, colourful))
            })
            .collect();
        push_line(&mut out, &padded);
    }
    out
}

fn push_line(out: &mut String, cells: &[String]) {
    out.push_str(cells.join("  ").trim_end());
    out.push('\n');
}

fn fields(item: &Value, colourful: bool) -> String {
    let Some(object) = item.as_object() else {
        return format!("{item:#}\n");
    };
    let width = object.keys().map(String::len).max().unwrap_or(0);
    let mut out = String::new();
    for (name, value) in object {
        let text = match value {
            Value::Object(_) | Value::Array(_) => {
                format!("{value:#}").replace('\n', &format!("\n{:width$}  ", ""))
            }
            other => status(&cell(other), colourful),
        };
        out.push_str(&format!("{name:width$}  {text}\n"));
    }
    out
}

fn cell(value: &Value) -> String {
    match value {
        Value::Null => "-".to_owned(),
        Value::String(text) => text.clone(),
        Value::Array(items) => items.iter().map(cell).collect::<Vec<_>>().join(", "),
        other => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn columns_are_as_wide_as_they_must_be() {
        let items = [json!({"a": "RUNNING", "b": 1}), json!({"a": "x"})];
        let shown = table(&items, &[("STATUS", "a"), ("N", "b")], false);
        assert_eq!(shown, "STATUS   N\nRUNNING  1\nx        -\n");
        assert!(table(&items, &[("S", "a")], true).contains("\u{1b}[36mRUNNING\u{1b}[0m\n"));
    }

    #[test]
    fn one_thing_has_a_line_for_each_field() {
        let shown = fields(&json!({"status": "FAILED", "in": {"a": 1}}), false);
        assert_eq!(
            shown,
            "status  FAILED\nin      {\n          \"a\": 1\n        }\n"
        );
    }
}
