//! Jobs, as they are shown.

use baton_schemas::registry::{JobAction, JobEntry, JobStatus};
use baton_schemas::time::rfc3339;
use serde::Serialize;
use std::sync::Arc;
use utoipa::ToSchema;

/// A job: one thing that is done with each execution of a filter.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Job {
    /// Id.
    pub job_id: String,
    /// `stop`, `redrive` or `start-again`.
    #[schema(value_type = String)]
    pub action: JobAction,
    /// With which executions.
    #[serde(rename = "where")]
    pub filter: String,
    /// Most executions a second.
    pub per_second: u32,
    /// `RUNNING`, `SUCCEEDED`, `FAILED` or `CANCELLED`.
    #[schema(value_type = String)]
    pub status: JobStatus,
    /// Why it failed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// Executions that the filter took when it began, up to 100,000; absent until they are counted.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub total: Option<u64>,
    /// With how many it was done.
    pub done: u64,
    /// How many were left alone, since there was nothing to do.
    pub skipped: u64,
    /// With how many it could not be done.
    pub failed: u64,
    /// The first of those.
    pub failures: Vec<JobFailure>,
    /// When it was created (RFC 3339).
    pub creation_date: String,
    /// When this was written down (RFC 3339).
    pub update_date: String,
}

/// An execution with which a job could not do what it does.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct JobFailure {
    /// ARN.
    pub execution_arn: String,
    /// Why.
    pub reason: String,
}

impl Job {
    /// As it is stored.
    pub fn of(entry: &JobEntry) -> Self {
        let progress = &entry.progress;
        let failure = |(execution, why): &(Arc<str>, Arc<str>)| JobFailure {
            execution_arn: execution.to_string(),
            reason: why.to_string(),
        };
        Self {
            job_id: entry.id.to_string(),
            action: entry.action,
            filter: entry.filter.to_string(),
            per_second: entry.per_second,
            status: entry.status,
            reason: entry.reason.as_deref().map(Into::into),
            total: progress.total,
            done: progress.done,
            skipped: progress.skipped,
            failed: progress.failed,
            failures: progress.failures.iter().map(failure).collect(),
            creation_date: rfc3339(entry.created_ms),
            update_date: rfc3339(entry.updated_ms),
        }
    }
}

/// Jobs, newest first.
#[derive(Serialize, ToSchema)]
pub struct JobList {
    pub jobs: Vec<Job>,
}
