//! Files of items: JSON, JSON lines, CSV, and manifests that list further files.
//!
//! Owns: where reading goes on in each kind. A cursor is the offset of the next item in the file; in CSV with the
//! names that the first row has; in a manifest with the number of the file; in a JSON file that is read whole the number
//! of the next item.

use crate::chunk::Chunk;
use crate::csv;
use crate::json::{Found, element};
use crate::limits::{ITEM_BYTES_MAX, READ_BYTES, UNPACKED_BYTES_MAX, WHOLE_FILE_BYTES_MAX};
use crate::request::{Kind, Reader};
use crate::storage::Storage;
use serde_json::{Value, json};
use std::io::Read as _;

/// AWS's words for JSON that holds no items.
const NOT_ITERABLE: &str = "Attempting to map over non-iterable node.";

/// Bucket and key.
type Place<'a> = (&'a str, &'a str);

/// Adds items of a file after `cursor`; where reading goes on, if it does.
pub(crate) fn read_file(
    storage: &dyn Storage,
    place: Place<'_>,
    reader: &Reader,
    cursor: &Value,
    chunk: &mut Chunk,
) -> Result<Option<Value>, String> {
    match kind_of(reader, place.1) {
        Kind::Json => json_file(storage, place, reader, cursor, chunk),
        Kind::Jsonl => {
            let mut source = Source::of(storage, place, cursor);
            json_lines(&mut source, chunk)
        }
        Kind::Csv => {
            let mut source = Source::of(storage, place, cursor);
            csv_rows(&mut source, reader, cursor, chunk)
        }
        Kind::Manifest => inventory(storage, place, reader, cursor, chunk),
    }
}

/// The kind that is asked for; of a listed object without one that of its name.
fn kind_of(reader: &Reader, key: &str) -> Kind {
    let by_name = || match key.rsplit('.').next() {
        Some("csv") => Kind::Csv,
        Some("jsonl" | "ndjson") => Kind::Jsonl,
        _ => Kind::Json,
    };
    reader.kind.unwrap_or_else(by_name)
}

/// A file read in parts from an offset on.
struct Source<'a> {
    storage: Option<(&'a dyn Storage, Place<'a>)>,
    /// What was read and not used up.
    buffer: Vec<u8>,
    /// Offset of the buffer's first byte.
    offset: u64,
    /// Whether the buffer ends where the file does.
    is_end: bool,
}

impl<'a> Source<'a> {
    fn of(storage: &'a dyn Storage, place: Place<'a>, cursor: &Value) -> Self {
        Self {
            storage: Some((storage, place)),
            buffer: Vec::new(),
            offset: cursor["at"].as_u64().unwrap_or(0),
            is_end: false,
        }
    }

    /// A file that is in memory as a whole.
    fn whole(bytes: Vec<u8>, at: u64) -> Self {
        let from = usize::try_from(at).unwrap_or(usize::MAX).min(bytes.len());
        Self {
            storage: None,
            buffer: bytes[from..].to_vec(),
            offset: at,
            is_end: true,
        }
    }

    /// Reads some more.
    fn fill(&mut self) -> Result<(), String> {
        let Some((storage, (bucket, key))) = self.storage else {
            return Ok(());
        };
        if self.buffer.len() > ITEM_BYTES_MAX {
            return Err(format!(
                "the item at byte {} of '{key}' has more than {ITEM_BYTES_MAX} bytes",
                self.offset
            ));
        }
        let from = self.offset + self.buffer.len() as u64;
        let (bytes, size) = storage
            .get(bucket, key, from, READ_BYTES)
            .map_err(|e| e.to_string())?;
        self.is_end = from + bytes.len() as u64 >= size;
        self.buffer.extend(bytes);
        Ok(())
    }

    fn use_up(&mut self, bytes: usize) {
        self.buffer.drain(..bytes);
        self.offset += bytes as u64;
    }

    fn is_used_up(&self) -> bool {
        self.is_end && self.buffer.is_empty()
    }
}

fn json_lines(source: &mut Source<'_>, chunk: &mut Chunk) -> Result<Option<Value>, String> {
    let mut used = 0;
    loop {
        if chunk.is_full() {
            source.use_up(used);
            return Ok((!source.is_used_up()).then(|| json!({ "at": source.offset })));
        }
        let rest = &source.buffer[used..];
        let end = rest.iter().position(|b| *b == b'\n');
        let (line, length) = match end {
            Some(end) => (&rest[..end], end + 1),
            None if source.is_end => (rest, rest.len()),
            None => {
                source.use_up(used);
                used = 0;
                source.fill()?;
                continue;
            }
        };
        if length == 0 {
            return Ok(None);
        }
        let text = String::from_utf8_lossy(line);
        let text = text.trim();
        if !text.is_empty() {
            if serde_json::from_str::<serde::de::IgnoredAny>(text).is_err() {
                let at = source.offset + used as u64;
                return Err(format!("the line at byte {at} is not JSON"));
            }
            chunk.push(text.to_owned());
        }
        used += length;
    }
}

fn csv_rows(
    source: &mut Source<'_>,
    reader: &Reader,
    cursor: &Value,
    chunk: &mut Chunk,
) -> Result<Option<Value>, String> {
    let delimiter = reader.delimiter.bytes().next().unwrap_or(b',');
    let known = cursor.get("headers").cloned();
    let known = known.and_then(|headers| serde_json::from_value::<Vec<String>>(headers).ok());
    let mut headers = known.or_else(|| reader.headers.clone());
    if let Some(headers) = &headers {
        csv::refuse_headers(headers)?;
    }
    let mut used = 0;
    loop {
        if let Some(headers) = headers.as_ref().filter(|_| chunk.is_full()) {
            source.use_up(used);
            let next = json!({ "at": source.offset, "headers": headers });
            return Ok((!source.is_used_up()).then_some(next));
        }
        let Some((fields, length)) = csv::row(&source.buffer[used..], delimiter, source.is_end)
        else {
            if source.is_end {
                return Ok(None);
            }
            source.use_up(used);
            used = 0;
            source.fill()?;
            continue;
        };
        used += length;
        match &headers {
            _ if fields == [""] => {} // An empty line.
            Some(headers) => chunk.push(csv::item(headers, &fields)),
            None => {
                let first = fields
                    .first()
                    .map(|f| f.trim_start_matches('\u{feff}').to_owned());
                let names: Vec<String> = first
                    .into_iter()
                    .chain(fields.into_iter().skip(1))
                    .collect();
                csv::refuse_headers(&names)?;
                headers = Some(names);
            }
        }
    }
}

/// A JSON file: an array is read in parts; an object, or what a pointer leads to, as a whole.
fn json_file(
    storage: &dyn Storage,
    place: Place<'_>,
    reader: &Reader,
    cursor: &Value,
    chunk: &mut Chunk,
) -> Result<Option<Value>, String> {
    let mut source = Source::of(storage, place, cursor);
    source.fill()?;
    if reader.pointer.is_some() || cursor.get("item").is_some() {
        return whole_json(storage, place, reader, cursor, chunk);
    }
    let mut used = 0;
    if source.offset == 0 {
        let first = source.buffer.iter().position(|b| !b.is_ascii_whitespace());
        match first.map(|at| source.buffer[at]) {
            Some(b'[') => used = first.unwrap_or(0) + 1,
            Some(b'{') => return whole_json(storage, place, reader, cursor, chunk),
            _ => return Err(NOT_ITERABLE.to_owned()),
        }
    }
    loop {
        if chunk.is_full() {
            source.use_up(used);
            return Ok(Some(json!({ "at": source.offset })));
        }
        match element(&source.buffer[used..], source.is_end) {
            Found::Value(begin, end) => {
                let text = String::from_utf8_lossy(&source.buffer[used + begin..used + end]);
                if serde_json::from_str::<serde::de::IgnoredAny>(&text).is_err() {
                    let at = source.offset + (used + begin) as u64;
                    return Err(format!("the item at byte {at} is not JSON"));
                }
                chunk.push(text.into_owned());
                used += end;
            }
            Found::End => return Ok(None),
            Found::More if !source.is_end => {
                source.use_up(used);
                used = 0;
                source.fill()?;
            }
            Found::More | Found::Wrong => {
                return Err("the JSON array ends too early, or is not one".to_owned());
            }
        }
    }
}

fn whole_json(
    storage: &dyn Storage,
    place: Place<'_>,
    reader: &Reader,
    cursor: &Value,
    chunk: &mut Chunk,
) -> Result<Option<Value>, String> {
    let bytes = whole(storage, place, WHOLE_FILE_BYTES_MAX)?;
    let value: Value = serde_json::from_slice(&bytes).map_err(|e| format!("not JSON: {e}"))?;
    let found = match &reader.pointer {
        Some(pointer) => value.pointer(pointer).ok_or(NOT_ITERABLE)?,
        None => &value,
    };
    let from = cursor["item"].as_u64().unwrap_or(0);
    let items: Box<dyn Iterator<Item = Value>> = match found {
        Value::Array(items) => Box::new(items.iter().cloned()),
        Value::Object(fields) => Box::new(
            fields
                .iter()
                .map(|(key, value)| json!({ "Key": key, "Value": value })),
        ),
        _ => return Err(NOT_ITERABLE.to_owned()),
    };
    for (index, item) in (0..)
        .zip(items)
        .skip(usize::try_from(from).unwrap_or(usize::MAX))
    {
        if chunk.is_full() {
            return Ok(Some(json!({ "item": index })));
        }
        chunk.push(item.to_string());
    }
    Ok(None)
}

fn whole(storage: &dyn Storage, (bucket, key): Place<'_>, max: u64) -> Result<Vec<u8>, String> {
    let (bytes, size) = storage
        .get(bucket, key, 0, max)
        .map_err(|e| e.to_string())?;
    if size > max {
        return Err(format!(
            "'{key}' has {size} bytes and is read as a whole, which may have {max}: use JSONL"
        ));
    }
    Ok(bytes)
}

/// A manifest: the files it lists, one after the other. An inventory lists CSV files, packed; Athena's (`UNLOAD`, a list
/// of URLs) files of JSON lines or CSV.
fn inventory(
    storage: &dyn Storage,
    place: Place<'_>,
    reader: &Reader,
    cursor: &Value,
    chunk: &mut Chunk,
) -> Result<Option<Value>, String> {
    let text = whole(storage, place, WHOLE_FILE_BYTES_MAX)?;
    let (files, headers) = if reader.athena {
        (athena_files(&text), None)
    } else {
        inventory_files(&text, place.0)?
    };
    let mut number = cursor["file"].as_u64().unwrap_or(0);
    let mut inside = cursor.get("inside").cloned().unwrap_or(Value::Null);
    while let Some((bucket, key)) = files.get(usize::try_from(number).unwrap_or(usize::MAX)) {
        if chunk.is_full() {
            return Ok(Some(json!({ "file": number, "inside": inside })));
        }
        let bytes = whole(storage, (bucket, key), UNPACKED_BYTES_MAX)?;
        let bytes = unpacked(bytes, key)?;
        let mut source = Source::whole(bytes, inside["at"].as_u64().unwrap_or(0));
        let is_csv = headers.is_some() || key.contains(".csv");
        let next = if is_csv {
            let rows = Reader {
                headers: headers.clone().or_else(|| reader.headers.clone()),
                delimiter: reader.delimiter.clone(),
                arguments: Value::Null,
                pointer: None,
                ..*reader
            };
            csv_rows(&mut source, &rows, &inside, chunk)?
        } else {
            json_lines(&mut source, chunk)?
        };
        match next {
            Some(next) => return Ok(Some(json!({ "file": number, "inside": next }))),
            None => {
                number += 1;
                inside = Value::Null;
            }
        }
    }
    Ok(None)
}

/// Bucket and key of a file.
type Files = Vec<(String, String)>;

fn inventory_files(text: &[u8], own: &str) -> Result<(Files, Option<Vec<String>>), String> {
    let manifest: Value =
        serde_json::from_slice(text).map_err(|e| format!("the manifest is not JSON: {e}"))?;
    if manifest["fileFormat"].as_str().is_some_and(|f| f != "CSV") {
        let format = &manifest["fileFormat"];
        return Err(format!(
            "the inventory's files are {format}; only CSV can be read"
        ));
    }
    let bucket = manifest["destinationBucket"].as_str().unwrap_or(own);
    let bucket = bucket.rsplit(':').next().unwrap_or(bucket);
    let schema = manifest["fileSchema"].as_str().unwrap_or("Bucket, Key");
    let headers = schema.split(',').map(|name| name.trim().to_owned());
    let files = manifest["files"].as_array().map_or(&[][..], Vec::as_slice);
    let files = files.iter().filter_map(|file| file["key"].as_str());
    let files = files.map(|key| (bucket.to_owned(), key.to_owned()));
    Ok((files.collect(), Some(headers.collect())))
}

fn athena_files(text: &[u8]) -> Files {
    let text = String::from_utf8_lossy(text);
    let urls = text
        .lines()
        .filter_map(|line| line.trim().strip_prefix("s3://"));
    let files = urls.filter_map(|url| url.split_once('/'));
    files
        .map(|(bucket, key)| (bucket.to_owned(), key.to_owned()))
        .collect()
}

fn unpacked(bytes: Vec<u8>, key: &str) -> Result<Vec<u8>, String> {
    if !bytes.starts_with(&[0x1f, 0x8b]) {
        return Ok(bytes);
    }
    let mut out = Vec::new();
    flate2::read::MultiGzDecoder::new(&bytes[..])
        .take(UNPACKED_BYTES_MAX + 1)
        .read_to_end(&mut out)
        .map_err(|e| format!("'{key}' can't be unpacked: {e}"))?;
    if out.len() as u64 > UNPACKED_BYTES_MAX {
        return Err(format!(
            "'{key}' has more than {UNPACKED_BYTES_MAX} bytes unpacked"
        ));
    }
    Ok(out)
}
