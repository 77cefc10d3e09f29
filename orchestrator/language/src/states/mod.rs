//! The eight types of state, one file each: which fields a type has and what they mean.
//!
//! Owns: the fields that several types share (paths, templates, `Next` and `End`) and the refusal of unknown ones. Fields of each type follow AWS's table of states and fields (Amazon States Language, JSONPath).

mod choice;
mod errors;
mod fail;
mod map;
mod map_distributed;
mod parallel;
mod pass;
mod succeed;
mod task;
mod wait;

pub(crate) use choice::RULE_FIELDS;
pub(crate) use errors::{CATCHER_FIELDS, RETRIER_FIELDS};

use crate::fields::{Fields, Role};
use crate::jsonata::{Form, Reads};
use crate::limits;
use crate::parse::{Compiler, Siblings};
use crate::path::ReferencePath;
use crate::program::{Language, Recipe, SecondsSource, State, StateId, StateKind};
use serde_json::Value;

/// Fields of every state.
const COMMON: &[&str] = &["Type", "Comment", "QueryLanguage"];
/// Fields of all that go on by themselves.
const NEXT: &[&str] = &["Next", "End"];
/// Fields of all with a result that is made, not only passed on.
const HANDLING: &[&str] = &["Retry", "Catch", "Assign"];
/// JSONPath: fields of all but Fail.
const PATHS: &[&str] = &["InputPath", "OutputPath"];
/// JSONPath: the way of a result that is made.
const RESULT: &[&str] = &["Parameters", "ResultSelector", "ResultPath"];
/// JSONata: fields of all with a result that is made.
const ARGUMENTS: &[&str] = &["Arguments", "Output"];
const OUTPUT: &[&str] = &["Output"];
const ASSIGN: &[&str] = &["Assign"];
/// Fields that exist for JSONata alone.
const JSONATA_ONLY: &[&str] = &["Arguments", "Output", "Items", "Condition"];
/// Fields that exist for JSONPath alone.
const JSONPATH_ONLY: &[&str] = &[
    "InputPath",
    "OutputPath",
    "Parameters",
    "Result",
    "ResultSelector",
    "ResultPath",
    "ItemsPath",
    "ErrorPath",
    "CausePath",
    "SecondsPath",
    "TimestampPath",
    "TimeoutSecondsPath",
    "HeartbeatSecondsPath",
    "MaxConcurrencyPath",
    "ToleratedFailureCountPath",
    "ToleratedFailurePercentagePath",
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
    /// The query language of its fields.
    pub language: Language,
}

/// A type of state: its own fields, and how they are read.
struct StateType {
    /// Lists of fields beside [`COMMON`], in both query languages.
    fields: &'static [&'static [&'static str]],
    /// Lists of fields in JSONPath alone.
    jsonpath: &'static [&'static [&'static str]],
    /// Lists of fields in JSONata alone.
    jsonata: &'static [&'static [&'static str]],
    /// Reads what the state does; `None` after reporting why that can't be read.
    parse: fn(&mut Draft<'_, '_, '_>) -> Option<StateKind>,
}

fn state_type(name: &str) -> Option<StateType> {
    Some(match name {
        "Pass" => StateType {
            fields: &[NEXT, ASSIGN],
            jsonpath: &[PATHS, pass::FIELDS],
            jsonata: &[OUTPUT],
            parse: pass::parse,
        },
        "Task" => StateType {
            fields: &[NEXT, HANDLING, task::FIELDS],
            jsonpath: &[PATHS, RESULT, task::PATHS],
            jsonata: &[ARGUMENTS],
            parse: task::parse,
        },
        "Choice" => StateType {
            fields: &[ASSIGN, choice::FIELDS],
            jsonpath: &[PATHS],
            jsonata: &[OUTPUT],
            parse: choice::parse,
        },
        "Wait" => StateType {
            fields: &[NEXT, ASSIGN, wait::FIELDS],
            jsonpath: &[PATHS, wait::PATHS],
            jsonata: &[OUTPUT],
            parse: wait::parse,
        },
        "Succeed" => StateType {
            fields: &[],
            jsonpath: &[PATHS],
            jsonata: &[OUTPUT],
            parse: succeed::parse,
        },
        "Fail" => StateType {
            fields: &[fail::FIELDS],
            jsonpath: &[fail::PATHS],
            jsonata: &[],
            parse: fail::parse,
        },
        "Parallel" => StateType {
            fields: &[NEXT, HANDLING, parallel::FIELDS],
            jsonpath: &[PATHS, RESULT],
            jsonata: &[ARGUMENTS],
            parse: parallel::parse,
        },
        "Map" => StateType {
            fields: &[NEXT, HANDLING, map::FIELDS],
            jsonpath: &[PATHS, RESULT, map::PATHS],
            jsonata: &[OUTPUT, &["Items"]],
            parse: map::parse,
        },
        _ => return None,
    })
}

/// The types of state.
pub(crate) const TYPES: &[&str] = &[
    "Pass", "Task", "Choice", "Wait", "Succeed", "Fail", "Parallel", "Map",
];

/// The lists of fields that a type of state has, in either query language.
pub(crate) fn fields_of(kind: &str) -> Vec<&'static [&'static str]> {
    let own = state_type(kind).map(|kind| [kind.fields, kind.jsonpath, kind.jsonata].concat());
    own.into_iter().flatten().chain([COMMON]).collect()
}

/// Reads a state; `None` after reporting why it can't be read.
pub(crate) fn parse<'v>(
    compiler: &mut Compiler<'v>,
    language: Language,
    name: &str,
    fields: Fields<'_>,
    object: &'v serde_json::Map<String, Value>,
    id: StateId,
    siblings: &Siblings<'v>,
) -> Option<State> {
    fields.text("Comment", &mut compiler.findings);
    if !fields.require(&["Type"], &mut compiler.findings) {
        return None;
    }
    let type_name = fields.text("Type", &mut compiler.findings)?;
    let Some(state_type) = state_type(type_name) else {
        let message = "Value should be one of the following: [Pass, Task, Choice, Wait, Succeed, Fail, Parallel, Map]".to_owned();
        compiler
            .findings
            .invalid(&fields.place.field("Type"), message);
        return None;
    };
    refuse_fields(compiler, language, fields, &state_type);
    let mut draft = Draft {
        compiler,
        fields,
        object,
        id,
        siblings,
        language,
    };
    let kind = (state_type.parse)(&mut draft);
    draft.common(name, kind, state_type.fields.contains(&NEXT))
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

fn refuse_fields(
    compiler: &mut Compiler<'_>,
    language: Language,
    fields: Fields<'_>,
    state_type: &StateType,
) {
    let (own, other) = match language {
        Language::JsonPath => (state_type.jsonpath, JSONATA_ONLY),
        Language::Jsonata => (state_type.jsonata, JSONPATH_ONLY),
    };
    for name in fields.object.keys().map(String::as_str) {
        let is_known = COMMON.contains(&name)
            || state_type
                .fields
                .iter()
                .chain(own)
                .any(|list| list.contains(&name));
        if is_known {
            continue;
        }
        if other.contains(&name) {
            let near = fields.place.field(name);
            let message = only_for(language, name);
            compiler
                .findings
                .invalid_within(fields.place, &near, message);
        } else {
            let near = fields.place.field(name);
            let message = format!("Field '{name}' is not supported");
            compiler
                .findings
                .invalid_within(fields.place, &near, message);
        }
    }
}

/// AWS's words for a field of the other query language than the state's.
fn only_for(language: Language, name: &str) -> String {
    let (is, wanted) = match language {
        Language::JsonPath => ("JSONPath", "JSONata"),
        Language::Jsonata => ("JSONata", "JSONPath"),
    };
    format!(
        "The QueryLanguage is set to '{is}', but field '{name}' is only supported for the '{wanted}' QueryLanguage"
    )
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
        let arguments = fields.form("Arguments", Role::default(), findings);
        let next = if goes_on { self.next() } else { None };
        let (retry, catch) = (self.retriers(), self.catchers());
        let role = Role::default();
        let (assign, output) = (self.assign(fields, role), self.output(fields, role));
        let reads = Reads::of_fields(self.object, self.language);
        self.compiler.reads_context |= reads.context;
        Some(State {
            name: name.into(),
            kind: kind?,
            language: self.language,
            reads,
            assign,
            output,
            arguments,
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
        self.number_in(self.fields, name, path_name, range)
    }

    /// The same in an object within the state.
    fn number_in(
        &mut self,
        fields: Fields<'_>,
        name: &str,
        path_name: &str,
        range: std::ops::RangeInclusive<u64>,
    ) -> Option<SecondsSource> {
        let findings = &mut self.compiler.findings;
        fields.at_most_one(&[name, path_name], findings);
        if self.language == Language::Jsonata && fields.is_expression(name) {
            let expression = fields.expression(name, Role::default(), findings);
            return expression.map(SecondsSource::Expression);
        }
        match fields.integer(name, range, findings) {
            Some(number) => Some(SecondsSource::Fixed(number)),
            None => fields.path(path_name, findings).map(SecondsSource::Path),
        }
    }

    /// A field that makes a value, in the state's query language.
    fn recipe(&mut self, fields: Fields<'_>, name: &str, role: Role<'_>) -> Option<Recipe> {
        let findings = &mut self.compiler.findings;
        match self.language {
            Language::JsonPath => fields.template(name, findings).map(Recipe::Template),
            Language::Jsonata => fields.form(name, role, findings).map(Recipe::Form),
        }
    }

    /// `Assign` of a state, a rule or a catcher: an object of variables by name.
    fn assign(&mut self, fields: Fields<'_>, role: Role<'_>) -> Option<Recipe> {
        let findings = &mut self.compiler.findings;
        let variables = fields.object("Assign", findings)?;
        for name in variables.keys() {
            let name = match self.language {
                Language::JsonPath => name.strip_suffix(".$").unwrap_or(name),
                Language::Jsonata => name,
            };
            if !is_variable_name(name) {
                let message = format!(
                    "'{name}' is not the name of a variable: use 1 to {} letters, digits and '_', a letter first, and not 'states'",
                    limits::VARIABLE_NAME_LENGTH_MAX
                );
                findings.invalid(&fields.place.field("Assign"), message);
            }
        }
        let recipe = self.recipe(fields, "Assign", role);
        recipe.filter(|_| !variables.is_empty())
    }

    /// `Output` of a state, a rule or a catcher.
    fn output(&mut self, fields: Fields<'_>, role: Role<'_>) -> Option<Form> {
        match self.language {
            Language::JsonPath => None,
            Language::Jsonata => fields.form("Output", role, &mut self.compiler.findings),
        }
    }

    /// A reference path where `null` means none, in an object within the state.
    fn result_path(&mut self, fields: Fields<'_>) -> Option<ReferencePath> {
        fields.reference_or_null("ResultPath", &mut self.compiler.findings)
    }
}

/// Whether a variable can have this name (AWS: a Unicode identifier of at most 80 characters).
fn is_variable_name(name: &str) -> bool {
    let is_word = name.chars().all(|c| c.is_alphanumeric() || c == '_');
    let starts = name.starts_with(|c: char| c.is_alphabetic() || c == '_');
    let is_short = name.chars().count() <= limits::VARIABLE_NAME_LENGTH_MAX;
    is_word && starts && is_short && name != "states"
}
