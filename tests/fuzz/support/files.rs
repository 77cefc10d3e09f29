//! A data directory of the broker as one input: its files, each with a byte that says which one it is.

use std::fs;
use std::path::Path;

use crate::batches;
use crate::pieces::{BETWEEN, pieces};

const FILES_MAX: usize = 16;
/// Every name that the log gives to files, as far as one topic with one partition and few records has them.
const NAMES: &[&str] = &[
    "topics/t/topic.json",
    "topics/t/0/00000000000000000000.log",
    "topics/t/0/00000000000000000000.index",
    "topics/t/0/00000000000000000002.log",
    "topics/t/0/00000000000000000002.index",
    "topics/t/0/00000000000000000004.log",
    "topics/t/0/00000000000000000004.index",
    "topics/t/0/00000000000000000006.log",
    "topics/t/0/00000000000000000006.index",
    "topics/t/0/00000000000000000008.log",
    "topics/t/0/00000000000000000008.index",
    "topics/t/0/checkpoint",
    "topics/t/0/start",
    "topics/t/0/cleaned",
    "topics/t/0/00000000000000000000.cleaned",
    "topics/t/0/00000000000000000002.cleaned",
    "topics/t/0/merging",
    "topics/t/0/09223372036854775807.log",
    "state/00000000000000000000.log",
    "state/00000000000000000000.index",
    "state/checkpoint",
    "producer-ids",
];
/// The topic's file where the input has none.
const TOPIC: &[u8] = br#"{"id":"6b1c3f9e-0a6b-4a53-9d3f-0d3e1d9a2c11","partitions":1,"config":{"segment.bytes":"300","cleanup.policy":"POLICY","min.cleanable.dirty.ratio":"0"}}"#;
/// Digits and line end of the sum before a small file's content.
const SEAL_BYTES: usize = 9;

/// Writes the files of an input. Its first byte: the topic's policy, and whether sums are made right.
pub fn unpack(input: &[u8], dir: &Path) {
    let Some((&how, input)) = input.split_first() else {
        return;
    };
    let policy = if how & 1 == 0 { "delete" } else { "compact" };
    let topic = String::from_utf8_lossy(TOPIC).replace("POLICY", policy);
    write(dir, NAMES[0], &sealed(topic.as_bytes()));
    for piece in pieces(input, FILES_MAX) {
        let Some((&which, content)) = piece.split_first() else {
            continue;
        };
        let name = NAMES[usize::from(which) % NAMES.len()];
        let mut content = content.to_vec();
        if how & 2 == 0 {
            sum(name, &mut content);
        }
        write(dir, name, &content);
    }
}

/// The input that makes these files.
pub fn pack(dir: &Path, how: u8) -> Vec<u8> {
    let files: Vec<Vec<u8>> = (0_u8..)
        .zip(NAMES)
        .filter_map(|(number, name)| {
            let content = fs::read(dir.join(name)).ok()?;
            Some([&[number], &content[..]].concat())
        })
        .collect();
    [&[how], &files.join(BETWEEN)[..]].concat()
}

fn write(dir: &Path, name: &str, content: &[u8]) {
    let path = dir.join(name);
    fs::create_dir_all(path.parent().expect("a directory")).expect("made");
    fs::write(path, content).expect("written");
}

/// Makes the sums of a file right, so that what they guard is looked at.
fn sum(name: &str, content: &mut Vec<u8>) {
    if name.ends_with(".log") || name.ends_with(".cleaned") {
        sum_batches(content);
    } else if name.ends_with(".index") {
        sum_index(content);
    } else if content.len() >= SEAL_BYTES {
        *content = sealed(&content[SEAL_BYTES..]);
    }
}

/// The batches that follow each other from the beginning on.
fn sum_batches(content: &mut [u8]) {
    let mut at = 0;
    while let Some(length) = batches::sum_at(content, at) {
        at += length;
    }
}

/// An index: the sum of its entries at 40, that of its head at 44, entries from 48.
fn sum_index(content: &mut [u8]) {
    if content.len() >= 48 {
        let entries = crc32c::crc32c(&content[48..]);
        content[40..44].copy_from_slice(&entries.to_be_bytes());
        let head = crc32c::crc32c(&content[..44]);
        content[44..48].copy_from_slice(&head.to_be_bytes());
    }
}

fn sealed(content: &[u8]) -> Vec<u8> {
    let mut file = format!("{:08x}\n", crc32c::crc32c(content)).into_bytes();
    file.extend_from_slice(content);
    file
}
