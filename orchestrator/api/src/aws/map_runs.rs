//! Map runs in AWS's shapes.

use super::machines::page_size;
use super::params::Params;
use super::seconds;
use crate::app::App;
use crate::app::error::ApiError;
use crate::app::map_runs::MapRunView;
use crate::app::{cursor, names};
use crate::limits;
use baton_machine::{MapRunBounds, MapRunCounts};
use serde_json::{Value, json};

/// Longest ARN of a map run (AWS: 2,000).
const ARN_MAX: usize = 2_000;

pub async fn describe(app: &App, mut params: Params<'_>) -> Result<Value, ApiError> {
    let arn = params.required("mapRunArn", 1, ARN_MAX)?;
    params.finish()?;
    Ok(described(&app.map_run(arn).await?))
}

pub async fn update(app: &App, mut params: Params<'_>) -> Result<Value, ApiError> {
    let arn = params.required("mapRunArn", 1, ARN_MAX)?;
    let concurrency = params.number("maxConcurrency", 0, i64::MAX)?;
    let count = params.number("toleratedFailureCount", 0, i64::MAX)?;
    let percentage = params.fraction("toleratedFailurePercentage", 0.0, 100.0)?;
    params.finish()?;
    let bounds = MapRunBounds {
        concurrency: concurrency.map(i64::unsigned_abs),
        tolerated_count: count.map(i64::unsigned_abs),
        tolerated_percentage: percentage,
    };
    app.update_map_run(arn, bounds).await?;
    Ok(json!({}))
}

pub async fn list(app: &App, mut params: Params<'_>) -> Result<Value, ApiError> {
    let arn = params.required("executionArn", 1, limits::ARN_LENGTH_MAX)?;
    let max = params.number("maxResults", 0, limits::PAGE_MAX as i64)?;
    let token = params.text("nextToken", 1, 1_024)?;
    params.finish()?;
    names::check_execution_arn(arn)?;
    let from = token.map(cursor::decode::<usize>).transpose()?.unwrap_or(0);
    let runs = app.map_runs(arn).await?;
    let page = page_size(max);
    let shown: Vec<Value> = runs.iter().skip(from).take(page).map(listed).collect();
    let mut answer = json!({ "mapRuns": shown });
    if runs.len() > from + page {
        answer["nextToken"] = cursor::encode(&(from + page)).into();
    }
    Ok(answer)
}

fn listed(view: &MapRunView) -> Value {
    let mut item = json!({
        "executionArn": view.execution,
        "mapRunArn": view.run.arn,
        "stateMachineArn": view.machine,
        "startDate": seconds(view.run.start_ms),
    });
    if let Some(stop_ms) = view.stop_ms {
        item["stopDate"] = seconds(stop_ms);
    }
    item
}

/// DescribeMapRun.
pub fn described(view: &MapRunView) -> Value {
    let run = &view.run;
    let mut answer = json!({
        "mapRunArn": run.arn,
        "executionArn": view.execution,
        "status": view.status,
        "startDate": seconds(run.start_ms),
        "maxConcurrency": run.max_concurrency,
        "toleratedFailurePercentage": run.tolerated_failure_percentage,
        "toleratedFailureCount": run.tolerated_failure_count,
        "itemCounts": counts(&run.item_counts),
        "executionCounts": counts(&run.execution_counts),
        "redriveCount": 0,
    });
    if let Some(stop_ms) = view.stop_ms {
        answer["stopDate"] = seconds(stop_ms);
    }
    answer
}

fn counts(counts: &MapRunCounts) -> Value {
    json!({
        "pending": counts.pending, "running": counts.running, "succeeded": counts.succeeded,
        "failed": counts.failed, "timedOut": counts.timed_out, "aborted": counts.aborted,
        "total": counts.total, "resultsWritten": counts.results_written,
        "failuresNotRedrivable": 0, "pendingRedrive": 0,
    })
}
