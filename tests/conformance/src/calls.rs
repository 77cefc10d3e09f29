//! Cases that are one pure call: ValidateStateMachineDefinition and TestState.

use crate::case::{ACCOUNT, Case, REGION, ROLE};
use crate::tasks;
use crate::values::Bindings;
use crate::verdict::Check;
use crate::world::START_MS;
use baton_language::Severity;
use baton_machine::test_state::{Level, Mock, Request, Setting, Validation};
use baton_schemas::history::Failure;
use serde_json::{Value, json};

/// Compares the result, and code, severity and location of each finding; messages only inform.
///
/// # Errors
/// What differs.
pub fn validate(case: &Case) -> Check {
    let express = case.json["type"] == "EXPRESS" || case.json["args"]["type"] == "EXPRESS";
    let compile = if express {
        baton_language::compile_express
    } else {
        baton_language::compile
    };
    let found = match compile(&case.definition()) {
        Ok((_, warnings)) => warnings,
        Err(findings) => findings,
    };
    let is_error = |d: &baton_language::Diagnostic| d.severity == Severity::Error;
    let result = if found.iter().any(is_error) {
        "FAIL"
    } else {
        "OK"
    };
    let expect = &case.json["expect"];
    let own: Vec<Value> = found
        .iter()
        .map(|d| json!({"code": d.code, "severity": d.severity, "location": d.location}))
        .collect();
    let wanted: Vec<Value> = expect["diagnostics"]
        .as_array()
        .map_or(&[][..], Vec::as_slice)
        .iter()
        .map(|d| json!({"code": d["code"], "severity": d["severity"], "location": d["location"]}))
        .collect();
    let same = expect["result"] == result
        && Bindings::new(&case.literal)
            .matches(&Value::from(wanted.clone()), &Value::from(own.clone()));
    if same {
        Ok(())
    } else {
        Err(format!(
            "expected {} {wanted:?}, found {result} {found:?} {own:?}",
            expect["result"]
        ))
    }
}

/// Compares the whole answer, or the error's code and message.
///
/// # Errors
/// What differs.
pub fn test_state(case: &Case) -> Check {
    let expect = &case.json["expect"];
    let texts = Texts::of(case);
    let answer = baton_machine::test_state::run(&texts.request(case), setting());
    let found = match answer {
        Ok(answer) => answer.to_aws(),
        Err(refusal) => json!({"Error": {"Code": refusal.code, "Message": refusal.message}}),
    };
    let mut wanted = expect.clone();
    // An error is recorded with its message twice; the rest describes the HTTP answer.
    if let (Some(fields), Some(_)) = (wanted.as_object_mut(), expect.get("Error")) {
        fields.retain(|name, _| name == "Error");
    }
    let same = Bindings::new(&case.literal).matches(&wanted, &found);
    if same {
        Ok(())
    } else {
        Err(format!("expected {wanted}, found {found}"))
    }
}

fn setting() -> Setting<'static> {
    Setting {
        region: REGION,
        account: ACCOUNT,
        name: "test",
        now_ms: START_MS,
    }
}

/// The texts of a TestState call.
struct Texts {
    definition: String,
    input: Option<String>,
    mocked: Option<String>,
}

impl Texts {
    fn of(case: &Case) -> Self {
        let result = case.json["mock"].get("result").map(as_text);
        let mut texts = Self {
            definition: case.definition(),
            input: case.json.get("input").map(Value::to_string),
            mocked: result,
        };
        if case.json["mock"].is_null() && !case.json["functions"].is_null() {
            texts.mocked = texts.called(case);
        }
        texts
    }

    /// What the case's function answers to what the state sends it.
    fn called(&self, case: &Case) -> Option<String> {
        let nothing = Mock {
            outcome: Ok("{}"),
            validation: Validation::None,
        };
        let request = Request {
            mock: Some(nothing),
            level: Level::Debug,
            ..self.request(case)
        };
        let seen = baton_machine::test_state::run(&request, setting())
            .ok()?
            .inspection?;
        let sent = seen
            .get("afterParameters")
            .or_else(|| seen.get("afterArguments"))?;
        let sent: Value = serde_json::from_str(sent.as_str()?).ok()?;
        let resource = case.json["definition"]["Resource"].as_str()?;
        let answer = if resource.ends_with(":lambda:invoke") {
            tasks::sdk_answer(
                tasks::call(case, sent["FunctionName"].as_str()?, &sent["Payload"])?.ok()?,
            )
        } else {
            tasks::call(case, resource, &sent)?.ok()?
        };
        Some(answer.to_string())
    }

    fn request<'a>(&'a self, case: &'a Case) -> Request<'a> {
        let (args, mock) = (&case.json["args"], &case.json["mock"]);
        let (config, error) = (&args["stateConfiguration"], &mock["errorOutput"]);
        let text = |value: &'a Value| value.as_str();
        let outcome = match (&self.mocked, error.is_null()) {
            (Some(result), _) => Some(Ok(result.as_str())),
            (None, false) => {
                let (error, cause) = (text(&error["error"]), text(&error["cause"]));
                Some(Err(Failure {
                    error: error.map(Into::into),
                    cause: cause.map(Into::into),
                }))
            }
            (None, true) => None,
        };
        let validation = match text(&mock["fieldValidationMode"]) {
            Some("PRESENT") => Validation::Present,
            Some("NONE") => Validation::None,
            _ => Validation::Strict,
        };
        // The recordings don't say whether a role was given; an answer that shows none had none.
        let role = (!case.json["expect"].to_string().contains("\"RoleArn\":null")).then_some(ROLE);
        Request {
            definition: &self.definition,
            state_name: text(&args["stateName"]),
            input: self.input.as_deref(),
            role_arn: role,
            level: if [None, Some("INFO")].contains(&text(&args["inspectionLevel"])) {
                Level::Info
            } else {
                Level::Debug
            },
            reveal_secrets: args["revealSecrets"] == true,
            context: text(&args["context"]),
            variables: text(&args["variables"]),
            mock: outcome.map(|outcome| Mock {
                outcome,
                validation,
            }),
            retrier_retry_count: config["retrierRetryCount"].as_u64().unwrap_or(0) as u32,
            error_caused_by_state: text(&config["errorCausedByState"]),
            map_iteration_failure_count: config["mapIterationFailureCount"].as_u64(),
            map_item_reader_data: text(&config["mapItemReaderData"]),
        }
    }
}

fn as_text(value: &Value) -> String {
    value
        .as_str()
        .map_or_else(|| value.to_string(), str::to_owned)
}
