//! TestState: one state, run as the machine runs it, with mocked results. PURE.
//!
//! Owns: the operation's rules (AWS API reference, TestState): what may be mocked, what is answered, what is shown of the
//! data on its way. The state is put into a machine of its own and that machine is run, so that nothing here knows how a
//! state works. Must not: call anything; a Task, Map or Parallel state needs a mock.
//!
//! Reading path: [`run`], the machine around the state (`definition`), one run of it (`trial`), what is shown
//! (`inspect`), what may be asked (`rules`).

mod answer;
mod definition;
mod inspect;
mod rules;
mod shapes;
mod trial;

pub use answer::{Answer, Refusal, TestStatus};

use baton_schemas::Payload;
use baton_schemas::history::Failure;
use definition::Tested;
use serde_json::{Value, json};
use trial::{Ended, Trial};

/// Most earlier attempts (`retrierRetryCount`) that are run through.
pub const RETRIES_MAX: u32 = 100_000;

/// How much is shown of the data on its way.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Level {
    /// Status and output.
    #[default]
    Info,
    /// Also `inspectionData`. For HTTP tasks AWS's TRACE shows more; they aren't called here.
    Debug,
}

/// How exactly a mocked result must be what the service answers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Validation {
    /// Required fields must be there, known fields must have their type.
    #[default]
    Strict,
    /// Known fields must have their type.
    Present,
    /// Anything goes.
    None,
}

/// What a mocked state yields.
#[derive(Clone, Debug)]
pub struct Mock<'a> {
    /// `result`: JSON text; `errorOutput`: error and cause.
    pub outcome: Result<&'a str, Failure>,
    /// `fieldValidationMode`
    pub validation: Validation,
}

/// What is asked.
#[derive(Clone, Debug, Default)]
pub struct Request<'a> {
    /// A state, or a machine with `state_name`.
    pub definition: &'a str,
    /// `stateName`: which state of the machine, in any scope.
    pub state_name: Option<&'a str>,
    /// JSON text; `{}` when absent.
    pub input: Option<&'a str>,
    /// `roleArn`, shown in the context object.
    pub role_arn: Option<&'a str>,
    /// `inspectionLevel`
    pub level: Level,
    /// `revealSecrets`
    pub reveal_secrets: bool,
    /// `context`: JSON text that takes the place of the whole context object.
    pub context: Option<&'a str>,
    /// `variables`: JSON text of an object.
    pub variables: Option<&'a str>,
    /// `mock`
    pub mock: Option<Mock<'a>>,
    /// `stateConfiguration.retrierRetryCount`
    pub retrier_retry_count: u32,
    /// `stateConfiguration.errorCausedByState`
    pub error_caused_by_state: Option<&'a str>,
    /// `stateConfiguration.mapIterationFailureCount`
    pub map_iteration_failure_count: Option<u64>,
    /// `stateConfiguration.mapItemReaderData`: JSON text of an array.
    pub map_item_reader_data: Option<&'a str>,
}

/// Where and when the call is made: what the context object shows.
#[derive(Clone, Copy, Debug)]
pub struct Setting<'a> {
    /// Region.
    pub region: &'a str,
    /// Account.
    pub account: &'a str,
    /// Name of the execution that the state sees, and of its machine.
    pub name: &'a str,
    /// Milliseconds since the epoch.
    pub now_ms: i64,
}

/// Tests a state.
///
/// # Errors
/// Why the call is refused, in AWS's words where they are known.
pub fn run(request: &Request<'_>, setting: Setting<'_>) -> Result<Answer, Refusal> {
    let tested = Tested::read(request)?;
    rules::check(request, &tested)?;
    let input = json_of("input", request.input.unwrap_or("{}"))?;
    let context = match request.context {
        Some(text) => json_of("context", text)?,
        None => context(request, &tested, setting, &input),
    };
    let variables = json_of("variables", request.variables.unwrap_or("{}"))?;
    if !variables.is_object() {
        return Err(Refusal::validation("Variables must be a JSON object."));
    }
    let trial = Trial {
        tested: &tested,
        input,
        context,
        variables,
        retries: request.retrier_retry_count,
        now_ms: setting.now_ms,
    };
    let inspected = inspect::before(&trial, request)?;
    let outcome = match &inspected.failure {
        // A Map or Parallel that never came to its work is run as a task that fails so.
        Some(failure) if tested.kind() != "Task" => Some(Err(failure.clone())),
        Some(_) => None,
        None => mocked(request, &tested, &inspected)?,
    };
    // What went wrong, if anything did, is seen where nothing takes it.
    let bare = trial.bare(outcome.as_ref())?;
    let ended = trial.whole(outcome.as_ref())?;
    let mut shown = inspected.shown;
    if bare.failure().is_none() {
        inspect::after(&trial, outcome.as_ref(), &mut shown)?;
    }
    inspect::variables(&trial, &ended, &mut shown);
    inspect::error_details(&tested, &bare, &ended, &mut shown);
    let mut answer = answer::of(&bare, ended);
    answer.inspection = (request.level != Level::Info).then_some(shown);
    Ok(answer)
}

/// What the mock says, after the tolerated failures of a Map; `None` where nothing is mocked.
fn mocked(
    request: &Request<'_>,
    tested: &Tested,
    inspected: &inspect::Before,
) -> Result<Option<Result<Payload, Failure>>, Refusal> {
    let Some(mock) = &request.mock else {
        return Ok(None);
    };
    if let Some(count) = request.map_iteration_failure_count
        && mock.outcome.is_ok()
        && inspected.exceeds(count)
    {
        return Ok(Some(Err(Failure {
            error: Some("States.ExceedToleratedFailureThreshold".into()),
            cause: Some("The specified tolerated failure threshold was exceeded".into()),
        })));
    }
    let text = match &mock.outcome {
        Err(failure) => return Ok(Some(Err(failure.clone()))),
        Ok(text) => text,
    };
    let result = Payload::from_text(text)
        .map_err(|e| Refusal::validation(&format!("Mocked result must be valid JSON: {e}")))?;
    rules::check_result(tested, &result.to_value(), mock.validation)?;
    Ok(Some(Ok(result)))
}

/// The context object that a state sees when none is given. AWS names the state `StateName` whatever it is called.
fn context(request: &Request<'_>, tested: &Tested, setting: Setting<'_>, input: &Value) -> Value {
    let Setting {
        region,
        account,
        name,
        now_ms,
    } = setting;
    let now = baton_schemas::time::rfc3339(now_ms);
    let mut state = json!({"Name": definition::NAME, "EnteredTime": now});
    if tested.is_one_of(&["Task", "Map", "Parallel"]) {
        state["RetryCount"] = request.retrier_retry_count.into();
    }
    json!({
        "Execution": {
            "Id": format!("arn:aws:states:{region}:{account}:express:{name}:{name}"),
            "Input": input,
            "Name": name,
            "RoleArn": request.role_arn,
            "StartTime": now,
        },
        "StateMachine": {
            "Id": format!("arn:aws:states:{region}:{account}:stateMachine:{name}"),
            "Name": name,
        },
        "State": state,
    })
}

fn json_of(field: &str, text: &str) -> Result<Value, Refusal> {
    Payload::from_text(text)
        .map(|payload| payload.to_value())
        .map_err(|e| Refusal {
            code: if field == "input" {
                "InvalidExecutionInput"
            } else {
                "ValidationException"
            },
            message: format!("'{field}' is not valid JSON: {e}"),
        })
}

impl Ended {
    /// What nothing took.
    fn failure(&self) -> Option<&Failure> {
        match self {
            Self::Failed(failure) => Some(failure),
            Self::Left { .. } | Self::Retried { .. } => None,
        }
    }
}

#[cfg(test)]
mod tests;
