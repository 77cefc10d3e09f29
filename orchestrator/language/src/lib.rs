//! The Amazon States Language: text in, checked program out. PURE.
//!
//! Owns: parsing and checking of definitions, the typed [`Program`], paths, payload templates, choice rules, and the
//! diagnostics of what is wrong. Must not: know executions, events or time (those are `machine`), do I/O, read a
//! clock, use randomness or unordered maps.
//!
//! Way in: [`compile`]. Way out: a [`Program`] whose parts evaluate themselves against JSON values.

pub mod choice;
pub mod diagnostic;
pub mod limits;
mod parse;
pub mod path;
pub mod program;
pub mod resource;
pub mod template;

pub use diagnostic::{Diagnostic, Severity};
pub use parse::compile;
pub use program::Program;

/// Why an expression could not be evaluated; becomes the state's error.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{error}: {cause}")]
pub struct EvalError {
    /// `States.*` error name.
    pub error: &'static str,
    /// Cause, worded as AWS words it.
    pub cause: String,
}
