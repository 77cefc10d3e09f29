//! Intrinsic functions on arrays.

use super::{array_of, rounded};
use crate::limits;
use crate::value::equal;
use serde_json::Value;

/// `States.ArrayContains`.
pub(super) fn contains(array: &Value, wanted: &Value) -> Result<Value, String> {
    Ok(Value::Bool(
        array_of(array)?.iter().any(|item| equal(item, wanted)),
    ))
}

/// `States.ArrayGetItem`: the item at an index from 0.
pub(super) fn get_item(array: &Value, index: &Value) -> Result<Value, String> {
    let array = array_of(array)?;
    let position = index.as_u64().and_then(|index| usize::try_from(index).ok());
    position
        .and_then(|index| array.get(index))
        .cloned()
        .ok_or_else(|| {
            format!(
                "index {index} is not within the array of {} items",
                array.len()
            )
        })
}

/// `States.ArrayLength`.
pub(super) fn length(array: &Value) -> Result<Value, String> {
    Ok(array_of(array)?.len().into())
}

/// `States.ArrayPartition`: chunks of at most `size` items.
pub(super) fn partition(array: &Value, size: &Value) -> Result<Value, String> {
    let array = array_of(array)?;
    let chunk = usize::try_from(rounded(size)?)
        .ok()
        .filter(|chunk| *chunk > 0);
    let chunk =
        chunk.ok_or_else(|| format!("the chunk size must be a positive integer, not {size}"))?;
    Ok(array.chunks(chunk).map(<[Value]>::to_vec).collect())
}

/// `States.ArrayRange`: from `first` to `last`, both included, by `step`.
pub(super) fn range(first: &Value, last: &Value, step: &Value) -> Result<Value, String> {
    let (first, last, step) = (rounded(first)?, rounded(last)?, rounded(step)?);
    if step == 0 {
        return Err("the step can't be 0".to_owned());
    }
    let mut list = Vec::new();
    let mut next = Some(first);
    while let Some(value) = next.filter(|value| {
        if step > 0 {
            *value <= last
        } else {
            *value >= last
        }
    }) {
        if list.len() == limits::ARRAY_RANGE_LENGTH_MAX {
            return Err(format!(
                "the range has more than {} values",
                limits::ARRAY_RANGE_LENGTH_MAX
            ));
        }
        list.push(Value::from(value));
        next = value.checked_add(step);
    }
    Ok(Value::Array(list))
}

/// `States.ArrayUnique`: the first of each; the order stays.
pub(super) fn unique(array: &Value) -> Result<Value, String> {
    let mut kept: Vec<Value> = Vec::new();
    for item in array_of(array)? {
        if !kept.iter().any(|other| equal(other, item)) {
            kept.push(item.clone());
        }
    }
    Ok(Value::Array(kept))
}
