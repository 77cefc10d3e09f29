//! What is asked, as the machine writes it.

use serde::Deserialize;
use serde_json::Value;

/// A command's input.
#[derive(Debug, Deserialize)]
#[serde(untagged)]
pub(crate) enum Request {
    /// Read some more items.
    Read(Box<Read>),
    /// Write a file.
    Write(Write),
}

/// Read some more items.
#[derive(Debug, Deserialize)]
pub(crate) struct Read {
    /// From where, and how.
    pub read: Reader,
    /// Where to go on; nothing at the beginning.
    pub cursor: Option<Value>,
    /// Most items wanted.
    pub items_max: u64,
    /// Bytes of items after which no more are wanted.
    pub bytes_max: usize,
    /// Most items that are still wanted of the whole, if that is bounded.
    #[serde(default)]
    pub left: Option<u64>,
}

/// An item reader.
#[derive(Debug, Deserialize)]
pub(crate) struct Reader {
    /// What kind of place.
    pub from: Source,
    /// What is there; absent for a list.
    #[serde(rename = "type")]
    pub kind: Option<Kind>,
    /// Bucket, key, prefix, path.
    pub arguments: Value,
    /// Names of the fields of CSV; absent: in the first row.
    pub headers: Option<Vec<String>>,
    /// What separates them.
    pub delimiter: String,
    /// Whether listed objects are read themselves.
    pub flatten: bool,
    /// Whether a manifest is Athena's and not an inventory.
    pub athena: bool,
    /// JSON pointer to the items.
    pub pointer: Option<String>,
}

/// Where items come from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Source {
    Object,
    List,
    File,
    Topic,
}

/// What a file holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub(crate) enum Kind {
    Json,
    Jsonl,
    Csv,
    Manifest,
}

/// Write a file.
#[derive(Debug, Deserialize)]
pub(crate) struct Write {
    /// `object` or `file`.
    pub write: String,
    /// Bucket and prefix.
    pub arguments: Value,
    /// Name of the file.
    pub key: String,
    /// What is in it.
    pub body: String,
}
