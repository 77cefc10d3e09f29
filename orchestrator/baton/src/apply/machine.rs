//! A machine as files want it, and what the server has of it.

use serde_json::{Value, json};

/// A machine that files define.
#[derive(Clone, Debug, PartialEq)]
pub struct Machine {
    /// Name.
    pub name: String,
    /// `STANDARD` or `EXPRESS`.
    pub kind: String,
    /// Role, if one is named.
    pub role: Option<String>,
    /// Tags for its creation: `{"key", "value"}`.
    pub tags: Vec<Value>,
    /// Definition.
    pub definition: Value,
}

/// What is to be done with a machine.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    /// It is not there.
    Create,
    /// It is there with another definition or role.
    Update,
    /// It is there as it should be.
    Keep,
}

impl Machine {
    /// What is to be done, if the server has `current`.
    ///
    /// # Errors
    /// When it can't be changed so.
    pub fn action(&self, current: Option<&Value>) -> Result<Action, String> {
        let Some(current) = current else {
            return Ok(Action::Create);
        };
        if current["type"] != self.kind.as_str() {
            return Err(format!(
                "{} is {} and can't become {}: delete it, or take another name",
                self.name, current["type"], self.kind
            ));
        }
        let same_role = self
            .role
            .as_ref()
            .is_none_or(|role| current["roleArn"] == role.as_str());
        Ok(
            match current["definition"] == self.definition && same_role {
                true => Action::Keep,
                false => Action::Update,
            },
        )
    }

    /// Body of the request that creates it.
    pub fn creation(&self) -> Value {
        let mut body = json!({"name": self.name, "type": self.kind, "definition": self.definition});
        if let Some(role) = &self.role {
            body["roleArn"] = role.as_str().into();
        }
        if !self.tags.is_empty() {
            body["tags"] = self.tags.clone().into();
        }
        body
    }

    /// Body of the request that updates it.
    pub fn update(&self) -> Value {
        let mut body = json!({"definition": self.definition});
        if let Some(role) = &self.role {
            body["roleArn"] = role.as_str().into();
        }
        body
    }
}

/// The lines of two definitions that differ, as `diff -u` shows them.
pub fn difference(current: Option<&Value>, wanted: &Value) -> String {
    let old = current
        .map(|current| format!("{:#}\n", current["definition"]))
        .unwrap_or_default();
    let new = format!("{wanted:#}\n");
    let diff = similar::TextDiff::from_lines(old.as_str(), new.as_str());
    diff.unified_diff().context_radius(2).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_the_same_is_left_alone() {
        let machine = Machine {
            name: "m".to_owned(),
            kind: "STANDARD".to_owned(),
            role: None,
            tags: Vec::new(),
            definition: json!({"StartAt": "A"}),
        };
        let current = |kind: &str, start: &str| json!({"type": kind, "roleArn": "r", "definition": {"StartAt": start}});
        assert_eq!(machine.action(None), Ok(Action::Create));
        assert_eq!(
            machine.action(Some(&current("STANDARD", "A"))),
            Ok(Action::Keep)
        );
        assert_eq!(
            machine.action(Some(&current("STANDARD", "B"))),
            Ok(Action::Update)
        );
        assert!(machine.action(Some(&current("EXPRESS", "A"))).is_err());
        let shown = difference(Some(&current("STANDARD", "B")), &machine.definition);
        assert!(
            shown.contains("-  \"StartAt\": \"B\"") && shown.contains("+  \"StartAt\": \"A\""),
            "{shown}"
        );
    }
}
