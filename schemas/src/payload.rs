//! JSON text that is carried, not looked into.
//!
//! Owns: the guarantee that a [`Payload`] holds exactly one valid JSON text. Cloning is a reference count; nothing
//! is parsed until somebody asks for a value. Checking on the way in makes sure that parsing then can't fail.

use crate::json_check;
use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::{
    Deserialize, Deserializer, Serialize, Serializer,
    de::{Error as _, MapAccess, Visitor},
};
use serde_json::{Value, value::RawValue};
use std::borrow::Cow;
use std::sync::Arc;

/// Deepest nesting of arrays and objects in a payload that comes from outside.
pub const DEPTH_MAX: usize = json_check::DEPTH_MAX;

/// One valid JSON text, cheap to clone and passed on byte for byte.
#[derive(Clone)]
pub struct Payload(Arc<RawValue>);

impl Payload {
    /// Checks that `text` is one JSON text and keeps it as it is.
    ///
    /// # Errors
    /// serde_json's error with line and column when `text` is not JSON, nests deeper than [`DEPTH_MAX`], or holds half of
    /// a surrogate pair or a number that no double can hold.
    pub fn from_text(text: &str) -> Result<Self, serde_json::Error> {
        serde_json::from_str(text)
    }

    /// The same from bytes, which must be UTF-8.
    ///
    /// # Errors
    /// As [`Self::from_text`], and when `bytes` are not UTF-8.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, serde_json::Error> {
        serde_json::from_slice(bytes)
    }

    /// Writes whatever serialises, and checks it as [`Self::from_text`] does.
    ///
    /// # Errors
    /// What serialising gives, and as [`Self::from_text`].
    pub fn write<T: Serialize + ?Sized>(value: &T) -> Result<Self, serde_json::Error> {
        let raw = serde_json::value::to_raw_value(value)?;
        json_check::check(raw.get()).map_err(serde_json::Error::custom)?;
        Ok(Self(raw.into()))
    }

    /// Writes `value` as JSON. Whoever makes a value from others checks [`Self::depth`] of the result.
    ///
    /// # Panics
    /// Never: a `Value` always serialises.
    #[must_use]
    pub fn from_value(value: &Value) -> Self {
        Self(
            serde_json::value::to_raw_value(value)
                .expect("a Value serialises")
                .into(),
        )
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
        serde_json::from_str(self.as_str()).unwrap_or_else(|_| deep_value(self.as_str()))
    }

    /// Deepest nesting of arrays and objects; to be kept within [`DEPTH_MAX`], like the length within its limit.
    #[must_use]
    pub fn depth(&self) -> usize {
        json_check::depth(self.as_str())
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
        let raw = Box::<RawValue>::deserialize(deserializer)?;
        json_check::check(raw.get()).map_err(D::Error::custom)?;
        Ok(Self(raw.into()))
    }
}

impl JsonSchema for Payload {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "Payload".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        true.into()
    }
}

/// Reads a field that may be absent, but whose `null` is a payload: serde alone takes a `null` for an absent one.
pub(crate) fn present<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Option<Payload>, D::Error> {
    Payload::deserialize(deserializer).map(Some)
}

/// Parses a text that nests deeper than serde_json reads, one level at a time. Only [`Payload::from_value`] makes such
/// texts, from a value that was itself in memory.
fn deep_value(text: &str) -> Value {
    let parse =
        |raw: &RawValue| serde_json::from_str(raw.get()).unwrap_or_else(|_| deep_value(raw.get()));
    if text.starts_with('[') {
        let items: Vec<&RawValue> = serde_json::from_str(text).expect("a Payload holds valid JSON");
        return items.into_iter().map(parse).collect();
    }
    let Members(members) = serde_json::from_str(text).expect("a Payload holds valid JSON");
    members
        .into_iter()
        .map(|(name, raw)| (name, parse(raw)))
        .collect()
}

/// The members of an object in order, unparsed.
struct Members<'a>(Vec<(String, &'a RawValue)>);

impl<'de> Deserialize<'de> for Members<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(MembersVisitor)
    }
}

struct MembersVisitor;

impl<'de> Visitor<'de> for MembersVisitor {
    type Value = Members<'de>;

    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Members<'de>, A::Error> {
        let mut members = Vec::new();
        while let Some(member) = map.next_entry()? {
            members.push(member);
        }
        Ok(Members(members))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::json;

    #[test]
    fn text_is_kept_byte_for_byte_without_the_space_around_it() {
        let payload = Payload::from_text(" {\"b\": 1.0, \"a\":\t[]} \n").expect("JSON");
        assert_eq!(payload.as_str(), "{\"b\": 1.0, \"a\":\t[]}");
        assert_eq!(payload.len(), 19);
        assert!(payload.is_same(&payload.clone()) && !payload.is_same(&Payload::empty_object()));
    }

    #[test]
    fn what_could_not_be_read_later_is_refused() {
        let deep = |depth| format!("{}1{}", "[".repeat(depth), "]".repeat(depth));
        assert_eq!(
            Payload::from_text(&deep(DEPTH_MAX))
                .expect("deep, not too deep")
                .depth(),
            DEPTH_MAX
        );
        for (text, why) in [
            (deep(DEPTH_MAX + 1), "deeper than 127"),
            (deep(100_000), "deeper than 127"),
            (r#""\ud800""#.to_owned(), "surrogate"),
            (r#"["\udc00\ud800"]"#.to_owned(), "surrogate"),
            ("1e999".to_owned(), "out of range"),
            ("9".repeat(400), "out of range"),
            ("{}{}".to_owned(), "trailing"),
            (String::new(), "EOF"),
        ] {
            let error = Payload::from_text(&text).expect_err(why).to_string();
            assert!(error.contains(why), "{error}");
        }
        assert!(Payload::from_bytes(b"\"\xff\"").is_err());
        assert_eq!(
            Payload::from_text(r#""\ud83d\ude00""#)
                .expect("a pair")
                .to_value(),
            json!("😀")
        );
    }

    #[test]
    fn a_value_that_grew_too_deep_is_still_read() {
        let mut value = json!([1, {"b": null, "a": 2}]);
        for i in 0..300 {
            value = if i % 2 == 0 {
                json!([0, value])
            } else {
                json!({"z": value, "y": 1})
            };
        }
        let payload = Payload::from_value(&value);
        assert_eq!(payload.depth(), 302);
        assert_eq!(
            Payload::from_value(&payload.to_value()),
            payload,
            "order included"
        );
    }

    proptest! {
        #[test]
        fn whatever_is_accepted_is_a_value(text in r#"[\[\]{}":,0-9eE.+\\ud89cf -]{0,24}"#) {
            if let Ok(payload) = Payload::from_text(&text) {
                prop_assert!(serde_json::from_str::<Value>(payload.as_str()).is_ok());
                prop_assert_eq!(Payload::from_value(&payload.to_value()).to_value(), payload.to_value());
            }
        }

        #[test]
        fn strings_and_numbers_too(string in r#"(\\u[d0][89acdef0][0-9]{2}|\\["\\nu]|[a"]){0,6}"#, number in "-?[0-9]{1,4}(\\.[0-9]{1,3})?[eE][+-]?[0-9]{1,3}") {
            for text in [format!("\"{string}\""), number] {
                if let Ok(payload) = Payload::from_text(&text) {
                    prop_assert!(serde_json::from_str::<Value>(payload.as_str()).is_ok());
                }
            }
        }

        #[test]
        fn any_bytes_are_taken_or_refused(bytes: Vec<u8>) {
            let _ = Payload::from_bytes(&bytes).map(|payload| payload.to_value());
        }
    }
}
