//! Jobs: one thing done with each execution of a filter, slowly enough, and to the end (docs/decisions/0009-jobs.md).
//!
//! Owns: creating, showing and cancelling them. A job is an entry of the registry, so every node shows it; `run` is what
//! carries it out, on the node that owns the job's partition.

mod outcome;
mod run;

use super::error::{ApiError, ErrorCode};
use super::filter::Filter;
use super::write::Decision;
use super::{App, names};
use crate::{ids, limits};
use baton_schemas::registry::{
    JOBS, JobAction, JobEntry, JobProgress, JobStatus, RegistryBody, job_arn,
};
use std::sync::Arc;

/// What a caller gives.
#[derive(Clone, Debug)]
pub struct NewJob<'a> {
    /// Makes a repeated creation the same job; one is made when absent.
    pub id: Option<&'a str>,
    /// What is done.
    pub action: JobAction,
    /// With which executions.
    pub filter: &'a str,
    /// Error that executions are stopped with.
    pub error: Option<&'a str>,
    /// Cause that executions are stopped with.
    pub cause: Option<&'a str>,
    /// Most executions a second.
    pub per_second: Option<u32>,
}

impl App {
    /// Creates a job. The same id and content is the same job.
    ///
    /// # Errors
    /// ValidationException, InvalidName, ConflictException, ServiceQuotaExceededException.
    pub(crate) async fn create_job(&self, new: NewJob<'_>) -> Result<JobEntry, ApiError> {
        let now_ms = ids::now_ms();
        let entry = checked(&new, now_ms)?;
        self.read_registry().await?;
        self.make_room().await?;
        let arn = job_arn(&entry.id);
        let held = self
            .change_held(&arn, |held| match held {
                None => Ok(Decision::Put(RegistryBody::Job(entry.clone()))),
                Some(RegistryBody::Job(before)) if is_same(before, &entry) => Ok(Decision::Keep),
                Some(_) => Err(ApiError::new(
                    ErrorCode::ConflictException,
                    format!("there is another job with the id '{}'", entry.id),
                )),
            })
            .await?;
        self.jobs_changed.notify_one();
        job_of(held.as_ref()).ok_or_else(|| no_job(&entry.id))
    }

    /// A job by its id, as far as it was written down.
    ///
    /// # Errors
    /// ResourceNotFound.
    pub(crate) async fn job(&self, id: &str) -> Result<JobEntry, ApiError> {
        self.read_registry().await?;
        self.held_job(id).ok_or_else(|| no_job(id))
    }

    /// All jobs, newest first.
    pub(crate) async fn jobs(&self) -> Result<Vec<JobEntry>, ApiError> {
        self.read_registry().await?;
        Ok(self.held_jobs())
    }

    /// Ends a job where it is; one that has ended stays as it is.
    ///
    /// # Errors
    /// ResourceNotFound.
    pub(crate) async fn cancel_job(&self, id: &str) -> Result<JobEntry, ApiError> {
        self.job(id).await?;
        let cancelled = |job: &mut JobEntry| job.status = JobStatus::Cancelled;
        let job = self.change_job(id, cancelled).await?;
        match job {
            Some(job) => Ok(job),
            None => self.job(id).await,
        }
    }

    /// Changes a job that runs; `None` if it does not (any more).
    async fn change_job(
        &self,
        id: &str,
        change: impl Fn(&mut JobEntry),
    ) -> Result<Option<JobEntry>, ApiError> {
        let now_ms = ids::now_ms();
        let held = self
            .change_held(&job_arn(id), |held| {
                let Some(RegistryBody::Job(before)) = held else {
                    return Ok(Decision::Keep);
                };
                if before.status != JobStatus::Running {
                    return Ok(Decision::Keep);
                }
                let mut job = before.clone();
                change(&mut job);
                job.updated_ms = now_ms;
                Ok(Decision::Put(RegistryBody::Job(job)))
            })
            .await?;
        Ok(job_of(held.as_ref()).filter(|job| job.updated_ms == now_ms))
    }

    /// Deletes the oldest jobs that have ended, if there are as many as may be.
    async fn make_room(&self) -> Result<(), ApiError> {
        let jobs = self.held_jobs();
        let running = |job: &&JobEntry| job.status == JobStatus::Running;
        if jobs.iter().filter(running).count() >= limits::JOBS_RUNNING_MAX {
            let message = format!(
                "{} jobs run, as many as may: wait for one, or cancel one",
                limits::JOBS_RUNNING_MAX
            );
            return Err(ApiError::new(
                ErrorCode::ServiceQuotaExceededException,
                message,
            ));
        }
        let surplus = (jobs.len() + 1).saturating_sub(limits::JOBS_MAX);
        let ended = jobs.iter().rev().filter(|job| !running(job));
        for job in ended.take(surplus) {
            self.delete_held(&job_arn(&job.id)).await?;
        }
        Ok(())
    }

    fn held_job(&self, id: &str) -> Option<JobEntry> {
        let held = self.parts.registry.held(&job_arn(id))?;
        job_of(Some(&held.body))
    }

    fn held_jobs(&self) -> Vec<JobEntry> {
        let held = self.parts.registry.held_under(JOBS);
        let mut jobs: Vec<JobEntry> = held
            .iter()
            .filter_map(|(_, held)| job_of(Some(&held.body)))
            .collect();
        jobs.sort_by(|a, b| (b.created_ms, &b.id).cmp(&(a.created_ms, &a.id)));
        jobs
    }
}

fn checked(new: &NewJob<'_>, now_ms: i64) -> Result<JobEntry, ApiError> {
    let id: Arc<str> = match new.id {
        Some(id) => {
            names::check_name(id)?;
            id.into()
        }
        None => ids::uuid().into(),
    };
    Filter::parse(new.filter)?;
    let bounded = |name: &str, text: Option<&str>, max: usize| match text {
        Some(text) if text.len() > max => Err(ApiError::validation(format!(
            "{name}: longer than {max} bytes"
        ))),
        Some(_) if new.action != JobAction::Stop => Err(ApiError::validation(format!(
            "{name}: only a job that stops executions takes one"
        ))),
        _ => Ok(text.map(Arc::from)),
    };
    let per_second = new.per_second.unwrap_or(limits::JOB_PER_SECOND_DEFAULT);
    if !(1..=limits::JOB_PER_SECOND_MAX).contains(&per_second) {
        return Err(ApiError::validation(format!(
            "perSecond {per_second}: must be from 1 to {}",
            limits::JOB_PER_SECOND_MAX
        )));
    }
    Ok(JobEntry {
        id,
        action: new.action,
        filter: new.filter.into(),
        error: bounded("error", new.error, limits::ERROR_LENGTH_MAX)?,
        cause: bounded("cause", new.cause, limits::CAUSE_LENGTH_MAX)?,
        per_second,
        created_ms: now_ms,
        status: JobStatus::Running,
        reason: None,
        progress: JobProgress::default(),
        updated_ms: now_ms,
    })
}

/// Whether a creation is a repetition.
fn is_same(before: &JobEntry, new: &JobEntry) -> bool {
    before.action == new.action
        && before.filter == new.filter
        && before.error == new.error
        && before.cause == new.cause
        && before.per_second == new.per_second
}

fn job_of(body: Option<&RegistryBody>) -> Option<JobEntry> {
    match body {
        Some(RegistryBody::Job(job)) => Some(job.clone()),
        _ => None,
    }
}

fn no_job(id: &str) -> ApiError {
    ApiError::new(
        ErrorCode::ResourceNotFound,
        format!("there is no job '{id}'"),
    )
}
