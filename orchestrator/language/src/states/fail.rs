//! Fail: ends its scope with an error.

use super::Draft;
use crate::fields::Role;
use crate::program::{Language, StateKind, TextSource};

pub(super) const FIELDS: &[&str] = &["Error", "Cause"];
pub(super) const PATHS: &[&str] = &["ErrorPath", "CausePath"];

pub(super) fn parse(draft: &mut Draft<'_, '_, '_>) -> Option<StateKind> {
    let error = source(draft, "Error", "ErrorPath");
    let cause = source(draft, "Cause", "CausePath");
    Some(StateKind::Fail { error, cause })
}

/// A text field or its `...Path` form, which may be an intrinsic call.
fn source(draft: &mut Draft<'_, '_, '_>, name: &str, path_name: &str) -> Option<TextSource> {
    let findings = &mut draft.compiler.findings;
    draft.fields.at_most_one(&[name, path_name], findings);
    if draft.language == Language::Jsonata && draft.fields.is_expression(name) {
        let expression = draft.fields.expression(name, Role::default(), findings);
        return expression.map(TextSource::Expression);
    }
    match draft.fields.text(name, findings) {
        Some(text) => Some(TextSource::Fixed(text.into())),
        None => draft
            .fields
            .path_or_call(path_name, findings)
            .map(TextSource::Path),
    }
}
