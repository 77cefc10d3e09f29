//! What TestState answers, case by case.

use super::*;

const SETTING: Setting<'_> = Setting {
    region: "us-east-1",
    account: "000000000000",
    name: "test",
    now_ms: 1_700_000_000_000,
};

fn answer(request: Request<'_>) -> Value {
    match run(&request, SETTING) {
        Ok(answer) => answer.to_aws(),
        Err(refusal) => refusal.to_string().into(),
    }
}

fn failing(error: &str) -> Option<Mock<'static>> {
    let failure = Failure {
        error: Some(error.into()),
        cause: Some("because".into()),
    };
    Some(Mock {
        outcome: Err(failure),
        validation: Validation::Strict,
    })
}

const TASK: &str = r#"{"Type": "Task", "Resource": "arn:aws:states:::sqs:sendMessage", "Parameters": {"a.$": "$.x"},
    "ResultPath": "$.r", "Retry": [{"ErrorEquals": ["Busy"], "IntervalSeconds": 3, "MaxAttempts": 2}],
    "Catch": [{"ErrorEquals": ["Odd"], "Next": "Elsewhere"}, {"ErrorEquals": ["States.ALL"], "ResultPath": "$.e", "Next": "Mend"}],
    "Next": "After"}"#;

fn task(mock: Option<Mock<'_>>, level: Level, retrier_retry_count: u32) -> Value {
    answer(Request {
        definition: TASK,
        input: Some(r#"{"x": 1}"#),
        mock,
        level,
        retrier_retry_count,
        ..Request::default()
    })
}

#[test]
fn a_mocked_result_goes_through_all_stages() {
    let mock = Mock {
        outcome: Ok(r#"{"MessageId": "m"}"#),
        validation: Validation::Present,
    };
    let shown = task(Some(mock), Level::Debug, 0);
    assert_eq!(
        shown,
        json!({
            "status": "SUCCEEDED", "nextState": "After",
            "output": r#"{"x":1,"r":{"MessageId":"m"}}"#,
            "inspectionData": {
                "input": r#"{"x":1}"#, "afterInputPath": r#"{"x":1}"#, "afterParameters": r#"{"a":1}"#,
                "result": r#"{"MessageId":"m"}"#, "afterResultSelector": r#"{"MessageId":"m"}"#,
                "afterResultPath": r#"{"x":1,"r":{"MessageId":"m"}}"#,
            },
        })
    );
}

#[test]
fn retriers_then_catchers_take_an_error() {
    let shown = task(failing("Busy"), Level::Debug, 1);
    assert_eq!(shown["status"], "RETRIABLE");
    let details = json!({"retryIndex": 0, "retryBackoffIntervalSeconds": 6});
    assert_eq!(shown["inspectionData"]["errorDetails"], details);
    let shown = task(failing("Busy"), Level::Info, 2);
    assert_eq!(
        shown,
        json!({
            "status": "CAUGHT_ERROR", "nextState": "Mend", "error": "Busy", "cause": "because",
            "output": r#"{"x":1,"e":{"Error":"Busy","Cause":"because"}}"#,
        })
    );
    let shown = task(failing("Odd"), Level::Debug, 0);
    assert_eq!(
        shown["inspectionData"]["errorDetails"],
        json!({"catchIndex": 0})
    );
}

#[test]
fn a_wrong_mock_is_refused() {
    let mock = Mock {
        outcome: Ok(r#"{"MessageId": 1}"#),
        validation: Validation::Present,
    };
    let refused = "ValidationException: Mock result schema validation error: Field 'MessageId' must be a string";
    assert_eq!(task(Some(mock), Level::Info, 0), refused);
    let needed = task(None, Level::Info, 0);
    assert!(
        needed
            .as_str()
            .is_some_and(|text| text.contains("with a mock only")),
        "{needed}"
    );
}

#[test]
fn a_state_is_found_in_any_scope() {
    let definition = r#"{"StartAt": "M", "States": {"M": {"Type": "Map", "End": true, "ItemProcessor":
        {"StartAt": "P", "States": {"P": {"Type": "Pass", "Parameters": {"n.$": "$$.Execution.Name"}, "End": true}}}}}}"#;
    let request = Request {
        definition,
        state_name: Some("P"),
        ..Request::default()
    };
    assert_eq!(
        answer(request.clone()),
        json!({"status": "SUCCEEDED", "output": r#"{"n":"test"}"#})
    );
    let context = Some(r#"{"Execution": {"Name": "other"}}"#);
    let request = Request { context, ..request };
    assert_eq!(answer(request.clone())["output"], r#"{"n":"other"}"#);
    let missing = Request {
        state_name: Some("Q"),
        ..request
    };
    assert!(
        answer(missing)
            .as_str()
            .is_some_and(|text| text.contains("State not found in definition"))
    );
}

#[test]
fn a_wait_takes_no_time_and_bad_input_is_refused() {
    let definition = r#"{"Type": "Wait", "Seconds": 3600, "Next": "N"}"#;
    let request = Request {
        definition,
        ..Request::default()
    };
    assert_eq!(
        answer(request.clone()),
        json!({"status": "SUCCEEDED", "output": "{}", "nextState": "N"})
    );
    let bad = Request {
        input: Some("{"),
        ..request
    };
    assert!(
        answer(bad)
            .as_str()
            .is_some_and(|text| text.starts_with("InvalidExecutionInput"))
    );
    for definition in ["", "1", "[]", "{}", "null", r#"{"States": {}}"#] {
        let request = Request {
            definition,
            ..Request::default()
        };
        assert!(answer(request).is_string(), "{definition}");
    }
}
