//! Carrying jobs out.
//!
//! Owns: which jobs are this node's, the walk over the executions, rate and concurrency, and writing down how far it is.
//! The walk goes by start and ARN, from the newest that started before the job to the oldest, so executions that fall out
//! of the filter because of the job don't disturb it. A crash, or a partition that moves, repeats what was not written
//! down; each action is one that may be repeated. Two nodes that both think a job is theirs do the same things, once.

use super::super::App;
use super::super::error::{ApiError, ErrorCode};
use super::super::filter::Filter;
use super::super::list::{ListRequest, Listed};
use super::super::start::StartInput;
use super::outcome::{self, Outcome};
use crate::{ids, limits};
use baton_schemas::Payload;
use baton_schemas::history::Failure;
use baton_schemas::partition::partition_of;
use baton_schemas::registry::{JobAction, JobEntry, JobProgress, JobStatus, job_arn};
use futures::future::BoxFuture;
use futures::stream::FuturesUnordered;
use futures::{FutureExt, StreamExt};
use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::time::{Interval, MissedTickBehavior};

/// Jobs that this node is busy with.
type Busy = Arc<Mutex<BTreeSet<Arc<str>>>>;

impl App {
    /// Carries out the jobs of this node's partitions until the node shuts down.
    pub async fn keep_jobs(self: Arc<Self>) {
        let busy = Busy::default();
        while !self.is_draining() {
            let jobs = self.held_jobs();
            let running = jobs.iter().filter(|job| job.status == JobStatus::Running);
            for job in running {
                let is_new = self.owns_job(&job.id) && lock(&busy).insert(job.id.clone());
                if is_new {
                    let (app, busy, id) = (self.clone(), busy.clone(), job.id.clone());
                    tokio::spawn(async move {
                        app.carry_out(&id).await;
                        lock(&busy).remove(&id);
                    });
                }
            }
            tokio::select! {
                () = self.jobs_changed.notified() => {}
                () = tokio::time::sleep(limits::JOBS_LOOK_EVERY) => {}
                () = self.drained() => {}
            }
        }
    }

    fn owns_job(&self, id: &str) -> bool {
        let partitions = self.parts.cluster.partitions();
        let partition = partition_of(job_arn(id).as_bytes(), partitions);
        self.parts.cluster.owns(partition)
    }

    /// Whether the job is still to be carried out, and here.
    fn goes_on(&self, id: &str) -> bool {
        let is_running = |job: JobEntry| job.status == JobStatus::Running;
        !self.is_draining() && self.owns_job(id) && self.held_job(id).is_some_and(is_running)
    }

    async fn carry_out(&self, id: &str) {
        let Some(job) = self.held_job(id) else {
            return;
        };
        tracing::info!(job.id = id, job.action = ?job.action, job.filter = %job.filter, "carrying out a job");
        let ended = match self.walk(&job).await {
            Err(error) if outcome::is_final(&error) => {
                let status = JobStatus::Failed;
                self.end(&job, status, Some(&error.message)).await
            }
            walked => walked,
        };
        if let Err(error) = ended {
            // It is taken up again where it was, here or elsewhere.
            tracing::warn!(job.id = id, %error, "a job is held up");
            tokio::time::sleep(limits::JOBS_LOOK_EVERY).await;
        }
    }

    async fn walk(&self, job: &JobEntry) -> Result<(), ApiError> {
        let wanted = self.wanted(job, &Filter::parse(&job.filter)?);
        let mut progress = job.progress.clone();
        if progress.total.is_none() {
            progress.total = Some(self.count(job, &wanted).await?);
            self.save(job, &progress).await?;
        }
        let mut pace = tokio::time::interval(Duration::from_secs(1) / job.per_second.max(1));
        pace.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let per_page = limits::JOB_SAVE_EVERY.as_secs() as usize * job.per_second as usize;
        while self.goes_on(&job.id) {
            let page = self
                .whole_page(ListRequest {
                    limit: per_page.clamp(1, limits::PAGE_MAX),
                    after: progress.after.clone(),
                    ..wanted.clone()
                })
                .await?;
            let next = page.next;
            let wanted_outcomes = page.executions.len();
            let outcomes = self.act_on(job, page.executions, &mut pace).await;
            // Held up in the middle, perhaps for a moment: the page is done again from its beginning, by whoever has the job.
            if outcomes.len() < wanted_outcomes || !self.goes_on(&job.id) {
                return Ok(());
            }
            outcomes
                .into_iter()
                .for_each(|(execution, outcome)| outcome::count(&mut progress, execution, outcome));
            let is_last = next.is_none();
            progress.after = next.or(progress.after);
            self.save(job, &progress).await?;
            if is_last {
                tracing::info!(
                    job.id = &*job.id,
                    job.done = progress.done,
                    job.failed = progress.failed,
                    "a job is done"
                );
                return self.end(job, JobStatus::Succeeded, None).await;
            }
        }
        Ok(())
    }

    /// Acts on executions, at the job's pace, as long as it goes on; gives fewer outcomes if it doesn't.
    async fn act_on(
        &self,
        job: &JobEntry,
        executions: Vec<Listed>,
        pace: &mut Interval,
    ) -> Vec<(Arc<str>, Outcome)> {
        let mut left = executions.into_iter().peekable();
        let mut acting: FuturesUnordered<BoxFuture<'_, _>> = FuturesUnordered::new();
        let mut outcomes = Vec::new();
        loop {
            let is_room = acting.len() < limits::JOB_CONCURRENCY;
            let may_begin = is_room && left.peek().is_some() && self.goes_on(&job.id);
            tokio::select! {
                Some(outcome) = acting.next(), if !acting.is_empty() => outcomes.push(outcome),
                _ = pace.tick(), if may_begin => {
                    acting.extend(left.next().map(|execution| self.act(job, execution).boxed()));
                }
                else => return outcomes,
            }
        }
    }

    /// The executions that the job is about: none that started since, so that it comes to an end.
    fn wanted(&self, job: &JobEntry, filter: &Filter) -> ListRequest {
        let mut wanted = filter.request(self);
        let before_ms = wanted.before_ms.unwrap_or(i64::MAX);
        wanted.before_ms = Some(before_ms.min(job.created_ms.saturating_add(1)));
        wanted
    }

    /// How many there are, up to [`limits::JOB_COUNT_MAX`].
    async fn count(&self, job: &JobEntry, wanted: &ListRequest) -> Result<u64, ApiError> {
        let (mut total, mut after) = (0, None);
        while total < limits::JOB_COUNT_MAX && self.goes_on(&job.id) {
            let page = self
                .whole_page(ListRequest {
                    limit: limits::PAGE_MAX,
                    after,
                    ..wanted.clone()
                })
                .await?;
            total += page.executions.len() as u64;
            after = page.next;
            if after.is_none() {
                break;
            }
        }
        Ok(total)
    }

    /// A page that lacks nothing.
    async fn whole_page(
        &self,
        request: ListRequest,
    ) -> Result<super::super::list::ListAnswer, ApiError> {
        let page = self.list_executions(request).await?;
        if page.incomplete {
            return Err(ApiError::new(
                ErrorCode::ServiceUnavailable,
                "not all partitions have a reachable owner",
            ));
        }
        Ok(page)
    }

    /// Does what the job does with one execution.
    async fn act(&self, job: &JobEntry, execution: Listed) -> (Arc<str>, Outcome) {
        let arn = execution.execution.clone();
        let is_running = &*execution.status == "RUNNING";
        let done = match job.action {
            JobAction::Stop if is_running => {
                let failure = Failure {
                    error: job.error.clone(),
                    cause: job.cause.clone(),
                };
                self.stop(&arn, failure).await.map(drop)
            }
            JobAction::Redrive if !is_running && &*execution.status != "SUCCEEDED" => {
                self.redrive(&arn, Some(&job.id)).await.map(drop)
            }
            JobAction::StartAgain if execution.map_run.is_none() => {
                self.start_again(job, &execution).await
            }
            JobAction::Stop | JobAction::Redrive | JobAction::StartAgain => {
                return (arn, Outcome::Skipped);
            }
        };
        let outcome = match done {
            Ok(()) => Outcome::Done,
            Err(error) if outcome::is_done_already(job.action, &error) => Outcome::Skipped,
            Err(error) => Outcome::Failed(error.message.into()),
        };
        (arn, outcome)
    }

    async fn start_again(&self, job: &JobEntry, execution: &Listed) -> Result<(), ApiError> {
        let view = self.describe(&execution.execution).await?;
        let input = view.input.unwrap_or_else(Payload::empty_object);
        let name = outcome::name_again(&execution.execution, &job.id);
        self.start(StartInput {
            machine: &execution.machine,
            name: Some(&name),
            input: Some(input.as_str()),
            traceparent: ids::traceparent(None),
        })
        .await
        .map(drop)
    }

    async fn save(&self, job: &JobEntry, progress: &JobProgress) -> Result<(), ApiError> {
        self.change_job(&job.id, |job| job.progress = progress.clone())
            .await
            .map(drop)
    }

    async fn end(
        &self,
        job: &JobEntry,
        status: JobStatus,
        reason: Option<&str>,
    ) -> Result<(), ApiError> {
        self.change_job(&job.id, |job| {
            job.status = status;
            job.reason = reason.map(Into::into);
        })
        .await
        .map(drop)
    }
}

fn lock(busy: &Busy) -> std::sync::MutexGuard<'_, BTreeSet<Arc<str>>> {
    busy.lock().unwrap_or_else(PoisonError::into_inner)
}
