//! Typed access to the fields of one object of a definition; what is wrong goes to the findings.

use crate::findings::{Findings, Place};
use crate::jsonata::{Expression, Form};
use crate::path::{Path, ReferencePath};
use crate::template::{Key, Located, Template};
use crate::value::{expected_type, integer, kind};
use serde_json::{Map, Value};
use std::ops::RangeInclusive;

/// Where in a state an expression stands: how AWS names its field, and what it may read.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Role<'a> {
    /// The list and number of the rule or catcher that the field is in: `Choices[1]`.
    pub within: Option<(&'a str, usize)>,
    /// Whether it is a catcher's, which alone has `$states.errorOutput`.
    pub in_catcher: bool,
}

impl Role<'_> {
    /// AWS's name of the field: `Output`, `Choices[1]/Output`.
    fn field(&self, name: &str) -> String {
        match self.within {
            Some((list, index)) => format!("{list}[{index}]/{name}"),
            None => name.to_owned(),
        }
    }
}

/// An object of the definition and where it is.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Fields<'a> {
    /// The object.
    pub object: &'a Map<String, Value>,
    /// Where it is.
    pub place: &'a Place<'a>,
}

impl<'a> Fields<'a> {
    /// Access to the fields of `object` at `place`.
    pub fn new(object: &'a Map<String, Value>, place: &'a Place<'a>) -> Self {
        Self { object, place }
    }

    /// A field as it is.
    pub fn get(&self, name: &str) -> Option<&'a Value> {
        self.object.get(name)
    }

    /// Whether the field is there.
    pub fn has(&self, name: &str) -> bool {
        self.object.contains_key(name)
    }

    /// Says which of `names` are missing, in one finding as AWS does.
    pub fn require(&self, names: &[&str], findings: &mut Findings<'_>) -> bool {
        let missing: Vec<_> = names
            .iter()
            .copied()
            .filter(|name| !self.has(name))
            .collect();
        if !missing.is_empty() {
            findings.invalid(
                self.place,
                format!("These fields are required: [{}]", missing.join(", ")),
            );
        }
        missing.is_empty()
    }

    /// Refuses fields whose name is not in `known`.
    pub fn refuse_unknown(&self, known: &[&[&str]], findings: &mut Findings<'_>) {
        for name in self.object.keys() {
            if !known.iter().any(|names| names.contains(&name.as_str())) {
                let message = format!("Field '{name}' is not supported");
                findings.invalid_within(self.place, &self.place.field(name), message);
            }
        }
    }

    /// Refuses fields that exclude each other.
    pub fn at_most_one(&self, names: &[&str], findings: &mut Findings<'_>) {
        let found: Vec<_> = names
            .iter()
            .copied()
            .filter(|name| self.has(name))
            .collect();
        if found.len() > 1 {
            findings.invalid(
                self.place,
                format!(
                    "Only one of these fields can be used: [{}]",
                    found.join(", ")
                ),
            );
        }
    }

    /// A string field.
    pub fn text(&self, name: &str, findings: &mut Findings<'_>) -> Option<&'a str> {
        let value = self.get(name)?;
        let text = value.as_str();
        if text.is_none() {
            self.wrong_type(name, "STRING", value, findings);
        }
        text
    }

    /// A boolean field.
    pub fn flag(&self, name: &str, findings: &mut Findings<'_>) -> Option<bool> {
        let value = self.get(name)?;
        let flag = value.as_bool();
        if flag.is_none() {
            self.wrong_type(name, "BOOLEAN", value, findings);
        }
        flag
    }

    /// A whole number within a range.
    pub fn integer(
        &self,
        name: &str,
        range: RangeInclusive<u64>,
        findings: &mut Findings<'_>,
    ) -> Option<u64> {
        let value = self.get(name)?;
        let found = value
            .as_number()
            .and_then(integer)
            .and_then(|n| u64::try_from(n).ok())
            .filter(|n| range.contains(n));
        if found.is_none() {
            let message = format!(
                "Expected an integer from {} to {}, found {value}",
                range.start(),
                range.end()
            );
            findings.invalid(&self.place.field(name), message);
        }
        found
    }

    /// An array field with at least one item.
    pub fn list(&self, name: &str, findings: &mut Findings<'_>) -> Option<&'a [Value]> {
        let value = self.get(name)?;
        let Some(list) = value.as_array() else {
            self.wrong_type(name, "ARRAY", value, findings);
            return None;
        };
        if list.is_empty() {
            findings.invalid(&self.place.field(name), "Value cannot be empty".to_owned());
        }
        (!list.is_empty()).then_some(list)
    }

    /// An object field.
    pub fn object(
        &self,
        name: &str,
        findings: &mut Findings<'_>,
    ) -> Option<&'a Map<String, Value>> {
        let value = self.get(name)?;
        let object = value.as_object();
        if object.is_none() {
            self.wrong_type(name, "OBJECT", value, findings);
        }
        object
    }

    /// A path field.
    pub fn path(&self, name: &str, findings: &mut Findings<'_>) -> Option<Path> {
        let text = self.text(name, findings)?;
        Path::parse(text)
            .map_err(|why| self.wrong_path(name, &why, findings))
            .ok()
    }

    /// A path field that may be an intrinsic call instead.
    pub fn path_or_call(&self, name: &str, findings: &mut Findings<'_>) -> Option<Path> {
        let text = self.text(name, findings)?;
        Path::parse_or_call(text)
            .map_err(|why| self.wrong_path(name, &why, findings))
            .ok()
    }

    /// A path field that must be there.
    pub fn required_path(&self, name: &str, findings: &mut Findings<'_>) -> Option<Path> {
        if self.require(&[name], findings) {
            self.path(name, findings)
        } else {
            None
        }
    }

    /// A path field where `null` means none and nothing means `$`.
    pub fn path_or_null(&self, name: &str, findings: &mut Findings<'_>) -> Option<Path> {
        match self.get(name) {
            None => Some(Path::root()),
            Some(Value::Null) => None,
            Some(_) => self.path(name, findings),
        }
    }

    /// A reference path field where `null` means none and nothing means `$`.
    pub fn reference_or_null(
        &self,
        name: &str,
        findings: &mut Findings<'_>,
    ) -> Option<ReferencePath> {
        match self.get(name) {
            None => Some(ReferencePath::root()),
            Some(Value::Null) => None,
            Some(_) => {
                let text = self.text(name, findings)?;
                let refused = |why: String| {
                    let place = self.place.field(name);
                    let message = "Value is not a valid reference path".to_owned();
                    findings.invalid_because(&place, message, why);
                };
                ReferencePath::parse(text).map_err(refused).ok()
            }
        }
    }

    /// A payload template. AWS locates what is wrong with it at the field itself.
    pub fn template(&self, name: &str, findings: &mut Findings<'_>) -> Option<Template> {
        let errors = match Template::parse(self.get(name)?) {
            Ok(template) => return Some(template),
            Err(errors) => errors,
        };
        let place = self.place.field(name);
        for error in errors {
            nearest(&place, &error.trail, &mut |near| {
                let (message, help) = (error.fault.message.clone(), Some(error.fault.help.clone()));
                findings.refuse(&place, near, "SCHEMA_VALIDATION_FAILED", message, help);
            });
        }
        None
    }

    /// JSON whose strings may be JSONata expressions. `catcher`: whether `$states.errorOutput` is there.
    pub fn form(&self, name: &str, role: Role<'_>, findings: &mut Findings<'_>) -> Option<Form> {
        let errors = match Form::parse(self.get(name)?, &role.field(name), role.in_catcher) {
            Ok(form) => return Some(form),
            Err(errors) => errors,
        };
        let place = self.place.field(name);
        for Located { trail, fault } in errors {
            nearest(&place, &trail, &mut |near| {
                findings.refuse(near, near, fault.code, fault.message.clone(), None);
            });
        }
        None
    }

    /// The JSONata expression that the field is; `None` if it is anything else.
    pub fn expression(
        &self,
        name: &str,
        role: Role<'_>,
        findings: &mut Findings<'_>,
    ) -> Option<Expression> {
        let text = Expression::text_within(self.get(name)?.as_str()?)?;
        let parsed = Expression::parse(text, &role.field(name), role.in_catcher);
        parsed
            .map_err(|faults| {
                let place = self.place.field(name);
                for fault in faults {
                    findings.error(fault.code, &place, fault.message);
                }
            })
            .ok()
    }

    /// Whether the field is written as a JSONata expression.
    pub fn is_expression(&self, name: &str) -> bool {
        let text = self.get(name).and_then(Value::as_str);
        text.and_then(Expression::text_within).is_some()
    }

    fn wrong_type(&self, name: &str, wanted: &str, found: &Value, findings: &mut Findings<'_>) {
        let place = self.place.field(name);
        findings.invalid_because(
            &place,
            expected_type(wanted),
            format!("this is of type {}", kind(found)),
        );
    }

    fn wrong_path(&self, name: &str, why: &str, findings: &mut Findings<'_>) {
        let place = self.place.field(name);
        findings.invalid_because(
            &place,
            "Value is not a valid JSONPath".to_owned(),
            why.to_owned(),
        );
    }
}

/// Calls `found` with the place at the end of `trail`, which begins at `place`.
fn nearest(place: &Place<'_>, trail: &[Key], found: &mut dyn FnMut(&Place<'_>)) {
    match trail {
        [] => found(place),
        [Key::Field(name), rest @ ..] => nearest(&place.field(name), rest, found),
        [Key::Item(index), rest @ ..] => nearest(&place.item(*index), rest, found),
    }
}
