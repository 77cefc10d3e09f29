//! How a distributed Map is going to run, and what its files are.
//!
//! Owns: the evaluation of what the definition says of concurrency, tolerances, reader, batcher and writer, with AWS's
//! words for what is wrong; names and contents of result files.

use super::map_run::{part_name, text};
use super::numbers::number;
use crate::context::Lens;
use crate::data::Doc;
use crate::errors;
use crate::limits::MAP_CONCURRENCY_MAX;
use crate::map_run::{MapRun, Part, Plan};
use baton_language::EvalError;
use baton_language::limits::MAX_ITEMS_MAX;
use baton_language::program::{
    CsvHeaders, Distributed, InputType, ItemReader, ItemSource, Map, Percentage, SecondsSource,
};
use baton_schemas::Payload;
use serde_json::{Value, json};
use std::borrow::Cow;

/// A plan, or one that the run fails with at once.
pub(super) struct Planned {
    pub plan: Plan,
    /// Why the items can't be read.
    pub refused: Option<String>,
}

/// Evaluates everything that is fixed when the run begins.
pub(super) fn plan(
    map: &Map,
    distributed: &Distributed,
    lens: &Lens<'_>,
    input: &Doc,
) -> Result<Planned, EvalError> {
    let view = || input.view();
    let concurrency = number(&map.max_concurrency, "MaxConcurrencyPath", lens, view)?;
    let tolerated_count = map
        .tolerated_failure_count
        .as_ref()
        .map(|source| count(source, lens, input))
        .transpose()?;
    let tolerated_percentage = map
        .tolerated_failure_percentage
        .as_ref()
        .map(|source| percentage(source, lens, input))
        .transpose()?;
    let mut refused = None;
    let mut reader = None;
    if let Some(found) = &distributed.reader {
        let max = max_items(found, lens, input)?;
        if max.is_none() {
            refused = Some("field MaxItems must be positive".to_owned());
        }
        reader = Some(read_request(found, max.unwrap_or(0), lens, input)?);
    }
    let batcher = distributed.batcher.as_ref();
    let bound = |source: Option<&SecondsSource>, field| {
        source
            .map(|source| number(source, field, lens, view))
            .transpose()
    };
    let batch_items = bound(
        batcher.and_then(|b| b.max_items.as_ref()),
        "MaxItemsPerBatchPath",
    )?;
    let batch_bytes = bound(
        batcher.and_then(|b| b.max_bytes.as_ref()),
        "MaxInputBytesPerBatchPath",
    )?;
    let writer = match &distributed.writer {
        Some(writer) if writer.destination.is_some() => {
            let arguments = match &writer.arguments {
                Some(recipe) => lens.make(recipe, || input.clone())?,
                None => json!({}),
            };
            let to = if writer.destination == Some(true) {
                "file"
            } else {
                "object"
            };
            Some(json!({ "to": to, "arguments": arguments }))
        }
        _ => None,
    };
    let concurrency = match concurrency {
        0 => MAP_CONCURRENCY_MAX,
        n => n.min(MAP_CONCURRENCY_MAX),
    };
    let plan = Plan {
        concurrency,
        tolerated_count,
        tolerated_percentage,
        reader,
        batch_items: batch_items.map(|n| n.max(1)),
        batch_bytes,
        writer,
    };
    Ok(Planned { plan, refused })
}

/// What is to be read, for whoever reads it.
fn read_request(
    reader: &ItemReader,
    max_items: u64,
    lens: &Lens<'_>,
    input: &Doc,
) -> Result<Value, EvalError> {
    let arguments = match &reader.arguments {
        Some(recipe) => lens.make(recipe, || input.clone())?,
        None => json!({}),
    };
    let from = match reader.source {
        ItemSource::Object => "object",
        ItemSource::List => "list",
        ItemSource::File => "file",
        ItemSource::Topic => "topic",
    };
    let kind = reader.input_type.map(|kind| match kind {
        InputType::Json => "JSON",
        InputType::JsonLines => "JSONL",
        InputType::Csv => "CSV",
        InputType::Manifest => "MANIFEST",
    });
    let headers = match &reader.headers {
        CsvHeaders::FirstRow => Value::Null,
        CsvHeaders::Given(names) => names.iter().map(|name| Value::from(&**name)).collect(),
    };
    Ok(json!({
        "from": from, "type": kind, "arguments": arguments, "headers": headers,
        "delimiter": char::from(reader.delimiter).to_string(), "flatten": reader.flatten,
        "athena": reader.athena_manifest, "pointer": reader.pointer.as_deref(), "max_items": max_items,
    }))
}

/// `MaxItems`: 0 and nothing are no limit; `None` is a negative one.
fn max_items(reader: &ItemReader, lens: &Lens<'_>, input: &Doc) -> Result<Option<u64>, EvalError> {
    let max = match &reader.max_items {
        None => Some(0),
        Some(source) => match integer(source, "MaxItemsPath", lens, input)? {
            n if n < 0 => None,
            n => Some(n.unsigned_abs()),
        },
    };
    Ok(max.map(|max| match max {
        0 => MAX_ITEMS_MAX,
        max => max.min(MAX_ITEMS_MAX),
    }))
}

fn count(source: &SecondsSource, lens: &Lens<'_>, input: &Doc) -> Result<u64, EvalError> {
    let found = integer(source, "ToleratedFailureCountPath", lens, input)?;
    u64::try_from(found)
        .map_err(|_| runtime("ToleratedFailureCount cannot be negative.".to_owned()))
}

fn integer(
    source: &SecondsSource,
    field: &str,
    lens: &Lens<'_>,
    input: &Doc,
) -> Result<i64, EvalError> {
    let SecondsSource::Path(path) = source else {
        let found = number(source, field, lens, || input.view())?;
        return Ok(i64::try_from(found).unwrap_or(i64::MAX));
    };
    let found = lens.select(path, &input.view())?;
    let parsed = found.as_i64().or_else(|| found.as_str()?.parse().ok());
    parsed.ok_or_else(|| refers_to(field, &found, "integer", path.text()))
}

fn percentage(source: &Percentage, lens: &Lens<'_>, input: &Doc) -> Result<f64, EvalError> {
    let found = match source {
        Percentage::Fixed(number) => *number,
        Percentage::Expression(expression) => lens
            .value_of_kind(expression, "number")?
            .as_f64()
            .unwrap_or(-1.0),
        Percentage::Path(path) => {
            let found = lens.select(path, &input.view())?;
            let parsed = found.as_f64().or_else(|| found.as_str()?.parse().ok());
            let field = "ToleratedFailurePercentagePath";
            parsed.ok_or_else(|| refers_to(field, &found, "float", path.text()))?
        }
    };
    if (0.0..=100.0).contains(&found) {
        Ok(found)
    } else {
        let cause = "ToleratedFailurePercentage must be between 0 and 100.";
        Err(runtime(cause.to_owned()))
    }
}

fn refers_to(field: &str, found: &Value, wanted: &str, path: &str) -> EvalError {
    let shown = match found {
        Value::String(text) => Cow::Borrowed(text.as_str()),
        other => Cow::Owned(other.to_string()),
    };
    runtime(format!(
        "The {field} field refers to value \"{shown}\" which is not a valid {wanted}: {path}"
    ))
}

fn runtime(cause: String) -> EvalError {
    EvalError {
        error: errors::RUNTIME,
        cause,
        location: None,
    }
}

/// The next file of the results: where it goes and what is in it.
pub(super) fn file(run: &MapRun, part: Part, json_lines: bool) -> Option<Value> {
    let writer = run.plan.writer.as_ref()?;
    let written = run
        .results
        .files
        .iter()
        .filter(|(of, _)| *of == part)
        .count();
    let (name, body) = match part {
        Part::Manifest => ("manifest.json".to_owned(), manifest(run).to_string()),
        part => {
            let texts: Vec<&str> = run.results.writing.iter().map(Payload::as_str).collect();
            let name = part_name(part);
            if json_lines {
                (format!("{name}_{written}.jsonl"), texts.join("\n") + "\n")
            } else {
                (
                    format!("{name}_{written}.json"),
                    format!("[{}]", texts.join(",")),
                )
            }
        }
    };
    Some(json!({
        "write": writer["to"], "arguments": writer["arguments"],
        "key": key(run, &name), "body": body,
    }))
}

fn key(run: &MapRun, name: &str) -> String {
    let id = run.arn.rsplit(':').next().unwrap_or("");
    let prefix = run
        .plan
        .writer
        .as_ref()
        .and_then(|writer| text(&writer["arguments"]["Prefix"]));
    match prefix.as_deref().map(|prefix| prefix.trim_end_matches('/')) {
        None | Some("") => format!("{id}/{name}"),
        Some(prefix) => format!("{prefix}/{id}/{name}"),
    }
}

/// What the manifest holds (AWS: "ResultWriter", "Example of a manifest file").
fn manifest(run: &MapRun) -> Value {
    let of = |part: Part| -> Value {
        let files = run.results.files.iter().filter(|(of, _)| *of == part);
        files.map(|(_, file)| file.clone()).collect()
    };
    json!({
        "DestinationBucket": bucket(run),
        "MapRunArn": &*run.arn,
        "ResultFiles": {
            "FAILED": of(Part::Failed),
            "PENDING": [],
            "SUCCEEDED": of(Part::Succeeded),
        },
    })
}

/// `ResultWriterDetails` of the state's result.
pub(super) fn details(run: &MapRun, manifest: &Value) -> Value {
    json!({ "Bucket": bucket(run), "Key": manifest["Key"] })
}

fn bucket(run: &MapRun) -> Value {
    let writer = run.plan.writer.as_ref();
    writer.map_or(Value::Null, |writer| writer["arguments"]["Bucket"].clone())
}
