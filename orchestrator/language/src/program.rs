//! The typed program that a definition compiles to.
//!
//! Owns: the shape of a checked state machine. Every reference is resolved (a `Next` is a [`StateId`]), every number
//! is in range, every path is parsed; whoever runs a program needs no check of its own. States of all scopes lie in
//! one list; a scope (the machine itself, a Parallel branch, a Map processor) only says where it starts.

use crate::choice::Rule;
use crate::jsonata::{Expression, Form, Reads};
use crate::path::{Path, ReferencePath};
use crate::resource::{INSIDE, Resource, lambda_queue};
use crate::template::Template;
use serde_json::Value;
use std::collections::BTreeSet;
use std::sync::Arc;

/// Index into [`Program::states`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct StateId(pub u32);

/// A checked state machine.
#[derive(Debug)]
pub struct Program {
    /// Where the machine starts.
    pub start: StateId,
    /// `TimeoutSeconds` of the machine.
    pub timeout_s: Option<u64>,
    /// All states of all scopes, in the order of the text.
    pub states: Vec<State>,
    /// Whether anything in the program reads the context object (`$$`, `$states.context`).
    pub reads_context: bool,
}

/// One state.
#[derive(Debug)]
pub struct State {
    /// Name, unique in the whole machine.
    pub name: Arc<str>,
    /// What it does.
    pub kind: StateKind,
    /// The query language of its fields.
    pub language: Language,
    /// What its texts may read.
    pub reads: Reads,
    /// `Assign`. Of a Choice that of the state itself, for its `Default`.
    pub assign: Option<Recipe>,
    /// `Output` (JSONata). Of a Choice that of the state itself, for its `Default`.
    pub output: Option<Form>,
    /// `Arguments` (JSONata).
    pub arguments: Option<Form>,
    /// `InputPath`; `None` is JSON `null` (the state sees `{}`).
    pub input_path: Option<Path>,
    /// `OutputPath`; `None` is JSON `null` (the state yields `{}`).
    pub output_path: Option<Path>,
    /// `Parameters`.
    pub parameters: Option<Template>,
    /// `ResultSelector`.
    pub result_selector: Option<Template>,
    /// `ResultPath`; `None` is JSON `null` (the result is dropped).
    pub result_path: Option<ReferencePath>,
    /// What comes after; `None` is `End: true`. Unused by Choice, Succeed and Fail.
    pub next: Option<StateId>,
    /// `Retry`, in order.
    pub retry: Vec<Retrier>,
    /// `Catch`, in order.
    pub catch: Vec<Catcher>,
}

/// A query language.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Language {
    /// Paths, payload templates, intrinsic functions.
    JsonPath,
    /// Expressions `{% ... %}`.
    Jsonata,
}

/// How a value is made, in either query language: `Assign`, `ItemSelector`, `Credentials`, `BatchInput`.
#[derive(Debug)]
pub enum Recipe {
    /// A payload template.
    Template(Template),
    /// JSON with expressions.
    Form(Form),
}

/// What a state does.
#[derive(Debug)]
pub enum StateKind {
    /// Passes its input, or `Result`, on.
    Pass {
        /// `Result`.
        result: Option<Value>,
    },
    /// Has work done by a worker.
    Task(Task),
    /// Goes on by the first rule that matches.
    Choice {
        /// `Choices`, in order.
        rules: Vec<ChoiceBranch>,
        /// `Default`.
        default: Option<StateId>,
    },
    /// Waits.
    Wait(WaitFor),
    /// Ends its scope with success.
    Succeed,
    /// Ends its scope with an error.
    Fail {
        /// `Error` or `ErrorPath`.
        error: Option<TextSource>,
        /// `Cause` or `CausePath`.
        cause: Option<TextSource>,
    },
    /// Runs its branches side by side.
    Parallel {
        /// Start of each branch, in order.
        branches: Vec<StateId>,
    },
    /// Runs a processor for each item.
    Map(Map),
}

/// A Task state's own fields.
#[derive(Debug)]
pub struct Task {
    /// `Resource`.
    pub resource: Resource,
    /// `TimeoutSeconds` or `TimeoutSecondsPath`.
    pub timeout: Option<SecondsSource>,
    /// `HeartbeatSeconds` or `HeartbeatSecondsPath`.
    pub heartbeat: Option<SecondsSource>,
    /// `Credentials`.
    pub credentials: Option<Recipe>,
}

/// A Map state's own fields.
#[derive(Debug)]
pub struct Map {
    /// Where the items are.
    pub items: Items,
    /// `ItemSelector` (or `Parameters` beside the legacy `Iterator`).
    pub item_selector: Option<Recipe>,
    /// `MaxConcurrency` or `MaxConcurrencyPath`; 0 is no limit.
    pub max_concurrency: SecondsSource,
    /// `ToleratedFailureCount` or `...Path`.
    pub tolerated_failure_count: Option<SecondsSource>,
    /// `ToleratedFailurePercentage` or `...Path`.
    pub tolerated_failure_percentage: Option<Percentage>,
    /// Start of the item processor.
    pub processor: StateId,
    /// What the distributed mode adds; `None` is inline.
    pub distributed: Option<Box<Distributed>>,
}

/// What a distributed Map has beyond an inline one: its items are processed by child executions.
#[derive(Debug)]
pub struct Distributed {
    /// `ExecutionType: EXPRESS`; else the children are standard executions.
    pub express: bool,
    /// `Label`
    pub label: Option<Arc<str>>,
    /// `ItemReader`; without it the items are in the state's input.
    pub reader: Option<ItemReader>,
    /// `ItemBatcher`
    pub batcher: Option<ItemBatcher>,
    /// `ResultWriter`
    pub writer: Option<ResultWriter>,
}

/// `ItemReader`: where items are read from.
#[derive(Debug)]
pub struct ItemReader {
    /// `Resource`
    pub source: ItemSource,
    /// `Parameters` or `Arguments`: bucket and key, path, or topic.
    pub arguments: Option<Recipe>,
    /// `ReaderConfig.InputType`
    pub input_type: Option<InputType>,
    /// `ReaderConfig.Transformation: LOAD_AND_FLATTEN`: listed objects are read themselves.
    pub flatten: bool,
    /// `ReaderConfig.CSVHeaderLocation` and `CSVHeaders`
    pub headers: CsvHeaders,
    /// `ReaderConfig.CSVDelimiter`, the byte that it stands for.
    pub delimiter: u8,
    /// `ReaderConfig.ManifestType: ATHENA_DATA`; else `S3_INVENTORY`.
    pub athena_manifest: bool,
    /// `ReaderConfig.ItemsPointer`: JSON pointer to the array within a JSON file.
    pub pointer: Option<Arc<str>>,
    /// `ReaderConfig.MaxItems` or `...Path`; 0 is no limit.
    pub max_items: Option<SecondsSource>,
}

/// What an item reader reads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ItemSource {
    /// `s3:getObject`
    Object,
    /// `s3:listObjectsV2`
    List,
    /// Baton's own: a file on the node (`baton:readFile`).
    File,
    /// Baton's own: a range of a Kafka topic (`baton:readTopic`).
    Topic,
}

/// What the object or file holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum InputType {
    /// An array, or an object whose fields are the items.
    Json,
    /// One JSON value a line.
    JsonLines,
    /// Rows of fields.
    Csv,
    /// A list of further files.
    Manifest,
}

/// Where the names of CSV fields are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CsvHeaders {
    /// In the first row.
    FirstRow,
    /// Here.
    Given(Vec<Arc<str>>),
}

/// `ItemBatcher`: several items for one child.
#[derive(Debug)]
pub struct ItemBatcher {
    /// `MaxItemsPerBatch` or `...Path`
    pub max_items: Option<SecondsSource>,
    /// `MaxInputBytesPerBatch` or `...Path`
    pub max_bytes: Option<SecondsSource>,
    /// `BatchInput`
    pub input: Option<Recipe>,
}

/// `ResultWriter`: what becomes of the children's results.
#[derive(Debug)]
pub struct ResultWriter {
    /// Where they are written: `Some(false)` to an object store, `Some(true)` to files of the node; `None`: they are the
    /// state's result.
    pub destination: Option<bool>,
    /// `Parameters` or `Arguments`: bucket and prefix.
    pub arguments: Option<Recipe>,
    /// `WriterConfig.Transformation`
    pub transformation: Transformation,
    /// `WriterConfig.OutputType: JSONL`; else `JSON`.
    pub json_lines: bool,
}

/// The form of a child's result.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Transformation {
    /// All that is known of the child.
    None,
    /// Its output.
    Compact,
    /// Its output; of an array, its items.
    Flatten,
}

/// A percentage that is written down or found in the input.
#[derive(Debug)]
pub enum Percentage {
    /// Written down.
    Fixed(f64),
    /// Found by this path; must be a number from 0 to 100.
    Path(Path),
    /// The value of this expression; must be a number from 0 to 100.
    Expression(Expression),
}

/// Where a Map's items are.
#[derive(Debug)]
pub enum Items {
    /// `ItemsPath`, or `$`.
    Path(Path),
    /// `Items` (JSONata).
    Form(Form),
    /// The state's input (JSONata without `Items`).
    Input,
}

/// A rule of a Choice state and where it leads.
#[derive(Debug)]
pub struct ChoiceBranch {
    /// The condition.
    pub condition: Condition,
    /// `Next`.
    pub next: StateId,
    /// `Assign`.
    pub assign: Option<Recipe>,
    /// `Output` (JSONata).
    pub output: Option<Form>,
}

/// When a rule of a Choice state matches.
#[derive(Debug)]
pub enum Condition {
    /// Comparisons.
    Rule(Rule),
    /// `Condition` (JSONata).
    Expression(Expression),
}

/// How long a Wait state waits.
#[derive(Debug)]
pub enum WaitFor {
    /// `Seconds` or `SecondsPath`.
    Seconds(SecondsSource),
    /// `Timestamp`: milliseconds since the epoch.
    Timestamp(i64),
    /// `TimestampPath`.
    TimestampPath(Path),
    /// `Timestamp` (JSONata); must be an RFC 3339 text.
    TimestampExpression(Expression),
}

/// A number that is written down or found in the input (seconds, counts, percentages).
#[derive(Debug)]
pub enum SecondsSource {
    /// Written down.
    Fixed(u64),
    /// Found by this path; must be a non-negative integer.
    Path(Path),
    /// The value of this expression; must be a non-negative integer.
    Expression(Expression),
}

/// A text that is written down or found in the input.
#[derive(Debug)]
pub enum TextSource {
    /// Written down.
    Fixed(Arc<str>),
    /// Found by this path or intrinsic; must be a string.
    Path(Path),
    /// The value of this expression; must be a string.
    Expression(Expression),
}

/// One entry of `Retry`.
#[derive(Debug)]
pub struct Retrier {
    /// `ErrorEquals`.
    pub errors: Vec<Arc<str>>,
    /// `IntervalSeconds`, default 1.
    pub interval_s: u64,
    /// `MaxAttempts`, default 3; 0 never retries.
    pub max_attempts: u64,
    /// `BackoffRate`, default 2.0, at least 1.0.
    pub backoff_rate: f64,
    /// `MaxDelaySeconds`.
    pub max_delay_s: Option<u64>,
    /// `JitterStrategy: FULL`.
    pub full_jitter: bool,
}

/// One entry of `Catch`.
#[derive(Debug)]
pub struct Catcher {
    /// `ErrorEquals`.
    pub errors: Vec<Arc<str>>,
    /// `ResultPath`; `None` is JSON `null`.
    pub result_path: Option<ReferencePath>,
    /// `Next`.
    pub next: StateId,
    /// `Assign`.
    pub assign: Option<Recipe>,
    /// `Output` (JSONata).
    pub output: Option<Form>,
}

impl Program {
    /// The state with this id.
    #[must_use]
    pub fn state(&self, id: StateId) -> &State {
        &self.states[id.0 as usize]
    }

    /// The task queues that are known from the definition alone, sorted, each once; so that their topics can be made
    /// when it is stored. A `lambda:invoke` counts if its `FunctionName` is written down.
    #[must_use]
    pub fn queues(&self) -> Vec<Arc<str>> {
        let queues: BTreeSet<Arc<str>> = self.states.iter().filter_map(State::queue).collect();
        queues.into_iter().collect()
    }

    /// The id of the state with this name.
    #[must_use]
    pub fn find(&self, name: &str) -> Option<StateId> {
        self.states
            .iter()
            .position(|s| &*s.name == name)
            .map(|i| StateId(i as u32))
    }
}

impl State {
    /// The task queue of a Task state, if it doesn't depend on the data.
    #[must_use]
    pub fn queue(&self) -> Option<Arc<str>> {
        let StateKind::Task(task) = &self.kind else {
            return None;
        };
        let name = || match &self.arguments {
            Some(form) => form.fixed_text("FunctionName"),
            None => self.parameters.as_ref()?.fixed_text("FunctionName"),
        };
        let by_parameters = || lambda_queue(name()?);
        let queue = task.resource.queue.clone().or_else(by_parameters);
        queue.filter(|queue| &**queue != INSIDE)
    }
}
