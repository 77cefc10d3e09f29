//! JSON text that is carried, not looked into.
//!
//! Owns: the guarantee that a [`Payload`] holds exactly one valid JSON text. Cloning is a reference count; nothing
//! is parsed until somebody asks for a value.

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::{Value, value::RawValue};
use std::sync::Arc;

/// One valid JSON text, cheap to clone and passed on byte for byte.
#[derive(Clone)]
pub struct Payload(Arc<RawValue>);

impl Payload {
    /// Checks that `text` is one JSON text and keeps it as it is.
    ///
    /// # Errors
    /// serde_json's error with line and column when `text` is not JSON.
    pub fn from_text(text: &str) -> Result<Self, serde_json::Error> {
        serde_json::from_str::<Box<RawValue>>(text).map(|raw| Self(raw.into()))
    }

    /// The same from bytes, which must be UTF-8.
    ///
    /// # Errors
    /// serde_json's error when `bytes` are not one JSON text in UTF-8.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, serde_json::Error> {
        serde_json::from_slice::<Box<RawValue>>(bytes).map(|raw| Self(raw.into()))
    }

    /// Writes `value` as JSON.
    ///
    /// # Panics
    /// Never: a `Value` always serialises.
    #[must_use]
    pub fn from_value(value: &Value) -> Self {
        Self(serde_json::value::to_raw_value(value).expect("a Value serialises").into())
    }

    /// The empty object, the default input of an execution.
    #[must_use]
    pub fn empty_object() -> Self {
        Self::from_value(&Value::Object(serde_json::Map::new()))
    }

    /// The JSON text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        self.0.get()
    }

    /// Parses the text. Cannot fail: the text was checked when the payload was made.
    ///
    /// # Panics
    /// Only if the invariant of this type is broken.
    #[must_use]
    pub fn to_value(&self) -> Value {
        serde_json::from_str(self.0.get()).expect("a Payload holds valid JSON")
    }

    /// Length of the text in bytes.
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.get().len()
    }

    /// Never true: the shortest JSON text has one byte.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.get().is_empty()
    }

    /// Whether both are the same text in memory; used to write a repeated payload only once.
    #[must_use]
    pub fn is_same(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }
}

impl PartialEq for Payload {
    /// Equal text; two spellings of the same JSON value differ.
    fn eq(&self, other: &Self) -> bool {
        self.is_same(other) || self.as_str() == other.as_str()
    }
}

impl Eq for Payload {}

impl std::fmt::Debug for Payload {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.0.get())
    }
}

impl Serialize for Payload {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.0.serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Payload {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Box::<RawValue>::deserialize(deserializer).map(|raw| Self(raw.into()))
    }
}
