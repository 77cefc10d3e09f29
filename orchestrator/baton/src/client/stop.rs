//! `baton stop`: ends an execution, or many.

use super::jobs::Many;
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
    pub execution: Option<String>,
    #[command(flatten)]
    pub many: Many,
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
        let given = [("error", &arguments.error), ("cause", &arguments.cause)];
        if arguments.many.is_meant(arguments.execution.as_deref())? {
            return arguments.many.job(&rest, "stop", &given).await;
        }
        let mut body = json!({});
        for (name, value) in given {
            if let Some(value) = value {
                body[name] = value.as_str().into();
            }
        }
        let path = format!(
            "/v1/executions/{}/stop",
            encoded(&arguments.execution.unwrap_or_default())
        );
        let stopped = rest.post(&path, &body).await?;
        println!("{}", stopped["stopDate"].as_str().unwrap_or_default());
        Ok(ExitCode::SUCCESS)
    })
}
