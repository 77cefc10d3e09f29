//! Choice: goes on by the first rule that matches.

use super::Draft;
use crate::choice::Rule;
use crate::fields::Fields;
use crate::program::{ChoiceBranch, StateKind};

pub(super) const FIELDS: &[&str] = &["Choices", "Default"];

pub(super) fn parse(draft: &mut Draft<'_, '_, '_>) -> Option<StateKind> {
    let fields = draft.fields;
    fields.require(&["Choices"], &mut draft.compiler.findings);
    let default = draft.target(fields, "Default");
    let choices = fields.list("Choices", &mut draft.compiler.findings)?;
    let list_place = fields.place.field("Choices");
    let mut rules = Vec::with_capacity(choices.len());
    for (i, choice) in choices.iter().enumerate() {
        let place = list_place.item(i);
        let Some(object) = choice.as_object() else {
            draft
                .compiler
                .findings
                .invalid(&place, "Expected value of type Object".to_owned());
            continue;
        };
        let rule_fields = Fields::new(object, &place);
        for name in ["Assign", "Output", "Condition"]
            .into_iter()
            .filter(|name| rule_fields.has(name))
        {
            draft.compiler.findings.invalid(
                &place.field(name),
                format!("The field '{name}' isn't supported yet"),
            );
        }
        rule_fields.text("Comment", &mut draft.compiler.findings);
        rule_fields.require(&["Next"], &mut draft.compiler.findings);
        let next = draft.target(rule_fields, "Next");
        let rule = if rule_fields.has("Condition") {
            None
        } else {
            Rule::parse(object, &place, &mut draft.compiler.findings)
        };
        if let (Some(rule), Some(next)) = (rule, next) {
            rules.push(ChoiceBranch { rule, next });
        }
    }
    Some(StateKind::Choice { rules, default })
}
