//! `baton describe`: one execution, or one state machine.

use super::rest::{Rest, encoded};
use super::run;
use crate::cli::Asking;
use crate::config::Error;
use crate::output::Showing;
use clap::Args;
use std::process::ExitCode;

/// `describe`.
#[derive(Clone, Debug, Args)]
pub struct DescribeArguments {
    /// MACHINE:NAME or ARN of an execution; name or ARN of a state machine
    pub what: String,
    #[command(flatten)]
    pub showing: Showing,
    #[command(flatten)]
    pub asking: Asking,
}

/// `baton describe`.
///
/// # Errors
/// What the node says.
pub fn describe(arguments: DescribeArguments) -> Result<ExitCode, Error> {
    run(async {
        let rest = Rest::new(&arguments.asking)?;
        let kind = if is_machine(&arguments.what) {
            "state-machines"
        } else {
            "executions"
        };
        let path = format!("/v1/{kind}/{}", encoded(&arguments.what));
        let mut found = rest.get(&path).await?;
        if found["status"] == "RUNNING" {
            let why = rest.get(&format!("{path}/why")).await?;
            found["waitingFor"] = why["waitingFor"].clone();
        }
        arguments.showing.one(&found);
        Ok(ExitCode::SUCCESS)
    })
}

/// A name without a colon is a machine's; an ARN says what it is.
fn is_machine(what: &str) -> bool {
    match what.strip_prefix("arn:") {
        Some(rest) => rest.split(':').nth(4) == Some("stateMachine"),
        None => !what.contains(':'),
    }
}

#[cfg(test)]
mod tests {
    use super::is_machine;

    #[test]
    fn machines_and_executions_are_told_apart() {
        assert!(is_machine("greet") && is_machine("arn:aws:states:r:a:stateMachine:greet"));
        assert!(!is_machine("greet:one") && !is_machine("arn:aws:states:r:a:execution:greet:one"));
    }
}
