//! From text to program: the way through the whole definition.
//!
//! Owns: scopes (the machine, branches, processors), the numbering of states, names, and the query language in force. Each
//! kind of state is read by its own file under `states`.

use crate::definition;
use crate::fields::Fields;
use crate::findings::{Findings, Place};
use crate::limits;
use crate::lint::assigns;
use crate::program::{Language, State, StateId};
use crate::states::{self, nested_scopes};
use crate::transitions;
use crate::value::expected_type;
use crate::{Diagnostic, Program};
use serde_json::{Map, Value};
use std::collections::{BTreeMap, BTreeSet};

/// How a definition is to be read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Options {
    /// As that of an Express machine: what those can't do is refused.
    pub express: bool,
    /// What Baton adds to the language is refused, so that the definition stays portable to AWS.
    pub strict: bool,
}

/// Compiles a definition.
///
/// # Errors
/// All findings at once, in the order of the text; at least one of them an error.
pub fn compile(definition: &str) -> Result<(Program, Vec<Diagnostic>), Vec<Diagnostic>> {
    compile_with(definition, Options::default())
}

/// Compiles the definition of an Express machine: as [`compile`], and what Express machines can't do is refused.
///
/// # Errors
/// As [`compile`].
pub fn compile_express(definition: &str) -> Result<(Program, Vec<Diagnostic>), Vec<Diagnostic>> {
    let options = Options {
        express: true,
        strict: false,
    };
    compile_with(definition, options)
}

/// Compiles a definition; `strict` is [`crate::analyse`]'s business alone.
///
/// # Errors
/// As [`compile`].
pub(crate) fn compile_with(
    definition: &str,
    options: Options,
) -> Result<(Program, Vec<Diagnostic>), Vec<Diagnostic>> {
    let value = definition::read(definition).map_err(|diagnostic| vec![diagnostic])?;
    let mut compiler = Compiler {
        findings: Findings::new(&value),
        states: Vec::new(),
        names: BTreeSet::new(),
        reads_context: false,
        is_express: options.express,
        language: Language::JsonPath,
        outer_variables: Vec::new(),
    };
    let machine = compiler.machine(&value);
    compiler.finish(machine)
}

/// What is gathered on the way.
pub(crate) struct Compiler<'v> {
    /// What is wrong.
    pub findings: Findings<'v>,
    /// States by id; `None` where one is faulty.
    states: Vec<Option<State>>,
    /// Names of all scopes.
    names: BTreeSet<&'v str>,
    /// Whether anything reads `$$`.
    pub reads_context: bool,
    /// Whether the machine is an Express one.
    pub is_express: bool,
    /// The machine's `QueryLanguage`.
    language: Language,
    /// Names of the variables that the scopes around assign, outermost first.
    outer_variables: Vec<BTreeSet<&'v str>>,
}

/// The scope that a state is in: how its siblings are numbered.
pub(crate) struct Siblings<'v> {
    ids: BTreeMap<&'v str, StateId>,
    /// How many scopes are around it.
    pub depth: usize,
}

impl Siblings<'_> {
    /// The id of a name; an unknown one is reported by `transitions`.
    pub fn id(&self, name: &str) -> Option<StateId> {
        self.ids.get(name).copied()
    }
}

pub(crate) const MACHINE_FIELDS: &[&str] = &[
    "Comment",
    "StartAt",
    "States",
    "Version",
    "TimeoutSeconds",
    "QueryLanguage",
];
pub(crate) const SCOPE_FIELDS: &[&str] = &["Comment", "StartAt", "States", "ProcessorConfig"];

impl<'v> Compiler<'v> {
    fn machine(&mut self, value: &'v Value) -> Option<(StateId, Option<u64>)> {
        let place = Place::root();
        let Some(object) = value.as_object() else {
            self.findings.invalid(&place, expected_type("OBJECT"));
            return None;
        };
        let fields = Fields::new(object, &place);
        fields.refuse_unknown(&[MACHINE_FIELDS], &mut self.findings);
        fields.text("Comment", &mut self.findings);
        if fields
            .text("Version", &mut self.findings)
            .is_some_and(|version| version != "1.0")
        {
            self.findings.invalid(
                &place.field("Version"),
                "The only version of the language is '1.0'".to_owned(),
            );
        }
        let timeout_s = fields.integer(
            "TimeoutSeconds",
            1..=limits::SECONDS_MAX,
            &mut self.findings,
        );
        if let Some(language) = self.query_language(fields) {
            self.language = language;
        }
        let start = self.scope(object, &place, 0, 0)?;
        Some((start, timeout_s))
    }

    /// The query language that this object asks for.
    fn query_language(&mut self, fields: Fields<'_>) -> Option<Language> {
        let given = fields.get("QueryLanguage")?;
        match fields.text("QueryLanguage", &mut self.findings) {
            Some("JSONPath") => return Some(Language::JsonPath),
            Some("JSONata") => {}
            Some(_) => {
                let message = "Value should be one of the following: [JSONPath, JSONata]";
                let place = fields.place.field("QueryLanguage");
                self.findings.invalid(&place, message.to_owned());
            }
            None => debug_assert!(!given.is_string()),
        }
        // Whatever isn't exactly 'JSONPath' counts as the other for what follows (recorded from AWS).
        Some(Language::Jsonata)
    }

    /// Reads a Parallel branch or a Map processor, whose first state has the number `first`.
    pub fn nested_scope(
        &mut self,
        value: &'v Value,
        place: &Place<'_>,
        first: usize,
        depth: usize,
    ) -> Option<StateId> {
        let Some(object) = value.as_object() else {
            self.findings.invalid(place, expected_type("OBJECT"));
            return None;
        };
        if depth > limits::DEPTH_MAX {
            self.findings.invalid(
                place,
                format!("Scopes can be nested at most {} deep", limits::DEPTH_MAX),
            );
            return None;
        }
        let fields = Fields::new(object, place);
        fields.refuse_unknown(&[SCOPE_FIELDS], &mut self.findings);
        fields.text("Comment", &mut self.findings);
        let mode = object
            .get("ProcessorConfig")
            .and_then(|config| config.get("Mode"));
        if mode.is_none_or(|mode| mode != "DISTRIBUTED") {
            return self.scope(object, place, first, depth);
        }
        // Child executions see nothing of the variables around them.
        let outer = std::mem::take(&mut self.outer_variables);
        let start = self.scope(object, place, first, depth);
        self.outer_variables = outer;
        start
    }

    /// Reads the states of a scope, numbered from `first` in the order of the text, and says where it starts.
    fn scope(
        &mut self,
        object: &'v Map<String, Value>,
        place: &Place<'_>,
        first: usize,
        depth: usize,
    ) -> Option<StateId> {
        let fields = Fields { object, place };
        fields.require(&["StartAt", "States"], &mut self.findings);
        let start = fields.text("StartAt", &mut self.findings);
        fields.object("States", &mut self.findings)?;
        // From the object itself, which lives longer than the place that `fields` knows.
        let states = object.get("States").and_then(Value::as_object)?;
        if states.is_empty() {
            self.findings
                .invalid(&place.field("States"), "Value cannot be empty".to_owned());
        }
        transitions::check(object, states, place, &mut self.findings);
        let mut ids = BTreeMap::new();
        let mut next = first;
        for (name, state) in states {
            ids.insert(name.as_str(), StateId(next as u32));
            next += count_states(state);
        }
        if self.states.len() < next {
            self.states.resize_with(next, || None);
        }
        let siblings = Siblings { ids, depth };
        let states_place = place.field("States");
        let assigned = self.refuse_shadowing(states, &states_place);
        self.outer_variables.push(assigned);
        for (name, state) in states {
            let place = states_place.field(name);
            self.name(name, &place);
            let id = siblings.id(name)?;
            self.states[id.0 as usize] = self.state(name, state, &place, id, &siblings);
        }
        self.outer_variables.pop();
        siblings.id(start?)
    }

    /// Refuses variables that a scope around assigns too; returns those of this scope.
    fn refuse_shadowing(
        &mut self,
        states: &'v Map<String, Value>,
        place: &Place<'_>,
    ) -> BTreeSet<&'v str> {
        let mut assigned = BTreeSet::new();
        for (name, state) in states {
            let asks = state.get("QueryLanguage").and_then(Value::as_str);
            let language = match asks {
                Some("JSONPath") => Language::JsonPath,
                Some(_) => Language::Jsonata,
                None => self.language,
            };
            let state_place = place.field(name);
            self.refuse_shadowing_in(state, &state_place, language, &mut assigned);
            for list in ["Choices", "Catch"] {
                let list_place = state_place.field(list);
                let entries = state
                    .get(list)
                    .and_then(Value::as_array)
                    .into_iter()
                    .flatten();
                for (i, entry) in entries.enumerate() {
                    let entry_place = list_place.item(i);
                    self.refuse_shadowing_in(entry, &entry_place, language, &mut assigned);
                }
            }
        }
        assigned
    }

    fn refuse_shadowing_in(
        &mut self,
        holder: &'v Value,
        place: &Place<'_>,
        language: Language,
        assigned: &mut BTreeSet<&'v str>,
    ) {
        let assign = place.field("Assign");
        for name in assigns(holder, language) {
            if self
                .outer_variables
                .iter()
                .any(|outer| outer.contains(name))
            {
                let message =
                    format!("The variable name '{name}' was already defined in a parent scope.");
                let near = assign.field(name);
                self.findings
                    .refuse(&near, &near, "DUPLICATE_VARIABLE_NAME", message, None);
            }
            assigned.insert(name);
        }
    }

    fn name(&mut self, name: &'v str, place: &Place<'_>) {
        if !self.names.insert(name) {
            self.findings.error(
                "DUPLICATE_STATE_NAME",
                place,
                format!("Duplicate State name: {name}"),
            );
        }
        if name.is_empty() || name.chars().count() > limits::STATE_NAME_LENGTH_MAX {
            let message = format!(
                "The name of a state must have 1 to {} characters",
                limits::STATE_NAME_LENGTH_MAX
            );
            self.findings.invalid(place, message);
        }
    }

    fn state(
        &mut self,
        name: &'v str,
        state: &'v Value,
        place: &Place<'_>,
        id: StateId,
        siblings: &Siblings<'v>,
    ) -> Option<State> {
        let Some(object) = state.as_object() else {
            self.findings.invalid(place, expected_type("OBJECT"));
            return None;
        };
        let language = self.query_language(Fields { object, place });
        if (self.language, language) == (Language::Jsonata, Some(Language::JsonPath)) {
            let message =
                "'QueryLanguage' can not be 'JSONPath' if set to 'JSONata' for whole state machine"
                    .to_owned();
            self.findings.invalid(place, message);
            return None;
        }
        let language = language.unwrap_or(self.language);
        let fields = Fields { object, place };
        states::parse(self, language, name, fields, object, id, siblings)
    }

    fn finish(
        mut self,
        machine: Option<(StateId, Option<u64>)>,
    ) -> Result<(Program, Vec<Diagnostic>), Vec<Diagnostic>> {
        let states: Option<Vec<State>> = self.states.into_iter().collect();
        match (self.findings.has_errors(), machine, states) {
            (false, Some((start, timeout_s)), Some(states)) => {
                let program = Program {
                    start,
                    timeout_s,
                    states,
                    reads_context: self.reads_context,
                };
                Ok((program, self.findings.into_sorted()))
            }
            (true, ..) => Err(self.findings.into_sorted()),
            (false, ..) => {
                let message =
                    "The definition can't be read, for a reason that is a fault of this program"
                        .to_owned();
                self.findings.invalid(&Place::root(), message);
                Err(self.findings.into_sorted())
            }
        }
    }
}

/// How many states there are in this one: itself and those of its scopes.
fn count_states(state: &Value) -> usize {
    let nested = nested_scopes(state).filter_map(|scope| scope.get("States")?.as_object());
    1 + nested
        .flat_map(Map::values)
        .map(count_states)
        .sum::<usize>()
}

/// How many states there are in this scope.
pub(crate) fn count_scope(scope: &Value) -> usize {
    scope
        .get("States")
        .and_then(Value::as_object)
        .into_iter()
        .flat_map(Map::values)
        .map(count_states)
        .sum()
}
