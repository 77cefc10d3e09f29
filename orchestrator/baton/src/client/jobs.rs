//! Jobs: `stop`, `redrive` and `start-again` with `--where`, and `baton job list`, `show`, `cancel`.
//!
//! Owns: asking before one begins, and showing how far it is. The server carries it out: to end this program ends nothing
//! but the display.

use super::progress::{follow, summary};
use super::rest::{Rest, encoded};
use super::{all_of, run};
use crate::cli::Asking;
use crate::config::Error;
use crate::output::{self, Column, Showing};
use clap::{Args, Subcommand};
use serde_json::json;
use std::process::ExitCode;

/// Which executions a job is about, and how fast.
#[derive(Clone, Debug, Default, Args)]
pub struct Many {
    /// All executions that meet this, instead of one: "machine = orders and status = FAILED"; may be repeated
    #[arg(long = "where", value_name = "CONDITIONS")]
    pub conditions: Vec<String>,
    /// All executions of this saved view
    #[arg(long)]
    pub view: Option<String>,
    /// Most executions a second
    #[arg(long, value_name = "EXECUTIONS")]
    pub per_second: Option<u32>,
    /// Don't ask
    #[arg(long)]
    pub yes: bool,
    /// Don't wait for the end
    #[arg(long)]
    pub no_wait: bool,
}

/// `start-again`.
#[derive(Clone, Debug, Args)]
pub struct StartAgainArguments {
    #[command(flatten)]
    pub many: Many,
    #[command(flatten)]
    pub asking: Asking,
}

/// `job`.
#[derive(Clone, Debug, Subcommand)]
pub enum JobCommand {
    /// Lists jobs, newest first.
    List(ListJobs),
    /// Shows how far a job is, until it has ended.
    Watch(OneJob),
    /// Ends a job where it is; what it has done stays.
    Cancel(OneJob),
}

/// `job list`.
#[derive(Clone, Debug, Args)]
pub struct ListJobs {
    #[command(flatten)]
    pub showing: Showing,
    #[command(flatten)]
    pub asking: Asking,
}

/// `job watch` and `job cancel`.
#[derive(Clone, Debug, Args)]
pub struct OneJob {
    /// Id of the job
    pub job: String,
    #[command(flatten)]
    pub asking: Asking,
}

const COLUMNS: [Column; 8] = [
    ("STATUS", "status"),
    ("ACTION", "action"),
    ("TOTAL", "total"),
    ("DONE", "done"),
    ("SKIPPED", "skipped"),
    ("FAILED", "failed"),
    ("JOB", "jobId"),
    ("WHERE", "where"),
];

impl Many {
    /// Whether many executions are meant.
    ///
    /// # Errors
    /// When it is not clear whether one or many are.
    pub fn is_meant(&self, one: Option<&str>) -> Result<bool, Error> {
        let is_many = !self.conditions.is_empty() || self.view.is_some();
        match (is_many, one) {
            (true, Some(_)) => Err(Error(
                "name one execution, or many with --where or --view, not both".to_owned(),
            )),
            (false, None) => Err(Error(
                "which execution? name one, or many with --where or --view".to_owned(),
            )),
            _ => Ok(is_many),
        }
    }

    /// Creates the job after a look at what it is about, and waits for its end.
    ///
    /// # Errors
    /// What the node says.
    pub async fn job(
        &self,
        rest: &Rest,
        action: &str,
        more: &[(&str, &Option<String>)],
    ) -> Result<ExitCode, Error> {
        let conditions = all_of(&self.conditions);
        let mut body = json!({"action": action});
        let mut path = "/v1/executions?limit=1000".to_owned();
        for (name, value) in [("where", &conditions), ("view", &self.view)] {
            if let Some(value) = value {
                body[name] = value.as_str().into();
                path.push_str(&format!("&{name}={}", encoded(value)));
            }
        }
        for (name, value) in more {
            if let Some(value) = value {
                body[*name] = value.as_str().into();
            }
        }
        if let Some(rate) = self.per_second {
            body["perSecond"] = rate.into();
        }
        if !self.yes && !confirmed(rest, &path, action).await? {
            println!("nothing was done");
            return Ok(ExitCode::FAILURE);
        }
        let job = rest.post("/v1/jobs", &body).await?;
        let id = job["jobId"].as_str().unwrap_or_default();
        if self.no_wait {
            println!("{id}");
            return Ok(ExitCode::SUCCESS);
        }
        follow(rest, id).await
    }
}

/// `baton start-again`.
///
/// # Errors
/// What the node says.
pub fn start_again(arguments: StartAgainArguments) -> Result<ExitCode, Error> {
    run(async {
        let rest = Rest::new(&arguments.asking)?;
        arguments.many.is_meant(None)?;
        arguments.many.job(&rest, "start-again", &[]).await
    })
}

/// `baton job`.
///
/// # Errors
/// What the node says.
pub fn jobs(command: JobCommand) -> Result<ExitCode, Error> {
    run(async {
        match command {
            JobCommand::List(arguments) => {
                let found = Rest::new(&arguments.asking)?.get("/v1/jobs").await?;
                let jobs = found["jobs"].as_array().cloned().unwrap_or_default();
                arguments.showing.list(&jobs, &COLUMNS);
                Ok(ExitCode::SUCCESS)
            }
            JobCommand::Watch(arguments) => {
                follow(&Rest::new(&arguments.asking)?, &arguments.job).await
            }
            JobCommand::Cancel(arguments) => {
                let rest = Rest::new(&arguments.asking)?;
                let path = format!("/v1/jobs/{}/cancel", encoded(&arguments.job));
                let job = rest.post(&path, &json!({})).await?;
                println!("{}", summary(&job));
                Ok(ExitCode::SUCCESS)
            }
        }
    })
}

/// Asks whether so many executions are meant.
async fn confirmed(rest: &Rest, path: &str, action: &str) -> Result<bool, Error> {
    let page = rest.get(path).await?;
    let count = page["executions"].as_array().map_or(0, Vec::len);
    let more = if page["nextCursor"].is_string() {
        "or more "
    } else {
        ""
    };
    let nobody =
        format!("{action}: {count} {more}executions meet this, and nobody can be asked: say --yes");
    output::confirmed(&format!("{action} {count} {more}executions?"), &nobody)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_or_many_but_not_both() {
        let many = Many {
            view: Some("v".to_owned()),
            ..Many::default()
        };
        assert_eq!(many.is_meant(None).ok(), Some(true));
        assert!(many.is_meant(Some("m:x")).is_err());
        assert_eq!(Many::default().is_meant(Some("m:x")).ok(), Some(false));
        assert!(Many::default().is_meant(None).is_err());
    }
}
