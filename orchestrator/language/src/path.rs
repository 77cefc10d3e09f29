//! Paths into JSON values: AWS's dialect of JSONPath (Jayway's), and reference paths to write by.
//!
//! Owns: parsing and evaluation of `$...`, `$$...` (context object). Definite paths give one value and fail when it is
//! missing; indefinite ones give a list.

use crate::EvalError;
use serde_json::Value;

/// What a path is evaluated against.
#[derive(Clone, Copy, Debug)]
pub struct Scope<'a> {
    /// `$`
    pub input: &'a Value,
    /// `$$`
    pub context: &'a Value,
}

/// A parsed path (or intrinsic call, where ASL allows one).
#[derive(Clone, Debug, PartialEq)]
pub struct Path {}

/// A path that names exactly one place, to write to.
#[derive(Clone, Debug, PartialEq)]
pub struct ReferencePath {}

impl Path {
    /// Whether the path is `$`: the whole input, passed on unparsed.
    #[must_use]
    pub fn is_root(&self) -> bool {
        todo!()
    }

    /// The path's value.
    ///
    /// # Errors
    /// `States.Runtime` (or `States.ParameterPathFailure`, by place) when a definite path finds nothing.
    pub fn select(&self, _scope: Scope<'_>) -> Result<Value, EvalError> {
        todo!()
    }
}

impl ReferencePath {
    /// Whether the path is `$`: the result replaces the input.
    #[must_use]
    pub fn is_root(&self) -> bool {
        todo!()
    }

    /// Writes `result` into `input` at this place, making objects on the way.
    ///
    /// # Errors
    /// `States.ResultPathMatchFailure` when the place can't be made.
    pub fn insert(&self, _input: Value, _result: Value) -> Result<Value, EvalError> {
        todo!()
    }
}
