//! Pass: passes its input, or `Result`, on.

use super::Draft;
use crate::program::StateKind;
use serde_json::Value;

pub(super) const FIELDS: &[&str] = &["Result", "ResultPath", "Parameters", "Assign"];

pub(super) fn parse(draft: &mut Draft<'_, '_, '_>) -> Option<StateKind> {
    let result = draft.fields.get("Result").cloned();
    let text = result.as_ref().and_then(Value::as_str).unwrap_or_default();
    if text.starts_with("$.") || text.starts_with("$$.") {
        let message = "'Result' is passed on as it is; to take a value from the input, use 'Parameters' or 'InputPath'";
        let place = draft.fields.place.field("Result");
        draft
            .compiler
            .findings
            .warning("PASS_RESULT_IS_STATIC", &place, message.to_owned());
    }
    Some(StateKind::Pass { result })
}
