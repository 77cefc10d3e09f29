//! Answering a request about an execution on the node that owns it.
//!
//! Owns: the way from a [`Request`] to this node's owners and views. Must not: look for another node.

use super::error::{ApiError, ErrorCode};
use super::executions::ExecutionView;
use super::remote::{Answer, Request, Result, TaskOutcome};
use super::{App, blocking, changes, in_time, list, map_runs, wait, waiting};
use crate::limits;
use baton_engine::call::{Call, Reply, StartCall};
use baton_engine::{Definition, Definitions};
use baton_schemas::history::Failure;
use baton_schemas::{Outcome, TaskToken};
use std::sync::Arc;
use tokio::sync::oneshot;

/// Answers `request` here.
///
/// # Errors
/// The operation's; [`ErrorCode::NotOwner`] when the partition is not this node's.
pub async fn perform(app: &App, request: &Request) -> Result<Answer> {
    if let Some(execution) = request.execution() {
        let partition = app.partition(execution);
        if !app.parts.cluster.owns(partition) {
            return Err(ApiError::new(
                ErrorCode::NotOwner,
                format!("partition {partition} is not owned by this node"),
            ));
        }
    }
    if request.is_query() {
        follows(app)?;
    }
    match request {
        Request::Start {
            execution,
            revision,
            input,
            traceparent,
            qualifier,
        } => {
            let call = StartCall {
                execution: execution.clone(),
                definition: definition(app, *revision).await?,
                input: input.clone(),
                traceparent: Some(traceparent.clone()),
                qualifier: qualifier.clone(),
            };
            start(app, call).await
        }
        Request::StartSync {
            execution,
            revision,
            input,
            traceparent,
            qualifier,
        } => {
            let call = StartCall {
                execution: execution.clone(),
                definition: definition(app, *revision).await?,
                input: input.clone(),
                traceparent: Some(traceparent.clone()),
                qualifier: qualifier.clone(),
            };
            start_sync(app, call).await
        }
        Request::Stop { execution, failure } => stop(app, execution, failure).await,
        Request::Redrive { execution, token } => redrive(app, execution, token).await,
        Request::Pause { execution, paused } => pause(app, execution, *paused).await,
        Request::Complete {
            execution,
            token,
            outcome,
        } => complete(app, execution, token, outcome).await,
        Request::Describe { execution } => {
            let view = wait::closed(app, execution, 0).await?;
            Ok(Answer::Execution(Box::new(view)))
        }
        Request::Waiting { execution } => {
            let (views, arn) = (app.parts.views.clone(), execution.clone());
            let found = blocking(move || waiting::found(&*views, &arn)).await?;
            found
                .map(Answer::Waiting)
                .ok_or_else(|| ApiError::no_execution(execution))
        }
        Request::Outcome { execution, wait_ms } => {
            let view = wait::closed(app, execution, *wait_ms).await?;
            Ok(Answer::Execution(Box::new(view)))
        }
        Request::History(query) => Ok(Answer::History(wait::events(app, query, 0).await?)),
        Request::Events { query, wait_ms } => {
            Ok(Answer::History(wait::events(app, query, *wait_ms).await?))
        }
        Request::List(request) => {
            let (parts, request) = (app.parts.clone(), request.clone());
            let page = blocking(move || list::local_page(&parts, &request)).await?;
            Ok(Answer::List(page))
        }
        Request::Changes { query, wait_ms } => {
            Ok(Answer::Changes(changes::local(app, query, *wait_ms).await?))
        }
        Request::MapRuns { execution } => {
            let (parts, execution) = (app.parts.clone(), execution.clone());
            let runs = blocking(move || map_runs::local_runs(&parts, &execution)).await??;
            Ok(Answer::MapRuns(runs))
        }
        Request::UpdateMapRun {
            execution,
            run,
            bounds,
        } => {
            let call = Call::UpdateMapRun {
                execution: execution.clone(),
                run: run.clone(),
                bounds: bounds.clone(),
            };
            match ask_owner(app, execution, call).await? {
                Reply::Completed => Ok(Answer::Completed),
                other => Err(mismatch(&other)),
            }
        }
    }
}

/// Views that no longer follow are not shown: they would say that what was accepted does not exist.
fn follows(app: &App) -> Result<()> {
    match app.parts.views.ended() {
        None => Ok(()),
        Some(why) => Err(ApiError::new(
            ErrorCode::ServiceUnavailable,
            format!(
                "the local store of this node writes no more ({why}): executions go on and nothing is lost, but queries \
                 can't be answered; free disk space or repair the disk and restart the node"
            ),
        )),
    }
}

async fn start(app: &App, call: StartCall) -> Result<Answer> {
    let execution = call.execution.clone();
    match ask_owner(app, &execution, Call::Start(Box::new(call))).await? {
        Reply::Started { start_ms } => Ok(Answer::Started(start_ms)),
        other => Err(mismatch(&other)),
    }
}

/// Runs an Express execution to its end; nothing but this answer ever shows it.
async fn start_sync(app: &App, call: StartCall) -> Result<Answer> {
    let mut view = ExecutionView {
        execution: call.execution.clone(),
        machine: call.definition.arn.clone(),
        revision: call.definition.revision,
        input: Some(call.input.clone()),
        traceparent: call.traceparent.clone(),
        qualifier: call.qualifier.clone(),
        ..ExecutionView::default()
    };
    let (answer, answered) = oneshot::channel();
    let partition = app.partition(&call.execution);
    let answer = Box::new(move |reply| drop(answer.send(reply)));
    let call = Call::StartSync(Box::new(call));
    app.parts.calls.call(partition, call, answer);
    let patience = limits::SYNC_ANSWER_MAX;
    match in_time("the synchronous execution", answered, patience).await?? {
        Reply::Finished(finished) => {
            view.status = finished.status.as_str().into();
            view.start_ms = finished.start_ms;
            view.stop_ms = Some(finished.stop_ms);
            view.output = finished.output;
            view.failure = finished.failure;
            Ok(Answer::Execution(Box::new(view)))
        }
        other => Err(mismatch(&other)),
    }
}

async fn stop(app: &App, execution: &Arc<str>, failure: &Failure) -> Result<Answer> {
    let call = Call::Stop {
        execution: execution.clone(),
        failure: failure.clone(),
    };
    match ask_owner(app, execution, call).await? {
        Reply::Stopped { stop_ms } => Ok(Answer::Stopped(stop_ms)),
        other => Err(mismatch(&other)),
    }
}

async fn redrive(app: &App, execution: &Arc<str>, token: &Arc<str>) -> Result<Answer> {
    let call = Call::Redrive {
        execution: execution.clone(),
        token: Some(token.clone()),
    };
    match ask_owner(app, execution, call).await? {
        Reply::Redriven { redrive_ms } => Ok(Answer::Redriven(redrive_ms)),
        other => Err(mismatch(&other)),
    }
}

async fn pause(app: &App, execution: &Arc<str>, paused: bool) -> Result<Answer> {
    let call = Call::Pause {
        execution: execution.clone(),
        paused,
    };
    match ask_owner(app, execution, call).await? {
        Reply::Paused { paused_ms } => Ok(Answer::Paused(paused_ms)),
        other => Err(mismatch(&other)),
    }
}

async fn complete(
    app: &App,
    execution: &str,
    token: &str,
    outcome: &TaskOutcome,
) -> Result<Answer> {
    let outcome = match outcome {
        TaskOutcome::Succeeded(output) => Outcome::Succeeded(output.clone()),
        TaskOutcome::Failed(failure) => Outcome::Failed(failure.clone()),
        TaskOutcome::Heartbeat => Outcome::Heartbeat(None),
        TaskOutcome::Started(worker) => Outcome::Started {
            worker: worker.clone(),
        },
    };
    let token = TaskToken::from_opaque(token);
    match ask_owner(app, execution, Call::Complete { token, outcome }).await? {
        Reply::Completed => Ok(Answer::Completed),
        other => Err(mismatch(&other)),
    }
}

/// The definition of a revision; another node may know it before this one has read so far.
async fn definition(app: &App, revision: u64) -> Result<Arc<Definition>> {
    if let Some(definition) = app.parts.registry.revision(revision) {
        return Ok(definition);
    }
    app.read_registry().await?;
    app.parts.registry.revision(revision).ok_or_else(|| {
        let message =
            format!("revision {revision} is not in the registry: do all nodes use one prefix?");
        ApiError::new(ErrorCode::ServiceUnavailable, message)
    })
}

/// Gives a call to the owner of the execution's partition and waits for its answer.
async fn ask_owner(app: &App, execution: &str, call: Call) -> Result<Reply> {
    let (answer, answered) = oneshot::channel();
    let partition = app.partition(execution);
    let answer = Box::new(move |reply| drop(answer.send(reply)));
    app.parts.calls.call(partition, call, answer);
    let patience = limits::CALL_TIMEOUT;
    Ok(in_time("the owner of the execution", answered, patience).await??)
}

fn mismatch(reply: &Reply) -> ApiError {
    let message = format!("the owner answered another question: {reply:?}");
    ApiError::new(ErrorCode::InternalFailure, message)
}
