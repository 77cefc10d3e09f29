//! Payload templates: `Parameters`, `ResultSelector`, `ItemSelector`.

use crate::EvalError;
use crate::path::Scope;
use serde_json::Value;

/// A parsed payload template.
#[derive(Clone, Debug, PartialEq)]
pub struct Template {}

impl Template {
    /// Fills the template.
    ///
    /// # Errors
    /// `States.ParameterPathFailure` when a path of it finds nothing; `States.IntrinsicFailure`.
    pub fn render(&self, _scope: Scope<'_>) -> Result<Value, EvalError> {
        todo!()
    }
}
