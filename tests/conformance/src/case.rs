//! One recorded case, read from its line.
//!
//! Owns: which files of a directory hold cases, the kinds of cases, and the names that stand for something the runner
//! makes itself (roles, activities). Must not: know how a case is run.

use serde_json::Value;
use std::path::{Path, PathBuf};

/// Region and account that the recordings were made in.
pub const REGION: &str = "us-east-1";
/// See [`REGION`].
pub const ACCOUNT: &str = "111111111111";
/// What bare names of roles stand for.
pub const ROLE: &str = "arn:aws:iam::111111111111:role/x";
/// What bare names of activities stand for.
const ACTIVITY: &str = "arn:aws:states:us-east-1:111111111111:activity:work";

/// A recorded case.
#[derive(Debug)]
pub struct Case {
    /// Its id, unique in a directory.
    pub id: String,
    /// `execution`, `test_state`, `validate`, `api`, ...
    pub kind: String,
    /// Row of the table.
    pub area: String,
    /// `interpreter`, `worker` or `service`; empty for kinds without tiers.
    pub tier: String,
    /// The whole case.
    pub json: Value,
    /// The case's own inputs as text: placeholders that occur here are ordinary text.
    pub literal: String,
}

/// All cases of a directory's `*.jsonl` files, files in the order of their names.
///
/// # Errors
/// What can't be read, in words.
pub fn load(directory: &Path) -> Result<Vec<Case>, String> {
    let listed =
        std::fs::read_dir(directory).map_err(|e| format!("{}: {e}", directory.display()))?;
    let mut files: Vec<PathBuf> = listed
        .filter_map(|entry| Some(entry.ok()?.path()))
        .collect();
    files.retain(|path| path.extension().is_some_and(|end| end == "jsonl"));
    files.sort();
    let mut cases = Vec::new();
    for file in files {
        let text =
            std::fs::read_to_string(&file).map_err(|e| format!("{}: {e}", file.display()))?;
        for (number, line) in text
            .lines()
            .enumerate()
            .filter(|(_, line)| !line.trim().is_empty())
        {
            let place = || format!("{} line {}", file.display(), number + 1);
            let json = serde_json::from_str(line).map_err(|e| format!("{}: {e}", place()))?;
            cases.push(Case::new(json));
        }
    }
    Ok(cases)
}

impl Case {
    /// Reads a case; what is missing is empty.
    #[must_use]
    pub fn new(mut json: Value) -> Self {
        let is_api = json["kind"] == "api";
        resolve_names(&mut json, is_api);
        let text = |key: &str| json[key].as_str().unwrap_or("").to_owned();
        let own = ["definition", "input", "args", "mock"];
        Self {
            id: text("id"),
            kind: text("kind"),
            area: text("area"),
            tier: text("tier"),
            literal: own.iter().map(|key| json[key].to_string()).collect(),
            json,
        }
    }

    /// The definition as text.
    #[must_use]
    pub fn definition(&self) -> String {
        match &self.json["definition"] {
            Value::String(text) => text.clone(),
            other => other.to_string(),
        }
    }

    /// Whether the case is marked with this need.
    #[must_use]
    pub fn has_need(&self, need: &str) -> bool {
        self.list("needs").iter().any(|found| found == need)
    }

    /// The recorded events, if there are any.
    #[must_use]
    pub fn history(&self) -> Option<&Vec<Value>> {
        self.json["expect"].get("history")?.as_array()
    }

    /// An array of the case; empty if it has none.
    #[must_use]
    pub fn list(&self, key: &str) -> &[Value] {
        self.json[key].as_array().map_or(&[], Vec::as_slice)
    }

    /// Whether the recording holds all that the outside world must do.
    #[must_use]
    pub fn is_replayable(&self) -> bool {
        self.tier == "interpreter" || self.json["replayable_tasks"] == Value::Bool(true)
    }
}

/// Puts real names where the recordings have bare placeholders of roles and activities. In sequences of calls one role is
/// told from another, and an activity's ARN and dates are what answers say.
fn resolve_names(value: &mut Value, is_api: bool) {
    match value {
        Value::String(text) => {
            let role = ["snf_role_arn", "sfn_role_arn"]
                .iter()
                .find_map(|name| text.strip_prefix(name));
            if let Some(rest) = role {
                *text = format!("{ROLE}{}", if is_api { rest } else { "" });
            } else if text.starts_with("activity_arn") {
                *text = if is_api {
                    format!("<{text}>")
                } else {
                    ACTIVITY.to_owned()
                };
            } else if is_api && text == "creation-date" {
                *text = format!("<{text}>");
            }
        }
        Value::Array(items) => items
            .iter_mut()
            .for_each(|item| resolve_names(item, is_api)),
        Value::Object(fields) => fields
            .values_mut()
            .for_each(|field| resolve_names(field, is_api)),
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn bare_names_become_arns() {
        let case = Case::new(
            json!({"id": "a", "definition": {"Resource": "activity_arn"},
            "expect": {"roleArn": "snf_role_arn_1", "kept": "the activity_arn"}}),
        );
        assert_eq!(case.json["definition"]["Resource"], ACTIVITY);
        assert_eq!(
            case.json["expect"],
            json!({"roleArn": ROLE, "kept": "the activity_arn"})
        );
    }
}
