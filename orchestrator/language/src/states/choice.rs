//! Choice: goes on by the first rule that matches.

use super::{Draft, only_for};
use crate::choice::Rule;
use crate::fields::{Fields, Role};
use crate::program::{ChoiceBranch, Condition, Language, StateKind};
use crate::value::expected_type;

pub(super) const FIELDS: &[&str] = &["Choices", "Default"];
pub(crate) const RULE_FIELDS: &[&str] = &["Condition", "Next", "Comment", "Assign", "Output"];

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
                .invalid(&place, expected_type("OBJECT"));
            continue;
        };
        let rule_fields = Fields::new(object, &place);
        rule_fields.text("Comment", &mut draft.compiler.findings);
        rule_fields.require(&["Next"], &mut draft.compiler.findings);
        let next = draft.target(rule_fields, "Next");
        let role = Role {
            within: Some(("Choices", i)),
            in_catcher: false,
        };
        let condition = condition(draft, rule_fields, role);
        let assign = draft.assign(rule_fields, role);
        let output = draft.output(rule_fields, role);
        if let (Some(condition), Some(next)) = (condition, next) {
            rules.push(ChoiceBranch {
                condition,
                next,
                assign,
                output,
            });
        }
    }
    Some(StateKind::Choice { rules, default })
}

fn condition(draft: &mut Draft<'_, '_, '_>, rule: Fields<'_>, role: Role<'_>) -> Option<Condition> {
    let findings = &mut draft.compiler.findings;
    if draft.language == Language::JsonPath {
        for name in ["Condition", "Output"] {
            if rule.has(name) {
                let message = only_for(Language::JsonPath, name);
                findings.invalid(rule.place, message);
            }
        }
        return Rule::parse(rule.object, rule.place, findings).map(Condition::Rule);
    }
    rule.refuse_unknown(&[RULE_FIELDS], findings);
    rule.require(&["Condition"], findings);
    let condition = rule.expression("Condition", role, findings);
    if rule.has("Condition") && !rule.is_expression("Condition") {
        let message = "Expected a JSONata expression, such as '{% $states.input.a = 1 %}'";
        findings.invalid(&rule.place.field("Condition"), message.to_owned());
    }
    condition.map(Condition::Expression)
}
