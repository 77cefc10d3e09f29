//! Activities: task queues whose tasks are taken over HTTP.
//!
//! Owns: what an activity is in the registry, and handing out its tasks. A task is a command on the queue
//! `activity.NAME`; it is handed out at least once, and is answered with its token like any other.

use super::error::{ApiError, ErrorCode};
use super::remote::{Answer, Request, TaskOutcome};
use super::start::other_answer;
use super::write::Decision;
use super::{App, names, tags};
use crate::ports::{TakeError, Taken};
use crate::{ids, limits};
use baton_language::resource::Resource;
use baton_schemas::TaskToken;
use baton_schemas::registry::{ActivityEntry, RegistryBody};
use serde_json::Value;
use std::sync::Arc;
use std::time::Instant;
use tokio::sync::oneshot;

/// An activity with its ARN.
pub type Activity = (Arc<str>, ActivityEntry);

impl App {
    /// CreateActivity; the same name again is the same activity, whatever its tags.
    pub(crate) async fn create_activity(
        &self,
        name: &str,
        settings: Value,
    ) -> Result<Activity, ApiError> {
        names::check_name(name)?;
        if tags::given(&settings["tags"]).len() > limits::TAGS_MAX {
            let message = format!("an activity has at most {} tags", limits::TAGS_MAX);
            return Err(ApiError::new(ErrorCode::TooManyTags, message));
        }
        let arn: Arc<str> = format!(
            "arn:aws:states:{}:{}:activity:{name}",
            self.settings.region, self.settings.account
        )
        .into();
        self.ensure_topics(vec![queue_of(&arn)?]).await?;
        let entry = ActivityEntry {
            name: name.into(),
            created_ms: ids::now_ms(),
            settings,
        };
        let written = self
            .change_held(&arn, |held| match held {
                Some(RegistryBody::Activity(old)) => {
                    if encryption(old) == encryption(&entry) {
                        return Ok(Decision::Keep);
                    }
                    Err(ApiError::new(
                        ErrorCode::ActivityAlreadyExists,
                        format!("Activity Already Exists: '{arn}'"),
                    ))
                }
                _ => Ok(Decision::Put(RegistryBody::Activity(entry.clone()))),
            })
            .await?;
        match written {
            Some(RegistryBody::Activity(entry)) => Ok((arn, entry)),
            _ => Err(no_activity(&arn)),
        }
    }

    /// An activity by its ARN.
    ///
    /// # Errors
    /// InvalidArn, ActivityDoesNotExist.
    pub(crate) async fn existing_activity(&self, arn: &str) -> Result<ActivityEntry, ApiError> {
        names::activity_name(arn)?;
        let find = || match self.parts.registry.held(arn).map(|held| held.body.clone()) {
            Some(RegistryBody::Activity(entry)) => Some(entry),
            _ => None,
        };
        if let Some(found) = find() {
            return Ok(found);
        }
        self.read_registry().await?;
        find().ok_or_else(|| no_activity(arn))
    }

    /// DeleteActivity; one that does not exist is deleted already. Tasks that wait stay on the queue.
    pub(crate) async fn delete_activity(&self, arn: &str) -> Result<(), ApiError> {
        names::activity_name(arn)?;
        self.delete_held(arn).await
    }

    /// A page of activities in the order of their ARNs, behind `after`; and whether there are more.
    pub(crate) async fn list_activities(
        &self,
        after: Option<&str>,
        limit: usize,
    ) -> Result<(Vec<Activity>, bool), ApiError> {
        self.read_registry().await?;
        let all = self.parts.registry.held_under("arn:");
        let mut page: Vec<Activity> = all
            .into_iter()
            .filter(|(arn, _)| after.is_none_or(|after| &**arn > after))
            .filter_map(|(arn, held)| match &held.body {
                RegistryBody::Activity(entry) => Some((arn, entry.clone())),
                _ => None,
            })
            .take(limit + 1)
            .collect();
        let more = page.len() > limit;
        page.truncate(limit);
        Ok((page, more))
    }

    /// GetActivityTask: the next task, or `None` after [`limits::ACTIVITY_WAIT`].
    ///
    /// A task that has timed out, or whose execution has closed, while it waited is passed over.
    pub(crate) async fn activity_task(
        &self,
        arn: &str,
        worker: Option<&str>,
    ) -> Result<Option<Taken>, ApiError> {
        self.existing_activity(arn).await?;
        let queue = queue_of(arn)?;
        let begun = Instant::now();
        loop {
            let patience = limits::ACTIVITY_WAIT.saturating_sub(begun.elapsed());
            if patience.is_zero() || self.is_draining() {
                return Ok(None);
            }
            let (answer, answered) = oneshot::channel();
            let answer = Box::new(move |task| answer.send(task).is_ok());
            self.parts.queues.take(queue.clone(), patience, answer);
            let taken = tokio::select! {
                taken = answered => taken,
                () = self.drained() => return Ok(None),
            };
            match taken {
                Ok(Ok(Some(task))) => {
                    if self.begin(&task, worker).await? {
                        return Ok(Some(task));
                    }
                }
                Ok(Ok(None)) => return Ok(None),
                Ok(Err(TakeError::TooMany(max))) => {
                    let message = format!(
                        "at most {max} workers at a time may wait for tasks of {arn} on a node"
                    );
                    return Err(ApiError::new(
                        ErrorCode::ActivityWorkerLimitExceeded,
                        message,
                    ));
                }
                Ok(Err(TakeError::Unavailable(why))) => {
                    let message = format!("the tasks of {arn} can't be read: {why}");
                    return Err(ApiError::new(ErrorCode::ServiceUnavailable, message));
                }
                Err(_) => return Ok(None),
            }
        }
    }

    /// Records that a worker took the task; `false` if the task has ended already.
    async fn begin(&self, task: &Taken, worker: Option<&str>) -> Result<bool, ApiError> {
        let Some((execution, _)) = TaskToken::from_opaque(&task.token).parts() else {
            return Ok(false);
        };
        let request = Request::Complete {
            execution,
            token: task.token.clone(),
            outcome: TaskOutcome::Started(worker.map(Into::into)),
        };
        match self.at_owner(&request).await {
            Ok(Answer::Completed) => Ok(true),
            Ok(_) => Err(other_answer()),
            Err(error) => match error.code {
                ErrorCode::TaskTimedOut
                | ErrorCode::ExecutionDoesNotExist
                | ErrorCode::InvalidToken => Ok(false),
                // The task has left its queue: better started without a note of it than lost.
                _ => {
                    tracing::warn!(%error, "an activity's task is handed out, and its start is not recorded");
                    Ok(true)
                }
            },
        }
    }
}

/// The task queue of an activity: the one that definitions with its ARN send to.
fn queue_of(arn: &str) -> Result<Arc<str>, ApiError> {
    let queue = Resource::parse(arn).ok().and_then(|found| found.queue);
    queue.ok_or_else(|| {
        let message = format!("Invalid Name: '{arn}': too long for the name of a topic");
        ApiError::new(ErrorCode::InvalidName, message)
    })
}

/// The encryption of an activity as AWS describes it.
pub fn encryption(entry: &ActivityEntry) -> Value {
    super::machines::encryption_of(&entry.settings)
}

fn no_activity(arn: &str) -> ApiError {
    ApiError::new(
        ErrorCode::ActivityDoesNotExist,
        format!("Activity Does Not Exist: '{arn}'"),
    )
}
