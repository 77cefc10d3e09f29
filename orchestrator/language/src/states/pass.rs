//! Pass: passes its input, or `Result`, on.

use super::Draft;
use crate::program::StateKind;
use serde_json::Value;

pub(super) const FIELDS: &[&str] = &["Result", "ResultPath", "Parameters"];

pub(super) fn parse(draft: &mut Draft<'_, '_, '_>) -> Option<StateKind> {
    let result = draft.fields.get("Result").cloned();
    if let Some(Value::String(text)) = &result {
        if text.starts_with("$.") || text.starts_with("$$.") {
            let message = "'Result' is passed on as it is: to take the value from the input, use 'Parameters' or 'InputPath'";
            draft.compiler.findings.warning(
                "PASS_RESULT_IS_STATIC",
                &draft.fields.place.field("Result"),
                message.to_owned(),
            );
        }
    }
    Some(StateKind::Pass { result })
}
