//! Map, inline: runs a processor for each item. The distributed mode is refused.

use super::Draft;
use crate::fields::{Fields, Role};
use crate::limits;
use crate::path::Path;
use crate::program::{Items, Language, Map, SecondsSource, StateId, StateKind};

pub(super) const FIELDS: &[&str] = &[
    "ItemSelector",
    "ItemProcessor",
    "Iterator",
    "MaxConcurrency",
    "ToleratedFailureCount",
    "ToleratedFailurePercentage",
];
pub(super) const PATHS: &[&str] = &[
    "ItemsPath",
    "MaxConcurrencyPath",
    "ToleratedFailureCountPath",
    "ToleratedFailurePercentagePath",
];

pub(super) fn parse(draft: &mut Draft<'_, '_, '_>) -> Option<StateKind> {
    let fields = draft.fields;
    let findings = &mut draft.compiler.findings;
    fields.at_most_one(&["ItemSelector", "Parameters"], findings);
    let selector = if fields.has("ItemSelector") {
        "ItemSelector"
    } else {
        "Parameters"
    };
    let items = match (draft.language, fields.has("ItemsPath")) {
        (Language::Jsonata, _) if !fields.has("Items") => Some(Items::Input),
        (Language::Jsonata, _) => fields
            .form("Items", Role::default(), findings)
            .map(Items::Form),
        (Language::JsonPath, true) => fields.path("ItemsPath", findings).map(Items::Path),
        (Language::JsonPath, false) => Some(Items::Path(Path::root())),
    };
    let item_selector = draft.recipe(fields, selector, Role::default());
    let max_concurrency = draft.number(
        "MaxConcurrency",
        "MaxConcurrencyPath",
        0..=limits::MAX_CONCURRENCY_MAX,
    );
    let tolerated_failure_count = draft.number(
        "ToleratedFailureCount",
        "ToleratedFailureCountPath",
        0..=u64::MAX,
    );
    let tolerated_failure_percentage = draft.number(
        "ToleratedFailurePercentage",
        "ToleratedFailurePercentagePath",
        0..=100,
    );
    let processor = processor(draft)?;
    Some(StateKind::Map(Map {
        items: items?,
        item_selector,
        max_concurrency: max_concurrency.unwrap_or(SecondsSource::Fixed(0)),
        tolerated_failure_count,
        tolerated_failure_percentage,
        processor,
    }))
}

fn processor(draft: &mut Draft<'_, '_, '_>) -> Option<StateId> {
    let fields = draft.fields;
    let findings = &mut draft.compiler.findings;
    fields.at_most_one(&["ItemProcessor", "Iterator"], findings);
    let name = if fields.has("Iterator") {
        "Iterator"
    } else {
        "ItemProcessor"
    };
    fields.require(&[name], findings);
    let place = fields.place.field(name);
    let scope = draft.object.get(name)?;
    if let Some(scope) = scope.as_object() {
        let scope_fields = Fields::new(scope, &place);
        if let Some(config) = scope_fields.object("ProcessorConfig", findings) {
            let config_place = place.field("ProcessorConfig");
            check_config(Fields::new(config, &config_place), draft);
        }
    }
    draft.compiler.nested_scope(
        scope,
        &place,
        draft.id.0 as usize + 1,
        draft.siblings.depth + 1,
    )
}

fn check_config(config: Fields<'_>, draft: &mut Draft<'_, '_, '_>) {
    let findings = &mut draft.compiler.findings;
    config.refuse_unknown(&[&["Mode", "ExecutionType"]], findings);
    let place = config.place.field("Mode");
    match config.text("Mode", findings) {
        Some("DISTRIBUTED") => findings.invalid(
            &place,
            "The mode 'DISTRIBUTED' isn't supported yet: use 'INLINE'".to_owned(),
        ),
        Some("INLINE") if config.has("ExecutionType") => {
            findings.invalid(
                config.place,
                "Field 'ExecutionType' is not supported for the mode 'INLINE'".to_owned(),
            );
        }
        Some("INLINE") | None => {}
        Some(mode) => findings.invalid(&place, format!("'{mode}' is not a mode: use 'INLINE'")),
    }
}
