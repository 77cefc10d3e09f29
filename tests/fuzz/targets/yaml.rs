//! Any text as YAML: it becomes JSON with places, or is refused at one.
#![no_main]

use baton_language::{Document, Options, analyse, render};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| match Document::yaml(text) {
    Ok(document) => {
        let found = analyse(document.as_json(), Options::default());
        let _ = render(&document, "fuzz", &found);
    }
    Err(refused) => {
        let (document, found) = *refused;
        let _ = render(&document, "fuzz", &[found]);
    }
});
