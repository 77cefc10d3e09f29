//! `baton graph`: a definition as a picture.

use crate::config::Error;
use crate::documents;
use clap::Args;
use std::path::PathBuf;
use std::process::ExitCode;

/// `graph`.
#[derive(Clone, Debug, Args)]
pub struct GraphArguments {
    /// Definition: ASL as JSON or YAML
    pub file: PathBuf,
    /// Write SVG (the one format so far)
    #[arg(long, default_value_t = true)]
    pub svg: bool,
    /// Write to this file instead of standard output
    #[arg(long)]
    pub to: Option<PathBuf>,
}

/// `baton graph`.
///
/// # Errors
/// The file can't be read, has nothing to draw, or the picture can't be written.
pub fn graph(arguments: &GraphArguments) -> Result<ExitCode, Error> {
    let definition = documents::read(&arguments.file)?;
    let place = |why: String| Error(format!("{}: {why}", arguments.file.display()));
    let picture = baton_graph::svg(&definition).map_err(place)?;
    match &arguments.to {
        None => print!("{picture}"),
        Some(to) => {
            std::fs::write(to, picture).map_err(|e| Error(format!("{}: {e}", to.display())))?
        }
    }
    Ok(ExitCode::SUCCESS)
}
