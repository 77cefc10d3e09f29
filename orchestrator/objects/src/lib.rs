//! Items and results of distributed Maps, outside the log: object stores, files of the node.
//!
//! Owns: reading items in bounded chunks, each with the place where reading goes on, and writing result files. A request is
//! the input of a command of the queue `inside.map-io`, the answer the output of its completion; both are JSON that the
//! machine made and understands. Everything may be done twice: reading changes nothing, and a file that is written again
//! has the same name and content. Must not: know executions, or keep anything between two requests.
//!
//! Way in: [`serve`]. Where bytes are is behind [`Storage`].

mod chunk;
mod csv;
mod files;
mod json;
pub mod limits;
mod listing;
mod manifest;
mod request;
#[cfg(feature = "s3")]
mod s3;
mod storage;

pub use files::Files;
#[cfg(feature = "s3")]
pub use s3::{S3, S3Config};
pub use storage::{Entry, Memory, Storage, StorageError, Stores};

use baton_schemas::Payload;
use baton_schemas::history::Failure;
use request::{Read, Request, Write};
use serde_json::{Value, json};
use std::sync::Arc;

/// Does what a map run asks for. Blocks.
///
/// # Errors
/// `States.ItemReaderFailed` or `States.ResultWriterFailed`, with what is wrong.
pub fn serve(stores: &Stores, request: &Payload) -> Result<Payload, Failure> {
    match serde_json::from_str::<Request>(request.as_str()) {
        Ok(Request::Read(read)) => {
            read_chunk(stores, &read).map_err(|why| failed("States.ItemReaderFailed", &why))
        }
        Ok(Request::Write(write)) => {
            write_file(stores, &write).map_err(|why| failed("States.ResultWriterFailed", &why))
        }
        Err(why) => Err(failed("States.Runtime", &why.to_string())),
    }
}

fn failed(error: &str, cause: &str) -> Failure {
    Failure {
        error: Some(error.into()),
        cause: Some(cause.into()),
    }
}

fn read_chunk(stores: &Stores, read: &Read) -> Result<Payload, String> {
    let mut chunk = chunk::Chunk::new(read.items_max, read.bytes_max);
    let cursor = read.cursor.clone().unwrap_or(Value::Null);
    let next = match read.read.from {
        request::Source::List => listing::read(stores, read, &cursor, &mut chunk)?,
        request::Source::Object | request::Source::File => {
            let (storage, bucket, key) = stores.place(&read.read)?;
            let place = (&*bucket, &*key);
            manifest::read_file(&*storage, place, &read.read, &cursor, &mut chunk)?
        }
        request::Source::Topic => {
            return Err("this node doesn't read items from topics".to_owned());
        }
    };
    let next = next.filter(|_| !chunk.is_last_of(read.left));
    let mut text = String::from("{\"items\":[");
    text.push_str(&chunk.items.join(","));
    text.push_str("],\"from\":");
    text.push_str(&cursor.to_string());
    if let Some(next) = next {
        text.push_str(",\"cursor\":");
        text.push_str(&next.to_string());
    }
    text.push('}');
    Payload::from_text(&text).map_err(|e| e.to_string())
}

fn write_file(stores: &Stores, write: &Write) -> Result<Payload, String> {
    let storage: Arc<dyn Storage> = stores.of_writer(write)?;
    let bucket = write.arguments["Bucket"].as_str().unwrap_or("");
    storage
        .put(bucket, &write.key, write.body.as_bytes())
        .map_err(|e| e.to_string())?;
    let written = json!({ "Key": write.key, "Size": write.body.len() });
    Ok(Payload::from_value(&json!({ "written": written })))
}
