//! Any text as a definition: it is compiled or refused, analysed and rendered, whatever it is.
#![no_main]

use baton_language::{Document, Options, analyse, compile, compile_express, render};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    let _ = compile(text);
    let _ = compile_express(text);
    let found = analyse(text, Options { express: false, strict: true });
    let document = Document::json(text);
    let _ = render(&document, "fuzz", &found);
});
