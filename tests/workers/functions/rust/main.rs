//! The steps as a Lambda function on AWS's runtime for Rust. Built by the tests outside of this workspace, as a user's function is.

mod steps;

use lambda_runtime::{Diagnostic, Error, LambdaEvent, run, service_fn};
use serde_json::{Value, json};
use steps::{Flaky, Step, perform};

async fn handler(event: LambdaEvent<Step>) -> Result<Value, Diagnostic> {
    let done = perform(event.payload).await.map_err(|Flaky| Diagnostic {
        error_type: "Flaky".to_owned(),
        error_message: "the first attempt fails".to_owned(),
    })?;
    let context = event.context;
    Ok(json!({
        "step": done.step,
        "attempt": done.attempt,
        "item": done.item,
        "request": context.request_id,
        "function": context.invoked_function_arn,
    }))
}

#[tokio::main]
async fn main() -> Result<(), Error> {
    run(service_fn(handler)).await
}
