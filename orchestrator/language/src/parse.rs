//! From text to program.

use crate::{Diagnostic, Program};

/// Compiles a definition.
///
/// # Errors
/// All findings at once, in the order of the text; at least one of them an error.
pub fn compile(_definition: &str) -> Result<(Program, Vec<Diagnostic>), Vec<Diagnostic>> {
    todo!()
}
