//! Search attributes: what a state machine declares, and what an execution's events give for it.
//!
//! Owns: which declarations are good, and the value that an event gives. A value depends on the declaration and the
//! event alone: the input of the start, or what a state assigned to the one variable that the attribute looks into. So
//! views that are folded again from the log have the same. Must not: fail an execution: what can't be evaluated, is of
//! another type or too long is left out.

use crate::limits::{ATTRIBUTE_NAME_LENGTH_MAX, ATTRIBUTE_TEXT_BYTES_MAX, ATTRIBUTES_MAX};
use crate::search::{AttributeValue, Finite};
use baton_language::extract::{Extract, Place};
use baton_schemas::history::{Assigned, Event, EventKind};
use baton_schemas::registry::{AttributeType, SearchAttribute};
use baton_schemas::time::parse_rfc3339;
use serde_json::Value;
use std::collections::BTreeMap;
use std::sync::Arc;

/// Names that mean something else in a search.
pub const RESERVED: [&str; 6] = ["and", "error", "machine", "name", "started", "status"];

/// The attributes of a machine's revision, ready to be evaluated.
#[derive(Clone, Debug, Default)]
pub struct Attributes(Vec<Compiled>);

#[derive(Clone, Debug)]
struct Compiled {
    name: Arc<str>,
    kind: AttributeType,
    extract: Extract,
}

/// The frame of the execution itself: variables of branches and iterations are theirs.
const OUTER: u32 = 0;

impl Attributes {
    /// Checks declarations.
    ///
    /// # Errors
    /// What is wrong with the first that can't be used, as a sentence.
    pub fn compile(declared: &BTreeMap<Arc<str>, SearchAttribute>) -> Result<Self, String> {
        if declared.len() > ATTRIBUTES_MAX {
            return Err(format!(
                "{} search attributes: a machine has at most {ATTRIBUTES_MAX}",
                declared.len()
            ));
        }
        let compile = |(name, attribute): (&Arc<str>, &SearchAttribute)| {
            check_name(name)?;
            let extract = Extract::parse(&attribute.value)
                .map_err(|why| format!("search attribute '{name}': {}: {why}", attribute.value))?;
            Ok(Compiled {
                name: name.clone(),
                kind: attribute.kind,
                extract,
            })
        };
        Ok(Self(
            declared
                .iter()
                .map(compile)
                .collect::<Result<_, String>>()?,
        ))
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Changes `values` by one event of the execution `arn`. Returns whether the event gives any attribute a value, or
    /// takes it.
    pub fn apply(
        &self,
        arn: &str,
        event: &Event,
        now_ms: i64,
        values: &mut BTreeMap<Arc<str>, AttributeValue>,
    ) -> bool {
        match &event.kind {
            EventKind::ExecutionStarted(_) => {
                let Some(input) = event.data.as_ref().filter(|_| !self.0.is_empty()) else {
                    return false;
                };
                let input = input.to_value();
                self.of(&Place::Input, &input, now_ms, (arn, event.id), values)
            }
            EventKind::StateExited {
                assigned: Some(assigned),
                ..
            } if event.frame == OUTER => self.assigned(arn, assigned, now_ms, event.id, values),
            _ => false,
        }
    }

    fn assigned(
        &self,
        arn: &str,
        assigned: &Assigned,
        now_ms: i64,
        id: u64,
        values: &mut BTreeMap<Arc<str>, AttributeValue>,
    ) -> bool {
        let mut changed = false;
        for (name, content) in assigned {
            let place = Place::Variable(name.clone());
            if self.0.iter().any(|one| *one.extract.place() == place) {
                let content = content.to_value();
                changed |= self.of(&place, &content, now_ms, (arn, id), values);
            }
        }
        changed
    }

    /// Evaluates all that look into `place`.
    fn of(
        &self,
        place: &Place,
        content: &Value,
        now_ms: i64,
        chance: (&str, u64),
        values: &mut BTreeMap<Arc<str>, AttributeValue>,
    ) -> bool {
        let mut changed = false;
        for one in self.0.iter().filter(|one| one.extract.place() == place) {
            let found = one.extract.evaluate(content, now_ms, chance);
            let value = found
                .ok()
                .flatten()
                .and_then(|value| typed(one.kind, &value));
            changed |= match value {
                Some(value) => values.insert(one.name.clone(), value.clone()) != Some(value),
                None => values.remove(&one.name).is_some(),
            };
        }
        changed
    }
}

/// The value as the declared type; `None` if it is of another or too long.
fn typed(kind: AttributeType, value: &Value) -> Option<AttributeValue> {
    match kind {
        AttributeType::String => {
            let text = value.as_str()?;
            (text.len() <= ATTRIBUTE_TEXT_BYTES_MAX).then(|| AttributeValue::Text(text.into()))
        }
        AttributeType::Number => Finite::new(value.as_f64()?).map(AttributeValue::Number),
        AttributeType::Boolean => value.as_bool().map(AttributeValue::Boolean),
        AttributeType::Time => parse_rfc3339(value.as_str()?).map(AttributeValue::Time),
    }
}

fn check_name(name: &str) -> Result<(), String> {
    let is_word = name.starts_with(|c: char| c.is_ascii_alphabetic())
        && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_');
    if !is_word || name.len() > ATTRIBUTE_NAME_LENGTH_MAX {
        return Err(format!(
            "search attribute '{name}': a name is a letter and letters, digits or '_' behind it, at most \
             {ATTRIBUTE_NAME_LENGTH_MAX}"
        ));
    }
    if RESERVED.contains(&name) {
        return Err(format!(
            "search attribute '{name}': every execution has that already; take another name"
        ));
    }
    Ok(())
}

#[cfg(test)]
mod tests;
