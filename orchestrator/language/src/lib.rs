//! The Amazon States Language: text in, checked program out. PURE.
//!
//! Owns: parsing and checking of definitions, the typed [`Program`], paths, payload templates, choice rules, and the
//! diagnostics of what is wrong. Must not: know executions, events or time (those are `machine`), do I/O, read a
//! clock, use randomness or unordered maps.
//!
//! Way in: [`compile`]. Way out: a [`Program`] whose parts evaluate themselves against JSON values.

mod chance;
pub mod choice;
mod cursor;
mod definition;
pub mod diagnostic;
mod digest;
pub mod extract;
mod fields;
mod findings;
mod human;
mod intrinsic;
pub mod jsonata;
pub mod limits;
mod lint;
mod parse;
pub mod path;
pub mod program;
pub mod resource;
mod source;
mod states;
pub mod template;
mod timestamp;
mod transitions;
mod value;
pub mod vocabulary;
mod yaml;

pub use chance::Chance;
pub use diagnostic::{Diagnostic, Severity};
pub use human::render;
pub use lint::analyse;
pub use parse::{Options, compile, compile_express};
pub use program::Program;
pub use source::{Document, Position};
pub use timestamp::timestamp_ms;

use std::collections::BTreeMap;
use std::sync::Arc;

/// Why an expression could not be evaluated; becomes the state's error.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{error}: {cause}")]
pub struct EvalError {
    /// `States.*` error name.
    pub error: &'static str,
    /// Cause, worded as AWS words it.
    pub cause: String,
    /// The field that AWS names as the place of a JSONata error: `Output/result`.
    pub location: Option<Arc<str>>,
}

/// Variables by name (ASL, "Assign").
pub type Variables = BTreeMap<Arc<str>, serde_json::Value>;
