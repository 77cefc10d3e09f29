//! Parallel: runs its branches side by side.

use super::Draft;
use crate::parse::count_scope;
use crate::program::StateKind;

pub(super) const FIELDS: &[&str] = &["Branches"];

pub(super) fn parse(draft: &mut Draft<'_, '_, '_>) -> Option<StateKind> {
    let fields = draft.fields;
    fields.require(&["Branches"], &mut draft.compiler.findings);
    fields.list("Branches", &mut draft.compiler.findings)?;
    let list_place = fields.place.field("Branches");
    let mut first = draft.id.0 as usize + 1;
    let mut branches = Vec::new();
    for (i, branch) in draft.object.get("Branches")?.as_array()?.iter().enumerate() {
        let place = list_place.item(i);
        if branch.get("ProcessorConfig").is_some() {
            draft.compiler.findings.invalid(
                &place,
                "Field 'ProcessorConfig' is not supported".to_owned(),
            );
        }
        branches.extend(draft.compiler.nested_scope(
            branch,
            &place,
            first,
            draft.siblings.depth + 1,
        ));
        first += count_scope(branch);
    }
    Some(StateKind::Parallel { branches })
}
