//! `baton stop`: ends an execution.

use super::rest::{Rest, encoded};
use super::run;
use crate::cli::Asking;
use crate::config::Error;
use clap::Args;
use serde_json::json;
use std::process::ExitCode;

/// `stop`.
#[derive(Clone, Debug, Args)]
pub struct StopArguments {
    /// ARN of the execution, or MACHINE:NAME
    pub execution: String,
    /// Error that the execution ends with
    #[arg(long)]
    pub error: Option<String>,
    /// Cause, in words
    #[arg(long)]
    pub cause: Option<String>,
    #[command(flatten)]
    pub asking: Asking,
}

/// `baton stop`.
///
/// # Errors
/// What the node says.
pub fn stop(arguments: StopArguments) -> Result<ExitCode, Error> {
    run(async {
        let rest = Rest::new(&arguments.asking)?;
        let mut body = json!({});
        for (name, value) in [("error", &arguments.error), ("cause", &arguments.cause)] {
            if let Some(value) = value {
                body[name] = value.as_str().into();
            }
        }
        let path = format!("/v1/executions/{}/stop", encoded(&arguments.execution));
        let stopped = rest.post(&path, &body).await?;
        println!("{}", stopped["stopDate"].as_str().unwrap_or_default());
        Ok(ExitCode::SUCCESS)
    })
}
