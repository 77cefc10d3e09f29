//! Any text as YAML: it becomes JSON with places, or is refused at one.
#![no_main]

use baton_language::{Document, Options, analyse, render};
use libfuzzer_sys::fuzz_target;

#[path = "../support/memory.rs"]
mod memory;

/// Aliases may make a small text large; there is a bound on that.
const BYTES_MAX: usize = 256 << 20;

fuzz_target!(
    |text: &str| memory::within(BYTES_MAX, || match Document::yaml(text) {
        Ok(document) => {
            let found = analyse(document.as_json(), Options::default());
            let _ = render(&document, "fuzz", &found);
        }
        Err(refused) => {
            let (document, found) = *refused;
            let _ = render(&document, "fuzz", &[found]);
        }
    })
);
