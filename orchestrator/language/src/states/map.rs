//! Map: runs a processor for each item, inline or as child executions (distributed).
//!
//! Owns: what both modes share. What only the distributed mode has is in `map_distributed`.

use super::{Draft, map_distributed};
use crate::fields::{Fields, Role};
use crate::limits;
use crate::path::Path;
use crate::program::{Items, Language, Map, Percentage, SecondsSource, StateId, StateKind};
use serde_json::Value;

pub(super) const FIELDS: &[&str] = &[
    "ItemSelector",
    "ItemProcessor",
    "Iterator",
    "MaxConcurrency",
    "ToleratedFailureCount",
    "ToleratedFailurePercentage",
    "ItemReader",
    "ItemBatcher",
    "ResultWriter",
    "Label",
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
    let tolerated_failure_percentage = percentage(draft);
    let (processor, mode) = processor(draft);
    let distributed = map_distributed::parse(draft, mode);
    Some(StateKind::Map(Map {
        items: items?,
        item_selector,
        max_concurrency: max_concurrency.unwrap_or(SecondsSource::Fixed(0)),
        tolerated_failure_count,
        tolerated_failure_percentage,
        processor: processor?,
        distributed: distributed.map(Box::new),
    }))
}

/// `ToleratedFailurePercentage` or its `...Path` form: a number from 0 to 100, not only whole ones.
fn percentage(draft: &mut Draft<'_, '_, '_>) -> Option<Percentage> {
    const NAME: &str = "ToleratedFailurePercentage";
    const PATH: &str = "ToleratedFailurePercentagePath";
    let fields = draft.fields;
    let findings = &mut draft.compiler.findings;
    fields.at_most_one(&[NAME, PATH], findings);
    if draft.language == Language::Jsonata && fields.is_expression(NAME) {
        let expression = fields.expression(NAME, Role::default(), findings);
        return expression.map(Percentage::Expression);
    }
    let Some(value) = fields.get(NAME) else {
        return fields.path(PATH, findings).map(Percentage::Path);
    };
    let found = value.as_f64().filter(|n| (0.0..=100.0).contains(n));
    if found.is_none() {
        let message = format!("Expected a number from 0 to 100, found {value}");
        findings.invalid(&fields.place.field(NAME), message);
    }
    found.map(Percentage::Fixed)
}

/// What the processor's `ProcessorConfig` asks for.
pub(super) enum Mode {
    /// `INLINE`, or nothing.
    Inline,
    /// `DISTRIBUTED`.
    Distributed {
        /// `ExecutionType: EXPRESS`.
        express: bool,
    },
}

fn processor(draft: &mut Draft<'_, '_, '_>) -> (Option<StateId>, Mode) {
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
    let Some(scope) = draft.object.get(name) else {
        return (None, Mode::Inline);
    };
    let mode = mode(draft, scope, &place);
    let start = draft.compiler.nested_scope(
        scope,
        &place,
        draft.id.0 as usize + 1,
        draft.siblings.depth + 1,
    );
    (start, mode)
}

fn mode(draft: &mut Draft<'_, '_, '_>, scope: &Value, place: &crate::findings::Place<'_>) -> Mode {
    let is_express_machine = draft.compiler.is_express;
    let findings = &mut draft.compiler.findings;
    let Some(object) = scope.as_object() else {
        return Mode::Inline;
    };
    let Some(config) = Fields::new(object, place).object("ProcessorConfig", findings) else {
        return Mode::Inline;
    };
    let config_place = place.field("ProcessorConfig");
    let config = Fields::new(config, &config_place);
    config.refuse_unknown(&[&["Mode", "ExecutionType"]], findings);
    let mode_place = config.place.field("Mode");
    match config.text("Mode", findings) {
        Some("DISTRIBUTED") => {
            if is_express_machine {
                let message = "Express state machine does not support the mode 'DISTRIBUTED'";
                findings.invalid(&mode_place, message.to_owned());
            }
            config.require(&["ExecutionType"], findings);
            let kind = config.text("ExecutionType", findings);
            if let Some(kind) = kind
                && !["STANDARD", "EXPRESS"].contains(&kind)
            {
                let message =
                    format!("'{kind}' is not an execution type: use 'STANDARD' or 'EXPRESS'");
                findings.invalid(&config.place.field("ExecutionType"), message);
            }
            return Mode::Distributed {
                express: kind == Some("EXPRESS"),
            };
        }
        Some("INLINE") if config.has("ExecutionType") => {
            findings.invalid(
                config.place,
                "Field 'ExecutionType' is not supported for the mode 'INLINE'".to_owned(),
            );
        }
        Some("INLINE") | None => {}
        Some(mode) => findings.invalid(
            &mode_place,
            format!("'{mode}' is not a mode: use 'INLINE' or 'DISTRIBUTED'"),
        ),
    }
    Mode::Inline
}
