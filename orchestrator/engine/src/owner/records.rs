//! The history records of open executions, kept for their next restatement.
//!
//! Owns: how they lie in memory. What has not changed for a while is packed: executions wait by the hundred thousand, and
//! the records of those of one machine differ in little more than names and payloads, so the first that is packed serves
//! as the dictionary of the others. Must not: interpret records.

use crate::limits::{DICTIONARIES_MAX, DICTIONARY_BYTES_MAX, PACKED_BYTES_MAX};
use bytes::Bytes;
use lz4_flex::block::{compress_with_dict, decompress_with_dict};
use rustc_hash::FxHashMap;
use std::sync::Arc;

/// History records, oldest first.
#[derive(Clone, Debug, Default)]
pub struct Records {
    packed: Vec<Packed>,
    plain: Vec<Bytes>,
}

/// Some records in LZ4's block format; before that, each has its length before it (4 bytes, big-endian).
#[derive(Clone, Debug)]
struct Packed {
    dictionary: Arc<[u8]>,
    body: Box<[u8]>,
    /// Length before it was packed.
    bytes: usize,
}

/// Dictionaries by the ARN of the machine.
#[derive(Clone, Debug, Default)]
pub struct Dictionaries(FxHashMap<Arc<str>, Arc<[u8]>>);

impl Records {
    /// Adds a record. The first takes no more room than it needs: most executions that wait for long have one.
    pub fn push(&mut self, json: Bytes) {
        if self.plain.is_empty() {
            self.plain.reserve_exact(1);
        }
        self.plain.push(json);
    }

    /// All of them.
    pub fn all(&self) -> Vec<Bytes> {
        let mut all = Vec::new();
        for packed in &self.packed {
            packed.unpack(&mut all);
        }
        all.extend(self.plain.iter().cloned());
        all
    }

    /// Packs what is not packed yet. Records larger than [`PACKED_BYTES_MAX`] stay as they are: nobody has many of them, and
    /// packing them would hold others up.
    pub fn pack(&mut self, machine: &Arc<str>, dictionaries: &mut Dictionaries) {
        let bytes: usize = self.plain.iter().map(|json| 4 + json.len()).sum();
        if self.plain.is_empty() || bytes > PACKED_BYTES_MAX {
            return;
        }
        let mut whole = Vec::with_capacity(bytes);
        for json in std::mem::take(&mut self.plain) {
            whole.extend_from_slice(&(json.len() as u32).to_be_bytes());
            whole.extend_from_slice(&json);
        }
        let dictionary = dictionaries.of(machine, &whole);
        let body = compress_with_dict(&whole, &dictionary).into_boxed_slice();
        self.packed.reserve_exact(1);
        self.packed.push(Packed {
            dictionary,
            body,
            bytes,
        });
    }
}

impl FromIterator<Bytes> for Records {
    fn from_iter<I: IntoIterator<Item = Bytes>>(records: I) -> Self {
        Self {
            packed: Vec::new(),
            plain: records.into_iter().collect(),
        }
    }
}

impl Packed {
    fn unpack(&self, records: &mut Vec<Bytes>) {
        let whole = decompress_with_dict(&self.body, self.bytes, &self.dictionary);
        let mut rest = Bytes::from(whole.expect("what was packed in this memory can be unpacked"));
        while let Some(length) = rest.first_chunk().copied().map(u32::from_be_bytes) {
            let mut record = rest.split_to(4 + length as usize);
            records.push(record.split_off(4));
        }
    }
}

impl Dictionaries {
    /// The dictionary for records of this machine; `sample` becomes it if there is none.
    fn of(&mut self, machine: &Arc<str>, sample: &[u8]) -> Arc<[u8]> {
        if let Some(known) = self.0.get(machine) {
            return known.clone();
        }
        if self.0.len() >= DICTIONARIES_MAX {
            return Arc::from([]);
        }
        let dictionary: Arc<[u8]> = sample[..sample.len().min(DICTIONARY_BYTES_MAX)].into();
        self.0.insert(machine.clone(), dictionary.clone());
        dictionary
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn like(n: usize) -> Bytes {
        Bytes::from(format!(
            r#"{{"v":1,"r":{{"transition":{{"execution":"arn:aws:states:us-east-1:000000000000:execution:m:e{n}"}}}}}}"#
        ))
    }

    #[test]
    fn records_of_one_machine_take_little_beside_the_first() {
        let (machine, mut dictionaries) = (Arc::from("m"), Dictionaries::default());
        let mut packed = Vec::new();
        for n in 0..10 {
            let mut records = Records::from_iter([like(n)]);
            records.pack(&machine, &mut dictionaries);
            assert!(records.plain.is_empty());
            assert_eq!(records.all(), [like(n)]);
            packed.push(records.packed[0].body.len());
        }
        assert!(
            packed[1..].iter().all(|bytes| bytes * 3 < like(0).len()),
            "{packed:?}"
        );
    }

    #[test]
    fn what_is_very_large_stays_as_it_is() {
        let large = Bytes::from(vec![b'x'; PACKED_BYTES_MAX]);
        let mut records = Records::from_iter([large.clone()]);
        records.pack(&Arc::from("m"), &mut Dictionaries::default());
        assert!(records.packed.is_empty());
        assert_eq!(records.all(), [large]);
    }

    #[test]
    fn dictionaries_are_bounded() {
        let mut dictionaries = Dictionaries::default();
        for n in 0..=DICTIONARIES_MAX {
            let mut records = Records::from_iter([like(n)]);
            records.pack(&Arc::from(n.to_string()), &mut dictionaries);
            assert_eq!(records.all(), [like(n)]);
        }
        assert_eq!(dictionaries.0.len(), DICTIONARIES_MAX);
        let sample = vec![7; DICTIONARY_BYTES_MAX + 1];
        let of = Dictionaries::default().of(&Arc::from("m"), &sample);
        assert_eq!(of.len(), DICTIONARY_BYTES_MAX);
    }

    proptest! {
        #[test]
        fn whenever_they_are_packed_they_are_the_same(steps: Vec<Option<Vec<u8>>>) {
            let (machine, mut dictionaries) = (Arc::from("m"), Dictionaries::default());
            let (mut records, mut expected) = (Records::default(), Vec::new());
            for step in steps {
                match step {
                    Some(json) => {
                        records.push(json.clone().into());
                        expected.push(Bytes::from(json));
                    }
                    None => records.pack(&machine, &mut dictionaries),
                }
                prop_assert_eq!(records.all(), expected.clone());
            }
        }
    }
}
