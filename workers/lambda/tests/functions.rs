//! Functions in child processes, from command to completion, without Kafka.
//!
//! The child is this very test program, told to run the ignored test `runtime`: a runtime interface client in a few lines.
//! AWS's own clients are tried by `./tests/run workers`.

use baton_schemas::{Command, Completion, Outcome};
use baton_worker::testing::{Harness, command, outcome};
use baton_worker::{Task, TaskError};
use baton_worker_lambda::{Function, Options};
use serde_json::{Value, json};
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::time::Duration;

const ARN: &str = "arn:aws:lambda:us-east-1:000000000000:function:f";
const INVOKE: &str = "arn:aws:states:::lambda:invoke";

fn function(timeout: Duration) -> Harness {
    let program = std::env::current_exe().expect("a program").into_os_string();
    let arguments = ["--exact", "runtime", "--ignored", "--nocapture"].map(Into::into);
    let mut options =
        Options::new("f", [program].into_iter().chain(arguments).collect()).expect("a command");
    options.timeout = timeout;
    let function = Function::new(options);
    Harness::new("lambda.f", move |task: Task| {
        let function = function.clone();
        async move { function.call(task).await }
    })
}

fn patient() -> Harness {
    function(Duration::from_secs(60))
}

async fn call(harness: &mut Harness, resource: &str, input: Value) -> Completion {
    harness.send(Command {
        resource: Some(resource.into()),
        ..command(input)
    });
    harness.completion().await
}

async fn fail(harness: &mut Harness, input: Value) -> TaskError {
    outcome(&call(harness, ARN, input).await).expect_err("a failure")
}

#[tokio::test]
async fn a_function_s_answer_is_the_output() {
    let mut harness = patient();
    let output = outcome(&call(&mut harness, ARN, json!({"do": "echo", "n": 1})).await).unwrap();
    assert_eq!(output["event"], json!({"do": "echo", "n": 1}));
    assert_eq!(output["arn"], ARN);
    assert!(output["left_ms"].as_i64().unwrap() > 0, "{output}");
    let again = outcome(&call(&mut harness, ARN, json!({"do": "echo"})).await).unwrap();
    assert_eq!(again["process"], output["process"], "the child is kept");
    assert_ne!(again["request"], output["request"]);
}

#[tokio::test]
async fn lambda_invoke_answers_as_on_aws() {
    let mut harness = patient();
    let parameters = json!({"FunctionName": "f:live", "Payload": {"do": "echo"}, "ClientContext": "eyJhIjoxfQ=="});
    let output = outcome(&call(&mut harness, INVOKE, parameters).await).unwrap();
    assert_eq!(output["StatusCode"], 200);
    assert_eq!(output["Payload"]["event"], json!({"do": "echo"}));
    assert_eq!(output["Payload"]["context"], json!({"a": 1}));
    let callback = format!("{INVOKE}.waitForTaskToken");
    let parameters = json!({"FunctionName": "f", "Payload": {"do": "echo"}});
    let completion = call(&mut harness, &callback, parameters).await;
    assert!(
        matches!(completion.outcome, Outcome::Submitted(_)),
        "{completion:?}"
    );
    let parameters = json!({"FunctionName": "f", "InvocationType": "DryRun"});
    let refused = outcome(&call(&mut harness, INVOKE, parameters).await).unwrap_err();
    assert_eq!(refused.error, "Lambda.InvalidParameterValueException");
}

#[tokio::test]
async fn errors_crashes_and_failed_starts_are_told_apart() {
    let mut harness = patient();
    let raised = fail(&mut harness, json!({"do": "raise"})).await;
    assert_eq!(raised.error, "Refused");
    let cause: Value = serde_json::from_str(&raised.cause).unwrap();
    assert_eq!(
        (&cause["errorMessage"], &cause["stackTrace"][0]),
        (&json!("no"), &json!("line 1"))
    );
    let crashed = fail(&mut harness, json!({"do": "exit"})).await;
    assert_eq!(crashed.error, "Runtime.ExitError");
    assert!(crashed.cause.contains("exit status: 3"), "{crashed}");
    let after = outcome(&call(&mut harness, ARN, json!({"do": "echo"})).await);
    assert!(
        after.is_ok(),
        "another child has taken its place: {after:?}"
    );
}

#[tokio::test]
async fn a_function_that_takes_too_long_is_killed_and_replaced() {
    let mut harness = function(Duration::from_millis(300));
    let late = fail(&mut harness, json!({"do": "hang"})).await;
    assert_eq!(late.error, "Sandbox.Timedout");
    assert!(
        late.cause.contains("Task timed out after 0.30 seconds"),
        "{late}"
    );
    assert!(outcome(&call(&mut harness, ARN, json!({"do": "echo"})).await).is_ok());
}

#[tokio::test]
async fn a_cancelled_task_frees_its_child_s_place() {
    let mut harness = patient();
    let hanging = Command {
        resource: Some(ARN.into()),
        ..command(json!({"do": "hang"}))
    };
    harness.send(hanging.clone());
    harness.cancel(&hanging.token);
    let cancelled = outcome(&harness.completion().await).unwrap_err();
    assert_eq!(cancelled.error, "Worker.Cancelled");
    assert!(harness.idle(Duration::from_secs(20)).await);
}

#[tokio::test]
async fn a_command_that_does_not_exist_fails_its_tasks() {
    let options = Options::new("f", vec!["/no/such/program".into()]).unwrap();
    let function = Function::new(options);
    let mut harness = Harness::new("lambda.f", move |task: Task| {
        let function = function.clone();
        async move { function.call(task).await }
    });
    let error = fail(&mut harness, json!({})).await;
    assert_eq!(error.error, "Runtime.InvalidEntrypoint");
    for wrong in ["", "a b", "a/b"] {
        assert!(Options::new(wrong, vec!["x".into()]).is_err(), "{wrong}");
    }
    assert!(Options::new("f", Vec::new()).is_err());
}

/// The child: asks for invocations and does what their events say, for ever.
#[test]
#[ignore = "run as a child of the other tests"]
fn runtime() {
    let Ok(api) = std::env::var("AWS_LAMBDA_RUNTIME_API") else {
        return;
    };
    loop {
        let (headers, body) = http(&api, "GET", "/2018-06-01/runtime/invocation/next", "");
        let header = |name: &str| {
            headers
                .iter()
                .find_map(|line| line.strip_prefix(&format!("{name}: ")))
        };
        let id = header("lambda-runtime-aws-request-id")
            .expect("an id")
            .to_owned();
        let event: Value = serde_json::from_str(&body).expect("JSON");
        let post = |kind: &str, body: Value| {
            http(
                &api,
                "POST",
                &format!("/2018-06-01/runtime/invocation/{id}/{kind}"),
                &body.to_string(),
            )
        };
        match event["do"].as_str() {
            Some("raise") => {
                let report =
                    json!({"errorMessage": "no", "errorType": "Refused", "stackTrace": ["line 1"]});
                post("error", report);
            }
            Some("exit") =>
            {
                #[expect(
                    clippy::disallowed_methods,
                    reason = "what is tried is a child that ends"
                )]
                std::process::exit(3)
            }
            Some("hang") => loop {
                std::thread::park();
            },
            _ => {
                let now = std::time::SystemTime::now()
                    .duration_since(std::time::UNIX_EPOCH)
                    .unwrap();
                let deadline: i64 = header("lambda-runtime-deadline-ms")
                    .unwrap()
                    .parse()
                    .unwrap();
                let context = header("lambda-runtime-client-context")
                    .map(|text| serde_json::from_str::<Value>(text).unwrap());
                let answer = json!({
                    "event": event,
                    "request": id,
                    "arn": header("lambda-runtime-invoked-function-arn"),
                    "context": context,
                    "left_ms": deadline - i64::try_from(now.as_millis()).unwrap(),
                    "process": std::process::id(),
                });
                post("response", answer);
            }
        }
    }
}

fn http(api: &str, method: &str, path: &str, body: &str) -> (Vec<String>, String) {
    let mut stream = TcpStream::connect(api).expect("the worker's port");
    let length = body.len();
    write!(stream, "{method} {path} HTTP/1.1\r\nhost: {api}\r\nconnection: close\r\ncontent-length: {length}\r\n\r\n{body}").expect("written");
    let mut reader = BufReader::new(stream);
    let mut headers = Vec::new();
    loop {
        let mut line = String::new();
        // A worker that is gone ends its children this way, too.
        if reader.read_line(&mut line).unwrap_or(0) == 0 {
            #[expect(clippy::disallowed_methods, reason = "a child of nobody ends")]
            std::process::exit(0);
        }
        match line.trim_end() {
            "" => break,
            line => headers.push(line.to_owned()),
        }
    }
    let mut body = String::new();
    reader.read_to_string(&mut body).expect("the rest");
    (headers, body)
}
