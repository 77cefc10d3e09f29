//! The eight types of state, one file each: which fields a type has and what they mean.
//!
//! Owns: the fields that several types share (paths, templates, `Next` and `End`) and the refusal of those that aren't
//! supported yet. Fields of each type follow AWS's table of states and fields (Amazon States Language, JSONPath).

mod choice;
mod errors;
mod fail;
mod map;
mod parallel;
mod pass;
mod succeed;
mod task;
mod wait;

use crate::fields::Fields;
use crate::parse::{Compiler, Siblings};
use crate::path::ReferencePath;
use crate::program::{SecondsSource, State, StateId, StateKind};
use serde_json::Value;

/// Fields of every state.
const COMMON: &[&str] = &["Type", "Comment", "QueryLanguage"];
/// Fields of all but Fail.
const PATHS: &[&str] = &["InputPath", "OutputPath"];
/// Fields of all that go on by themselves.
const NEXT: &[&str] = &["Next", "End"];
/// Fields of all with a result that is made, not only passed on.
const RESULT: &[&str] = &[
    "Parameters",
    "ResultSelector",
    "ResultPath",
    "Retry",
    "Catch",
];
/// Fields that exist for JSONata alone.
const JSONATA_ONLY: &[&str] = &["Arguments", "Output", "Items", "Condition"];
/// Fields of ASL that aren't supported yet, in any type of state.
const REFUSED: &[&str] = &[
    "Assign",
    "Credentials",
    "ItemReader",
    "ItemBatcher",
    "ResultWriter",
    "Label",
    "ToleratedFailureExpression",
];

/// A state under construction, as its type's file sees it.
pub(crate) struct Draft<'c, 'v, 'p> {
    /// The compiler.
    pub compiler: &'c mut Compiler<'v>,
    /// The state's fields.
    pub fields: Fields<'p>,
    /// The same object, for as long as the definition lives.
    pub object: &'v serde_json::Map<String, Value>,
    /// Its number.
    pub id: StateId,
    /// The scope around it.
    pub siblings: &'c Siblings<'v>,
}

/// A type of state: its own fields, and how they are read.
struct StateType {
    /// Lists of fields beside [`COMMON`].
    fields: &'static [&'static [&'static str]],
    /// Reads what the state does; `None` after reporting why that can't be read.
    parse: fn(&mut Draft<'_, '_, '_>) -> Option<StateKind>,
}

fn state_type(name: &str) -> Option<StateType> {
    Some(match name {
        "Pass" => StateType {
            fields: &[PATHS, NEXT, pass::FIELDS],
            parse: pass::parse,
        },
        "Task" => StateType {
            fields: &[PATHS, NEXT, RESULT, task::FIELDS],
            parse: task::parse,
        },
        "Choice" => StateType {
            fields: &[PATHS, choice::FIELDS],
            parse: choice::parse,
        },
        "Wait" => StateType {
            fields: &[PATHS, NEXT, wait::FIELDS],
            parse: wait::parse,
        },
        "Succeed" => StateType {
            fields: &[PATHS],
            parse: succeed::parse,
        },
        "Fail" => StateType {
            fields: &[fail::FIELDS],
            parse: fail::parse,
        },
        "Parallel" => StateType {
            fields: &[PATHS, NEXT, RESULT, parallel::FIELDS],
            parse: parallel::parse,
        },
        "Map" => StateType {
            fields: &[PATHS, NEXT, RESULT, map::FIELDS],
            parse: map::parse,
        },
        _ => return None,
    })
}

/// Reads a state; `None` after reporting why it can't be read.
pub(crate) fn parse<'v>(
    compiler: &mut Compiler<'v>,
    name: &str,
    object: &'v serde_json::Map<String, Value>,
    fields: Fields<'_>,
    id: StateId,
    siblings: &Siblings<'v>,
) -> Option<State> {
    fields.text("Comment", &mut compiler.findings);
    if !fields.require(&["Type"], &mut compiler.findings) {
        return None;
    }
    let type_name = fields.text("Type", &mut compiler.findings)?;
    let Some(state_type) = state_type(type_name) else {
        let message = format!(
            "'{type_name}' is not a type of state: use Task, Pass, Choice, Wait, Succeed, Fail, Parallel or Map"
        );
        compiler
            .findings
            .invalid(&fields.place.field("Type"), message);
        return None;
    };
    refuse_fields(compiler, fields, &state_type);
    let mut draft = Draft {
        compiler,
        fields,
        object,
        id,
        siblings,
    };
    let kind = (state_type.parse)(&mut draft);
    let state = draft.common(name, kind, state_type.fields.contains(&NEXT));
    if let Some(state) = &state {
        compiler.reads_context |= reads_context(state);
    }
    state
}

/// The scopes within a state: Parallel branches and Map processors.
pub(crate) fn nested_scopes(state: &Value) -> impl Iterator<Item = &Value> {
    let branches = state
        .get("Branches")
        .and_then(Value::as_array)
        .into_iter()
        .flatten();
    let processors = ["ItemProcessor", "Iterator"]
        .into_iter()
        .filter_map(|name| state.get(name));
    branches.chain(processors)
}

fn refuse_fields(compiler: &mut Compiler<'_>, fields: Fields<'_>, state_type: &StateType) {
    for name in fields.object.keys().map(String::as_str) {
        let is_known =
            COMMON.contains(&name) || state_type.fields.iter().any(|list| list.contains(&name));
        if is_known {
            continue;
        }
        if REFUSED.contains(&name) {
            let message = format!("The field '{name}' isn't supported yet");
            compiler
                .findings
                .invalid(&fields.place.field(name), message);
        } else if JSONATA_ONLY.contains(&name) {
            let message = format!(
                "The QueryLanguage is set to 'JSONPath', but field '{name}' is only supported for the 'JSONata' QueryLanguage"
            );
            compiler.findings.invalid(fields.place, message);
        } else {
            compiler
                .findings
                .invalid(fields.place, format!("Field '{name}' is not supported"));
        }
    }
}

impl Draft<'_, '_, '_> {
    /// Reads the shared fields around what the state does.
    fn common(&mut self, name: &str, kind: Option<StateKind>, goes_on: bool) -> Option<State> {
        let fields = self.fields;
        let findings = &mut self.compiler.findings;
        let input_path = fields.path_or_null("InputPath", findings);
        let output_path = fields.path_or_null("OutputPath", findings);
        let result_path = fields.reference_or_null("ResultPath", findings);
        // A Map's Parameters are its ItemSelector's older name and are read there.
        let is_map = matches!(kind, Some(StateKind::Map(_)));
        let parameters = if is_map {
            None
        } else {
            fields.template("Parameters", findings)
        };
        let result_selector = fields.template("ResultSelector", findings);
        let next = if goes_on { self.next() } else { None };
        let (retry, catch) = (self.retriers(), self.catchers());
        let kind = kind?;
        Some(State {
            name: name.into(),
            kind,
            input_path,
            output_path,
            parameters,
            result_selector,
            result_path,
            next,
            retry,
            catch,
        })
    }

    /// `Next` or `End`: exactly one.
    fn next(&mut self) -> Option<StateId> {
        let findings = &mut self.compiler.findings;
        let next = self.fields.text("Next", findings);
        let end = self.fields.flag("End", findings);
        match (self.fields.has("Next"), self.fields.has("End")) {
            (true, true) => {
                let message = "Only one of these fields can be used: [Next, End]".to_owned();
                findings.invalid(self.fields.place, message);
            }
            (false, _) if end != Some(true) => {
                let message =
                    "One of these fields is required: [Next, End]; End must be true".to_owned();
                findings.invalid(self.fields.place, message);
            }
            _ => {}
        }
        self.siblings.id(next?)
    }

    /// The id of the state that a string field names; a name that isn't there is reported by `transitions`.
    fn target(&mut self, fields: Fields<'_>, name: &str) -> Option<StateId> {
        self.siblings
            .id(fields.text(name, &mut self.compiler.findings)?)
    }

    /// A number field or its `...Path` form.
    fn number(
        &mut self,
        name: &str,
        path_name: &str,
        range: std::ops::RangeInclusive<u64>,
    ) -> Option<SecondsSource> {
        let findings = &mut self.compiler.findings;
        self.fields.at_most_one(&[name, path_name], findings);
        match self.fields.integer(name, range, findings) {
            Some(number) => Some(SecondsSource::Fixed(number)),
            None => self
                .fields
                .path(path_name, findings)
                .map(SecondsSource::Path),
        }
    }

    /// A reference path where `null` means none, in an object within the state.
    fn result_path(&mut self, fields: Fields<'_>) -> Option<ReferencePath> {
        fields.reference_or_null("ResultPath", &mut self.compiler.findings)
    }
}

/// Whether any path of the state reads the context object.
fn reads_context(state: &State) -> bool {
    let paths = [&state.input_path, &state.output_path];
    let templates = [&state.parameters, &state.result_selector];
    paths.into_iter().flatten().any(|path| path.reads_context())
        || templates
            .into_iter()
            .flatten()
            .any(|template| template.reads_context())
        || state.kind.reads_context()
}
