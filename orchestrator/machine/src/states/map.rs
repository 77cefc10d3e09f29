//! Map (inline). The distributed mode is in `map_run`.
//!
//! ```text
//! StateEntered, or retry due -> MapStateStarted -> MapIterationStarted up to MaxConcurrency
//! iteration ends             -> MapIterationSucceeded -> MapIterationStarted of the next
//! last iteration ends        -> MapStateSucceeded -> StateExited
//! iteration fails            -> MapIterationFailed -> others aborted -> failure
//! ```
//! How many run at once needs no memory: one starts for each that ends.

use super::map_run;
use super::numbers::number;
use super::parallel::complete;
use crate::context::Lens;
use crate::data::Doc;
use crate::decide::{Decider, Flow};
use crate::errors;
use crate::limits::FAN_OUT_MAX;
use baton_language::EvalError;
use baton_language::jsonata::QUERY_EVALUATION_ERROR;
use baton_language::program::{Items, Map};
use baton_schemas::Payload;
use baton_schemas::history::EventKind;
use serde_json::Value;

/// What a Map begins with.
struct Work {
    /// All items as one array.
    array: Payload,
    /// The same, one by one.
    items: Vec<Payload>,
    /// How many may run at once; 0 is no limit.
    concurrency: u64,
}

/// Starts the first iterations.
pub(super) fn run(decider: &mut Decider<'_>, frame: u32, map: &Map) -> Flow {
    let distributed = map.distributed.as_deref();
    if let Some(distributed) = distributed.filter(|distributed| distributed.reader.is_some()) {
        return map_run::begin(decider, frame, map, distributed, None);
    }
    let evaluated = decider.with_lens(frame, |state, lens, raw| {
        let input = Doc::Text(raw.clone()).filtered(state.input_path.as_ref(), lens)?;
        work(map, input, raw, lens)
    });
    let work = match evaluated {
        Some((_, Ok(work))) => work,
        Some((_, Err(error))) => return decider.fail_evaluation(frame, &error),
        None => return Ok(()),
    };
    let length = work.items.len() as u64;
    if let Some(distributed) = distributed {
        let items = Some((work.array, length));
        return map_run::begin(decider, frame, map, distributed, items);
    }
    let first = if work.concurrency == 0 {
        length
    } else {
        length.min(work.concurrency)
    };
    let kept = (first < length || decider.program.reads_context).then_some(work.array);
    let started = decider.emit(frame, EventKind::MapStateStarted { length }, kept)?;
    for (index, item) in work.items.iter().take(first as usize).enumerate() {
        start_iteration(decider, frame, map, index as u64, item, started)?;
        let failed = decider
            .execution
            .frame(frame)
            .is_none_or(|f| f.fork().is_none());
        if failed {
            return Ok(());
        }
    }
    if length == 0 {
        complete(decider, frame, EventKind::MapStateSucceeded)
    } else {
        Ok(())
    }
}

/// An iteration ended, its last event (before MapIterationSucceeded) being `last`: starts the next one, or ends the state.
pub(crate) fn go_on(decider: &mut Decider<'_>, frame: u32, map: &Map, last: u64) -> Flow {
    let Some(fork) = decider
        .execution
        .frame(frame)
        .and_then(|frame| frame.fork())
    else {
        return Ok(());
    };
    let index = fork.started;
    if index < fork.results.len() as u64 {
        let Some(item) = fork.items.get(index as usize).cloned() else {
            return Ok(());
        };
        return start_iteration(decider, frame, map, index, &item, last);
    }
    if fork.running == 0 {
        complete(decider, frame, EventKind::MapStateSucceeded)
    } else {
        Ok(())
    }
}

fn start_iteration(
    decider: &mut Decider<'_>,
    frame: u32,
    map: &Map,
    index: u64,
    item: &Payload,
    last: u64,
) -> Flow {
    let (Some(state), Some(found)) = (decider.state_of(frame), decider.execution.frame(frame))
    else {
        return Ok(());
    };
    let input = match &map.item_selector {
        None => Ok(item.clone()),
        Some(selector) => {
            let now_ms = decider.now_ms;
            let lens = Lens::new(decider.execution, found, now_ms).with_item(index, item);
            Doc::Text(found.input.clone())
                .filtered(state.input_path.as_ref(), &lens)
                .and_then(|input| lens.make(selector, || input))
                .map(|value| Payload::from_value(&value))
        }
    };
    let input = match input {
        Ok(input) => input,
        Err(error) => return decider.fail_evaluation(frame, &error),
    };
    if input.len() > decider.execution.limits.payload_bytes {
        return decider.fail(frame, errors::too_large(&state.name));
    }
    let started = EventKind::MapIterationStarted {
        name: state.name.clone(),
        index,
    };
    decider.emit_after(last, frame, started, Some(input.clone()))?;
    let child = decider
        .execution
        .others
        .as_ref()
        .map_or(0, |others| others.last);
    decider.ready.push_back((child, map.processor, input));
    Ok(())
}

fn work(map: &Map, input: Doc, raw: &Payload, lens: &Lens<'_>) -> Result<Work, EvalError> {
    // A distributed Map reads it when its run begins.
    let concurrency = match map.distributed {
        Some(_) => 0,
        None => number(&map.max_concurrency, "MaxConcurrencyPath", lens, || {
            input.view()
        })?,
    };
    let array = match &map.items {
        Items::Path(path) => input.filtered(Some(path), lens)?,
        Items::Form(form) => Doc::Value(lens.fill(form)?),
        Items::Input => Doc::Text(raw.clone()),
    };
    if let Doc::Value(value) = &array
        && !value.is_array()
    {
        return Err(not_an_array(map, value));
    }
    let array = array.into_payload();
    let items: Vec<Payload> =
        serde_json::from_str(array.as_str()).map_err(|_| not_an_array(map, &array.to_value()))?;
    if map.distributed.is_none() && items.len() > FAN_OUT_MAX {
        let cause = format!(
            "A Map takes at most {FAN_OUT_MAX} items but was given {}.",
            items.len()
        );
        return Err(EvalError {
            error: errors::RUNTIME,
            cause,
            location: None,
        });
    }
    Ok(Work {
        array,
        items,
        concurrency,
    })
}

fn not_an_array(map: &Map, found: &Value) -> EvalError {
    let (error, cause) = match &map.items {
        Items::Path(path) => {
            // AWS shows a path into the context object with one `$`.
            let text = path.text();
            let shown = text.strip_prefix('$').filter(|rest| rest.starts_with('$'));
            let cause = format!(
                "Reference path \"{}\" must point to array.",
                shown.unwrap_or(text)
            );
            (errors::RUNTIME, cause)
        }
        Items::Form(form) => match form.expression() {
            Some(expression) => return expression.unexpected("array", found),
            None => {
                let cause = format!("The field 'Items' must be an array but was: {found}");
                (QUERY_EVALUATION_ERROR, cause)
            }
        },
        Items::Input => {
            let cause = format!("Map state input must be an array but was: {found}");
            (QUERY_EVALUATION_ERROR, cause)
        }
    };
    EvalError {
        error,
        cause,
        location: None,
    }
}
