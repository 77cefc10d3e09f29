//! What a case prepares in other services before it runs.
//!
//! Owns: the object store: buckets and objects of the case's `fixtures`. Other services are played by `tasks`.

use crate::case::Case;
use baton_objects::{Memory, Storage, Stores};
use std::sync::Arc;

/// The object store that the case prepared.
#[must_use]
pub fn stores(case: &Case) -> Stores {
    let memory = Memory::default();
    for call in case.list("fixtures") {
        let args = &call["args"];
        let bucket = args["Bucket"].as_str().unwrap_or("");
        match (call["service"].as_str(), call["op"].as_str()) {
            (Some("s3"), Some("CreateBucket")) => memory.make_bucket(bucket),
            (Some("s3"), Some("PutObject")) => {
                let key = args["Key"].as_str().unwrap_or("");
                // What looks like JSON was stored parsed.
                let body = match args["Body"].as_str() {
                    Some(text) => text.to_owned(),
                    None => args["Body"].to_string(),
                };
                memory.make_bucket(bucket);
                let put = memory.put(bucket, key, body.as_bytes());
                debug_assert!(put.is_ok(), "the bucket is there");
            }
            _ => {}
        }
    }
    Stores {
        objects: Some(Arc::new(memory)),
        files: None,
    }
}
