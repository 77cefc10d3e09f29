//! Items that are the objects of a list (`s3:listObjectsV2`), or what is in them.
//!
//! Owns: the item's shape as AWS has it, and `LOAD_AND_FLATTEN`, which reads each listed object as a file of items.

use crate::chunk::Chunk;
use crate::limits::KEYS_PER_LISTING;
use crate::manifest;
use crate::request::Read;
use crate::storage::{Entry, Stores};
use serde_json::{Value, json};

/// Adds items after `cursor`; where reading goes on, if it does.
pub(crate) fn read(
    stores: &Stores,
    read: &Read,
    cursor: &Value,
    chunk: &mut Chunk,
) -> Result<Option<Value>, String> {
    let storage = stores.objects()?;
    let arguments = &read.read.arguments;
    let bucket = arguments["Bucket"]
        .as_str()
        .ok_or("the item reader needs the text 'Bucket' among its parameters")?;
    let prefix = arguments["Prefix"].as_str().unwrap_or("");
    let mut after = cursor["after"].as_str().map(str::to_owned);
    // Within an object: go on there first.
    let mut inside = cursor.get("inside").cloned();
    loop {
        if let (Some(at), Some(key)) = (inside.take(), &after) {
            let next = manifest::read_file(&*storage, (bucket, key), &read.read, &at, chunk)?;
            if let Some(next) = next {
                return Ok(Some(json!({ "after": key, "inside": next })));
            }
        }
        if chunk.is_full() {
            return Ok(Some(json!({ "after": after })));
        }
        let entries = storage
            .list(bucket, prefix, after.as_deref(), KEYS_PER_LISTING)
            .map_err(|e| e.to_string())?;
        if entries.is_empty() {
            return Ok(None);
        }
        for entry in entries {
            if chunk.is_full() {
                return Ok(Some(json!({ "after": after })));
            }
            after = Some(entry.key.clone());
            if read.read.flatten {
                inside = Some(Value::Null);
                break;
            }
            chunk.push(item(&entry).to_string());
        }
    }
}

fn item(entry: &Entry) -> Value {
    json!({
        "Etag": entry.etag, "Key": entry.key, "LastModified": entry.modified_s,
        "Size": entry.size, "StorageClass": "STANDARD",
    })
}
