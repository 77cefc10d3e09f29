//! Any text as a definition: it is compiled or refused, analysed, rendered and drawn, whatever it is.
#![no_main]

use baton_language::{Document, Options, analyse, compile, compile_express, render};
use libfuzzer_sys::fuzz_target;

#[path = "../support/memory.rs"]
mod memory;

/// A definition has 4 kB here.
const BYTES_MAX: usize = 64 << 20;

fuzz_target!(|text: &str| memory::within(BYTES_MAX, || {
    let _ = compile(text);
    let _ = compile_express(text);
    let found = analyse(
        text,
        Options {
            express: false,
            strict: true,
        },
    );
    let document = Document::json(text);
    let _ = render(&document, "fuzz", &found);
    if let Ok(definition) = serde_json::from_str(text) {
        let _ = baton_graph::svg(&definition);
    }
}));
