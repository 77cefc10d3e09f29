//! Findings about a definition while it is compiled, and the places they are about.
//!
//! Owns: how a place is written (AWS's `/States/Route/Choices[0]/Next`), the order of findings (that of the text) and
//! their bound.

use crate::limits;
use crate::{Diagnostic, Severity};
use serde_json::Value;
use std::fmt;

/// AWS's code of whatever has the wrong form.
const SCHEMA: &str = "SCHEMA_VALIDATION_FAILED";

/// A place in the definition: a chain from a value up to the root, free to make and written out only for a finding.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Place<'a> {
    parent: Option<&'a Place<'a>>,
    key: Key<'a>,
}

#[derive(Clone, Copy, Debug)]
enum Key<'a> {
    Root,
    Field(&'a str),
    Item(usize),
}

impl<'a> Place<'a> {
    /// The whole definition.
    pub fn root() -> Self {
        Self {
            parent: None,
            key: Key::Root,
        }
    }

    /// A field of the object at this place.
    pub fn field(&'a self, name: &'a str) -> Self {
        Self {
            parent: Some(self),
            key: Key::Field(name),
        }
    }

    /// An item of the array at this place.
    pub fn item(&'a self, index: usize) -> Self {
        Self {
            parent: Some(self),
            key: Key::Item(index),
        }
    }

    /// The place as a JSON Pointer (RFC 6901).
    pub fn pointer(&self) -> String {
        let mut pointer = match self.parent {
            Some(parent) => parent.pointer(),
            None => String::new(),
        };
        match self.key {
            Key::Root => {}
            Key::Field(name) => {
                pointer.push('/');
                pointer.push_str(&name.replace('~', "~0").replace('/', "~1"));
            }
            Key::Item(index) => pointer.push_str(&format!("/{index}")),
        }
        pointer
    }

    fn write(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(parent) = self.parent {
            parent.write(f)?;
        }
        match self.key {
            Key::Root => Ok(()),
            Key::Field(name) => write!(f, "/{name}"),
            Key::Item(index) => write!(f, "[{index}]"),
        }
    }

    /// Adds the positions that lead here from `root`, whose value is returned.
    fn positions<'v>(&self, root: &'v Value, positions: &mut Vec<usize>) -> Option<&'v Value> {
        let above = match self.parent {
            Some(parent) => parent.positions(root, positions)?,
            None => root,
        };
        let (position, value) = match self.key {
            Key::Root => return Some(above),
            Key::Field(name) => above
                .as_object()?
                .iter()
                .enumerate()
                .find(|(_, (key, _))| *key == name)
                .map(|(i, (_, v))| (i, v))?,
            Key::Item(index) => (index, above.as_array()?.get(index)?),
        };
        positions.push(position);
        Some(value)
    }
}

impl fmt::Display for Place<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.parent.is_none() {
            f.write_str("/")
        } else {
            self.write(f)
        }
    }
}

/// What was found so far.
#[derive(Debug)]
pub(crate) struct Findings<'v> {
    root: &'v Value,
    found: Vec<(Vec<usize>, Diagnostic)>,
    errors: usize,
    warnings: usize,
}

impl<'v> Findings<'v> {
    /// Nothing found yet in the definition `root`.
    pub fn new(root: &'v Value) -> Self {
        Self {
            root,
            found: Vec::new(),
            errors: 0,
            warnings: 0,
        }
    }

    /// An error about the form of what is at `place`.
    pub fn invalid(&mut self, place: &Place<'_>, message: String) {
        self.error(SCHEMA, place, message);
    }

    /// The same, with the reason beside AWS's words.
    pub fn invalid_because(&mut self, place: &Place<'_>, message: String, help: String) {
        self.refuse(place, place, SCHEMA, message, Some(help));
    }

    /// The same about something within `place`, which is as near as AWS's location comes.
    pub fn invalid_within(&mut self, place: &Place<'_>, near: &Place<'_>, message: String) {
        self.refuse(place, near, SCHEMA, message, None);
    }

    /// An error.
    pub fn error(&mut self, code: &'static str, place: &Place<'_>, message: String) {
        self.refuse(place, place, code, message, None);
    }

    /// An error at `place`, or nearer still at `near`, which AWS's location doesn't tell.
    pub fn refuse(
        &mut self,
        place: &Place<'_>,
        near: &Place<'_>,
        code: &'static str,
        message: String,
        help: Option<String>,
    ) {
        self.errors += 1;
        if self.errors <= limits::DIAGNOSTICS_MAX {
            self.push(
                place,
                Diagnostic {
                    severity: Severity::Error,
                    code,
                    message,
                    help,
                    location: place.to_string(),
                    pointer: Some(near.pointer()),
                },
            );
        }
    }

    /// A warning.
    pub fn warning(&mut self, code: &'static str, place: &Place<'_>, message: String) {
        self.warn(code, place, message, None);
    }

    /// A warning with what to do about it.
    pub fn warn(
        &mut self,
        code: &'static str,
        place: &Place<'_>,
        message: String,
        help: Option<String>,
    ) {
        self.warnings += 1;
        if self.warnings <= limits::DIAGNOSTICS_MAX {
            self.push(
                place,
                Diagnostic {
                    severity: Severity::Warning,
                    code,
                    message,
                    help,
                    location: place.to_string(),
                    pointer: Some(place.pointer()),
                },
            );
        }
    }

    /// An error about the definition as a whole: it has no location and comes last (as AWS has it).
    pub fn error_of_all(&mut self, code: &'static str, message: String) {
        self.errors += 1;
        self.found.push((
            vec![usize::MAX],
            Diagnostic {
                severity: Severity::Error,
                code,
                message,
                help: None,
                location: String::new(),
                pointer: Some(String::new()),
            },
        ));
    }

    /// Whether anything found keeps the definition from being stored.
    pub fn has_errors(&self) -> bool {
        self.errors > 0
    }

    /// Everything found, in the order of the text.
    pub fn into_sorted(mut self) -> Vec<Diagnostic> {
        self.found.sort_by(|(a, _), (b, _)| a.cmp(b));
        self.found
            .into_iter()
            .map(|(_, diagnostic)| diagnostic)
            .collect()
    }

    fn push(&mut self, place: &Place<'_>, diagnostic: Diagnostic) {
        let mut positions = Vec::new();
        place.positions(self.root, &mut positions);
        self.found.push((positions, diagnostic));
    }
}
