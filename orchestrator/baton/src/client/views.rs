//! `baton view list`, `save` and `delete`: filters of executions with a name.

use super::rest::{Rest, encoded};
use super::{all_of, run};
use crate::cli::Asking;
use crate::config::Error;
use crate::output::{Column, Showing};
use clap::{Args, Subcommand};
use serde_json::json;
use std::process::ExitCode;

/// `view`.
#[derive(Clone, Debug, Subcommand)]
pub enum ViewCommand {
    /// Lists saved views.
    List(ListViews),
    /// Saves a filter under a name, in the place of what had the name before.
    Save(SaveView),
    /// Deletes a saved view.
    Delete(DeleteView),
}

/// `view list`.
#[derive(Clone, Debug, Args)]
pub struct ListViews {
    #[command(flatten)]
    pub showing: Showing,
    #[command(flatten)]
    pub asking: Asking,
}

/// `view save`.
#[derive(Clone, Debug, Args)]
pub struct SaveView {
    /// Name
    pub name: String,
    /// Which executions, as for `list`; may be repeated
    #[arg(long = "where", value_name = "CONDITIONS", required = true)]
    pub conditions: Vec<String>,
    /// What it is for
    #[arg(long)]
    pub description: Option<String>,
    #[command(flatten)]
    pub asking: Asking,
}

/// `view delete`.
#[derive(Clone, Debug, Args)]
pub struct DeleteView {
    /// Name
    pub name: String,
    #[command(flatten)]
    pub asking: Asking,
}

const COLUMNS: [Column; 3] = [
    ("VIEW", "name"),
    ("WHERE", "where"),
    ("DESCRIPTION", "description"),
];

/// `baton view`.
///
/// # Errors
/// What the node says.
pub fn views(command: ViewCommand) -> Result<ExitCode, Error> {
    run(async {
        match command {
            ViewCommand::List(arguments) => {
                let found = Rest::new(&arguments.asking)?.get("/v1/views").await?;
                let views = found["views"].as_array().cloned().unwrap_or_default();
                arguments.showing.list(&views, &COLUMNS);
            }
            ViewCommand::Save(arguments) => {
                let mut body = json!({"where": all_of(&arguments.conditions)});
                if let Some(description) = &arguments.description {
                    body["description"] = description.as_str().into();
                }
                let rest = Rest::new(&arguments.asking)?;
                rest.put(&path(&arguments.name), &body).await?;
                println!("saved {}", arguments.name);
            }
            ViewCommand::Delete(arguments) => {
                let rest = Rest::new(&arguments.asking)?;
                rest.delete(&path(&arguments.name)).await?;
                println!("deleted {}", arguments.name);
            }
        }
        Ok(ExitCode::SUCCESS)
    })
}

fn path(name: &str) -> String {
    format!("/v1/views/{}", encoded(name))
}
