//! Choice rules: comparisons of values, combined by And, Or, Not.

use crate::EvalError;
use crate::path::Scope;

/// A parsed condition.
#[derive(Clone, Debug, PartialEq)]
pub struct Rule {}

impl Rule {
    /// Whether the condition holds.
    ///
    /// # Errors
    /// `States.Runtime` when a path of it finds nothing.
    pub fn matches(&self, _scope: Scope<'_>) -> Result<bool, EvalError> {
        todo!()
    }
}
