//! `baton completion`: what shells complete.

use crate::cli::Cli;
use clap::{Args, CommandFactory};
use clap_complete::Shell;
use std::process::ExitCode;

/// `completion`.
#[derive(Clone, Debug, Args)]
pub struct CompletionArguments {
    /// bash, zsh, fish, elvish or powershell
    pub shell: Shell,
}

/// `baton completion`.
pub fn completion(arguments: &CompletionArguments) -> ExitCode {
    let mut command = Cli::command();
    clap_complete::generate(
        arguments.shell,
        &mut command,
        "baton",
        &mut std::io::stdout(),
    );
    ExitCode::SUCCESS
}
