//! The wire contract held against itself: types, generated schemas, examples and golden history records say the same.

mod document;
mod example;
mod examples;
mod generated;
mod golden_history;
mod round_trip;

use std::path::{Path, PathBuf};

/// A path inside this crate.
fn at(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(path)
}

/// Name and content of every file in a folder of this crate, in order.
fn files(folder: &str) -> Vec<(String, String)> {
    let entries = std::fs::read_dir(at(folder)).unwrap_or_else(|e| panic!("{folder}: {e}"));
    let mut files: Vec<(String, String)> = entries
        .map(|entry| {
            let path = entry.expect("a folder's entry").path();
            let text = std::fs::read_to_string(&path)
                .unwrap_or_else(|e| panic!("{}: {e}", path.display()));
            (
                path.file_name()
                    .expect("a file's name")
                    .to_string_lossy()
                    .into_owned(),
                text,
            )
        })
        .collect();
    files.sort();
    assert!(!files.is_empty(), "{folder} is empty");
    files
}
