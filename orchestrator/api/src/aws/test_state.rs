//! TestState in AWS's shapes: parameters in, answer out. What is tested, and how, is `baton_machine::test_state`.

use super::params::Params;
use super::test_context;
use crate::app::App;
use crate::app::error::{ApiError, ErrorCode};
use crate::{ids, limits};
use baton_machine::test_state::{self, Level, Mock, Refusal, Request, Setting, Validation};
use baton_schemas::history::Failure;
use serde_json::{Map, Value};

pub fn test(app: &App, mut params: Params<'_>) -> Result<Value, ApiError> {
    let mock = params.structure("mock")?;
    let configuration = params.structure("stateConfiguration")?;
    let nothing = Map::new();
    let fields = |value: &Option<Value>| value.as_ref().and_then(Value::as_object).cloned();
    let mock = fields(&mock);
    let configuration = fields(&configuration).unwrap_or_else(|| nothing.clone());
    let mut configured = Params::new(&configuration);
    let request = Request {
        definition: params.required("definition", 1, limits::DEFINITION_BYTES_MAX)?,
        state_name: params.text("stateName", 1, limits::NAME_LENGTH_MAX)?,
        input: params.text("input", 0, limits::PAYLOAD_BYTES_MAX)?,
        role_arn: params.text("roleArn", 1, limits::ARN_LENGTH_MAX)?,
        level: match params.one_of("inspectionLevel", &["INFO", "DEBUG", "TRACE"])? {
            None | Some("INFO") => Level::Info,
            Some(_) => Level::Debug,
        },
        reveal_secrets: params.flag("revealSecrets", false)?,
        context: params.text("context", 0, limits::PAYLOAD_BYTES_MAX)?,
        variables: params.text("variables", 0, limits::PAYLOAD_BYTES_MAX)?,
        mock: mock.as_ref().map(mocked).transpose()?,
        retrier_retry_count: configured
            .number("retrierRetryCount", 0, i64::from(test_state::RETRIES_MAX))?
            .and_then(|count| u32::try_from(count).ok())
            .unwrap_or(0),
        error_caused_by_state: configured.text("errorCausedByState", 1, limits::NAME_LENGTH_MAX)?,
        map_iteration_failure_count: configured
            .number("mapIterationFailureCount", 0, i64::MAX)?
            .and_then(|count| u64::try_from(count).ok()),
        map_item_reader_data: configured.text("mapItemReaderData", 0, limits::PAYLOAD_BYTES_MAX)?,
    };
    configured.finish()?;
    params.finish()?;
    if let Some(context) = request.context {
        test_context::check(context)?;
    }
    let setting = Setting {
        region: &app.settings.region,
        account: &app.settings.account,
        name: &ids::uuid(),
        now_ms: ids::now_ms(),
    };
    test_state::run(&request, setting)
        .map(|answer| answer.to_aws())
        .map_err(refused)
}

fn mocked(mock: &Map<String, Value>) -> Result<Mock<'_>, ApiError> {
    let mut params = Params::new(mock);
    let result = params.text("result", 0, limits::PAYLOAD_BYTES_MAX)?;
    let mode = params.one_of("fieldValidationMode", &["STRICT", "PRESENT", "NONE"])?;
    params.finish()?;
    let text = |name: &str| mock.get("errorOutput")?.get(name)?.as_str();
    let outcome = match (
        result,
        mock.get("errorOutput").is_some_and(Value::is_object),
    ) {
        (Some(result), false) => Ok(result),
        (None, true) => Err(Failure {
            error: text("error").map(Into::into),
            cause: text("cause").map(Into::into),
        }),
        _ => {
            let message = "A mock has either 'result' or 'errorOutput'.";
            return Err(ApiError::validation(message.to_owned()));
        }
    };
    let validation = match mode {
        Some("PRESENT") => Validation::Present,
        Some("NONE") => Validation::None,
        _ => Validation::Strict,
    };
    Ok(Mock {
        outcome,
        validation,
    })
}

fn refused(refusal: Refusal) -> ApiError {
    let code = match refusal.code {
        "InvalidDefinition" => ErrorCode::InvalidDefinition,
        "InvalidExecutionInput" => ErrorCode::InvalidExecutionInput,
        _ => ErrorCode::ValidationException,
    };
    ApiError::new(code, refusal.message)
}
