//! One child process that runs the function, one invocation at a time.
//!
//! ```text
//! started -> (asks for an invocation) taken -> reported -> taken -> ...
//!         -> init error, silent, exited                 -> timed out, exited: ended for good
//! ```
//! Owns: the child's environment, its time, its end. The child leads a process group, which is killed as a whole.

use crate::answer::Report;
use crate::function::Options;
use crate::invocation::Invocation;
use crate::limits::INIT_MAX;
use crate::log::{self, Output};
use crate::runtime_api::{News, RuntimeApi};
use rustix::process::{Pid, Signal, kill_process_group};
use std::os::unix::process::CommandExt;
use std::process::{Command, Stdio};
use std::time::Duration;
use tokio::sync::watch;
use tokio::time::timeout;
use tracing::Span;

/// A child; dropping it kills it.
pub struct Sandbox {
    group: Option<Pid>,
    /// How it ended, once it has.
    ended: watch::Receiver<Option<String>>,
    api: RuntimeApi,
    output: Output,
    /// Whether it has answered at least once.
    is_used: bool,
    is_usable: bool,
}

/// How an invocation went.
pub enum Ended {
    /// The child had the invocation.
    Reported(Report),
    /// The child was gone before it took the invocation: another may have it.
    NotTaken,
}

impl Sandbox {
    /// Starts a child.
    ///
    /// # Errors
    /// No port, or the command can't be run.
    pub async fn start(options: &Options) -> std::io::Result<Self> {
        let api = RuntimeApi::open().await?;
        let mut command = Command::new(&options.command[0]);
        command
            .args(&options.command[1..])
            .envs(environment(options))
            .env("AWS_LAMBDA_RUNTIME_API", api.address().to_string())
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .process_group(0);
        let mut child = command.spawn()?;
        tracing::debug!(
            process.id = child.id(),
            port = api.address().port(),
            "function started"
        );
        let output = Output::default();
        if let Some(stdout) = child.stdout.take() {
            log::follow(stdout, "stdout", output.clone())?;
        }
        if let Some(stderr) = child.stderr.take() {
            log::follow(stderr, "stderr", output.clone())?;
        }
        let group = i32::try_from(child.id()).ok().and_then(Pid::from_raw);
        let (tell, ended) = watch::channel(None);
        std::thread::Builder::new()
            .name("function".to_owned())
            .spawn(move || {
                let status = child.wait();
                let words = status.map_or_else(|error| error.to_string(), |s| s.to_string());
                tell.send_replace(Some(words));
            })?;
        Ok(Self {
            group,
            ended,
            api,
            output,
            is_used: false,
            is_usable: true,
        })
    }

    /// Whether it may have another invocation.
    pub fn is_usable(&self) -> bool {
        self.is_usable && self.ended.borrow().is_none()
    }

    /// Runs one invocation. What the child writes meanwhile is logged within `span`.
    pub async fn invoke(&mut self, invocation: Invocation, limit: Duration, span: &Span) -> Ended {
        self.output.belongs_to(span);
        // Until it has reported, nothing is known of its state.
        self.is_usable = false;
        self.api.offer(invocation, limit);
        match timeout(INIT_MAX, self.news()).await {
            Err(_) => return Ended::Reported(Report::InitTimedOut(INIT_MAX)),
            Ok(Ok(News::Taken)) => {}
            Ok(Ok(News::Report(start_failed))) => return Ended::Reported(start_failed),
            Ok(Err(_)) if self.is_used => return Ended::NotTaken,
            Ok(Err(status)) => return Ended::Reported(Report::Exited(status)),
        }
        let report = match timeout(limit, self.report()).await {
            Err(_) => Report::TimedOut(limit),
            Ok(Err(status)) => Report::Exited(status),
            Ok(Ok(report)) => {
                (self.is_used, self.is_usable) = (true, true);
                report
            }
        };
        Ended::Reported(report)
    }

    async fn report(&mut self) -> Result<Report, String> {
        loop {
            if let News::Report(report) = self.news().await? {
                return Ok(report);
            }
        }
    }

    /// What the child says next, or how it ended without saying anything.
    async fn news(&mut self) -> Result<News, String> {
        let Self { api, ended, .. } = self;
        let status = tokio::select! {
            biased;
            news = api.hear() => return Ok(news),
            status = ended.wait_for(Option::is_some) => match status {
                Ok(status) => status.clone().unwrap_or_default(),
                Err(gone) => gone.to_string(),
            },
        };
        // It may have spoken with its last breath.
        api.heard().ok_or(status)
    }
}

impl Drop for Sandbox {
    fn drop(&mut self) {
        // One that has ended was waited for, and its id may be another's by now. One that ends at this very moment is
        // waited for a moment later: its id can't have been given away so soon.
        if self.ended.borrow().is_none()
            && let Some(group) = self.group
            && let Err(error) = kill_process_group(group, Signal::KILL)
        {
            tracing::debug!(%error, "a function's process group was gone already");
        }
    }
}

/// What AWS documents as set by Lambda ("Using Lambda environment variables"), as far as it has a meaning here. What the
/// worker itself was given is passed on.
fn environment(options: &Options) -> Vec<(&'static str, String)> {
    let function = &options.function;
    let mut set = vec![
        ("AWS_LAMBDA_FUNCTION_NAME", function.clone()),
        ("AWS_LAMBDA_FUNCTION_VERSION", "$LATEST".to_owned()),
        (
            "AWS_LAMBDA_FUNCTION_MEMORY_SIZE",
            options.memory_mb.to_string(),
        ),
        (
            "AWS_LAMBDA_LOG_GROUP_NAME",
            format!("/aws/lambda/{function}"),
        ),
        ("AWS_LAMBDA_LOG_STREAM_NAME", "baton".to_owned()),
        ("AWS_LAMBDA_INITIALIZATION_TYPE", "on-demand".to_owned()),
        // What a function prints is in the log when it is printed.
        ("PYTHONUNBUFFERED", "1".to_owned()),
    ];
    let has = |name| std::env::var_os(name).is_some();
    if !has("LAMBDA_TASK_ROOT")
        && let Ok(here) = std::env::current_dir()
    {
        set.push(("LAMBDA_TASK_ROOT", here.display().to_string()));
    }
    if !has("AWS_REGION") && !has("AWS_DEFAULT_REGION") {
        set.push(("AWS_REGION", "us-east-1".to_owned()));
        set.push(("AWS_DEFAULT_REGION", "us-east-1".to_owned()));
    }
    if let Some(handler) = &options.handler {
        set.push(("_HANDLER", handler.clone()));
    }
    set
}
