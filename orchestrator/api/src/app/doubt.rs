//! What became of a call whose first answer was lost.
//!
//! Owns: telling "this was done, by the first try" from "this can't be done", when a call that may have been recorded is
//! asked again and refused. The history knows: a start of the same input, or a task that ended as the call says, is what
//! was asked for. Must not: decide anything that the owner decides.

use super::App;
use super::error::{ApiError, ErrorCode};
use super::history::HistoryQuery;
use super::remote::{Answer, Request, Result, TaskOutcome};
use crate::limits;
use baton_schemas::TaskToken;
use serde_json::Value;
use std::sync::Arc;

impl App {
    /// The answer to `request`, which was refused with `refused` after an earlier try whose outcome nobody knows.
    pub(crate) async fn what_became_of(
        &self,
        request: &Request,
        refused: ApiError,
    ) -> Result<Answer> {
        let settled = match (request, refused.code) {
            (Request::Start { .. }, ErrorCode::ExecutionAlreadyExists) => {
                self.started(request).await?
            }
            (Request::Complete { .. }, ErrorCode::TaskTimedOut) => self.completed(request).await?,
            _ => None,
        };
        settled.ok_or(refused)
    }

    /// Set if the execution that has the name is the one that was to be started. It may have closed meanwhile.
    async fn started(&self, request: &Request) -> Result<Option<Answer>> {
        let Request::Start {
            execution,
            revision,
            input,
            ..
        } = request
        else {
            return Ok(None);
        };
        let describe = Request::Describe {
            execution: execution.clone(),
        };
        let Answer::Execution(found) = Box::pin(self.at_owner(&describe)).await? else {
            return Ok(None);
        };
        let same = found.revision == *revision && found.input.as_ref() == Some(input);
        Ok(same.then_some(Answer::Started(found.start_ms)))
    }

    /// Set if the task has ended just as the call says.
    async fn completed(&self, request: &Request) -> Result<Option<Answer>> {
        let Request::Complete {
            execution,
            token,
            outcome,
        } = request
        else {
            return Ok(None);
        };
        let Some((_, task)) = TaskToken::from_opaque(token).parts() else {
            return Ok(None);
        };
        let mut end = End::of(task);
        let mut after = Some(task);
        loop {
            let query = HistoryQuery {
                execution: execution.clone(),
                after,
                limit: limits::PAGE_MAX,
                reverse: false,
                include_data: true,
            };
            let Answer::History(page) = Box::pin(self.at_owner(&Request::History(query))).await?
            else {
                return Ok(None);
            };
            if let Some(event) = page.events.iter().find(|event| end.is_at(event)) {
                return Ok(says(event, outcome).then_some(Answer::Completed));
            }
            after = page.next;
            if after.is_none() {
                return Ok(None);
            }
        }
    }
}

/// Looks for the event that ended a task, event by event: each names the one before it in its thread of control.
struct End {
    /// Ids of the task's events so far.
    thread: Vec<u64>,
}

impl End {
    fn of(task: u64) -> Self {
        Self { thread: vec![task] }
    }

    /// Whether `event` (as AWS shows it) ended the task.
    fn is_at(&mut self, event: &Value) -> bool {
        let number = |field: &str| event[field].as_u64().unwrap_or_default();
        if !self.thread.contains(&number("previousEventId")) {
            return false;
        }
        let kind = event["type"].as_str().unwrap_or_default();
        let goes_on = ["Started", "Submitted"]
            .iter()
            .any(|end| kind.ends_with(end));
        if goes_on {
            self.thread.push(number("id"));
        }
        !goes_on
    }
}

/// Whether `event` (as AWS shows it) records `outcome`.
fn says(event: &Value, outcome: &TaskOutcome) -> bool {
    let kind = event["type"].as_str().unwrap_or_default();
    let details = event.as_object().into_iter().flatten();
    let detail = |field: &str| -> Option<Arc<str>> {
        let mut details = details
            .clone()
            .filter(|(name, _)| name.ends_with("EventDetails"));
        details.find_map(|(_, details)| details[field].as_str().map(Arc::from))
    };
    let families = ["Task", "LambdaFunction", "Activity"];
    let is = |end: &str| families.iter().any(|f| kind.strip_prefix(f) == Some(end));
    match outcome {
        TaskOutcome::Succeeded(output) => {
            is("Succeeded") && detail("output").as_deref() == Some(output.as_str())
        }
        TaskOutcome::Failed(failure) => {
            is("Failed") && detail("error") == failure.error && detail("cause") == failure.cause
        }
        TaskOutcome::Heartbeat | TaskOutcome::Started(_) => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use baton_schemas::Payload;
    use baton_schemas::history::Failure;
    use serde_json::json;

    fn history() -> [Value; 4] {
        [
            json!({"id": 4, "previousEventId": 3, "type": "TaskStarted"}),
            json!({"id": 5, "previousEventId": 2, "type": "PassStateExited"}),
            json!({"id": 6, "previousEventId": 4, "type": "TaskSucceeded", "taskSucceededEventDetails": {"output": "{\"a\":1}"}}),
            json!({"id": 7, "previousEventId": 6, "type": "TaskStateExited"}),
        ]
    }

    fn succeeded(text: &str) -> TaskOutcome {
        TaskOutcome::Succeeded(Payload::from_text(text).expect("the test writes JSON"))
    }

    #[test]
    fn the_end_of_a_task_is_found_among_others_events() {
        let mut end = End::of(3);
        let history = history();
        let found = history
            .iter()
            .find(|event| end.is_at(event))
            .expect("the task ended");
        assert_eq!(found["id"], 6);
        assert!(says(found, &succeeded("{\"a\":1}")));
        assert!(!says(found, &succeeded("{\"a\":2}")));
        assert!(!says(found, &TaskOutcome::Failed(Failure::default())));
        assert!(!says(found, &TaskOutcome::Heartbeat));
    }

    #[test]
    fn a_failure_is_the_same_with_the_same_error_and_cause() {
        let failed = json!({"id": 6, "previousEventId": 4, "type": "TaskFailed", "taskFailedEventDetails": {"error": "E"}});
        let failure = |cause: Option<&str>| {
            TaskOutcome::Failed(Failure {
                error: Some("E".into()),
                cause: cause.map(Arc::from),
            })
        };
        assert!(says(&failed, &failure(None)));
        assert!(!says(&failed, &failure(Some("other"))));
    }
}
