//! Checking a definition: ValidateStateMachineDefinition, and the check before one is stored.

use super::error::{ApiError, ErrorCode};
use super::start::too_long;
use crate::limits;
use baton_language::{Diagnostic, Options, Program, Severity};

/// The type whose definitions may say less.
const EXPRESS: &str = "EXPRESS";

/// What a check found.
pub struct Validation {
    /// Findings in the order of the text, at most as many as asked for.
    pub diagnostics: Vec<Diagnostic>,
    /// Whether none of all findings is an error.
    pub ok: bool,
    /// Whether there were more.
    pub truncated: bool,
}

/// ValidateStateMachineDefinition: what AWS finds.
///
/// # Errors
/// ValidationException for a definition that is too large to look at.
pub fn validate(
    definition: &str,
    kind: &str,
    errors_only: bool,
    max: Option<usize>,
) -> Result<Validation, ApiError> {
    let found = match compile(definition, kind)? {
        Ok((_, warnings)) => warnings,
        Err(findings) => findings,
    };
    Ok(narrowed(found, errors_only, max))
}

/// The same, and what AWS doesn't look for; `strict` refuses what AWS doesn't know.
///
/// # Errors
/// As [`validate`].
pub fn analyse(
    definition: &str,
    kind: &str,
    strict: bool,
    errors_only: bool,
) -> Result<Validation, ApiError> {
    refuse_long(definition)?;
    let options = Options {
        express: kind == EXPRESS,
        strict,
    };
    let found = baton_language::analyse(definition, options);
    Ok(narrowed(found, errors_only, None))
}

fn narrowed(mut found: Vec<Diagnostic>, errors_only: bool, max: Option<usize>) -> Validation {
    let ok = found.iter().all(|d| d.severity != Severity::Error);
    if errors_only {
        found.retain(|d| d.severity == Severity::Error);
    }
    let max = max
        .filter(|max| *max > 0)
        .unwrap_or(limits::DIAGNOSTICS_MAX);
    let truncated = found.len() > max;
    found.truncate(max);
    Validation {
        diagnostics: found,
        ok,
        truncated,
    }
}

fn refuse_long(definition: &str) -> Result<(), ApiError> {
    if definition.len() > limits::DEFINITION_BYTES_MAX {
        return Err(too_long("definition", limits::DEFINITION_BYTES_MAX));
    }
    Ok(())
}

/// The program of a definition that is about to be stored.
///
/// # Errors
/// InvalidDefinition with all errors, worded as AWS words them.
pub fn checked(definition: &str, kind: &str) -> Result<Program, ApiError> {
    compile(definition, kind)?
        .map(|(program, _)| program)
        .map_err(|findings| {
            let errors = findings.iter().filter(|d| d.severity == Severity::Error);
            let words: Vec<String> = errors
                .map(|d| format!("{}: {} at {}", d.code, d.message, d.location))
                .collect();
            ApiError::new(
                ErrorCode::InvalidDefinition,
                format!("Invalid State Machine Definition: '{}'", words.join(", ")),
            )
        })
}

type Compiled = Result<(Program, Vec<Diagnostic>), Vec<Diagnostic>>;

fn compile(definition: &str, kind: &str) -> Result<Compiled, ApiError> {
    refuse_long(definition)?;
    Ok(if kind == EXPRESS {
        baton_language::compile_express(definition)
    } else {
        baton_language::compile(definition)
    })
}
