//! TestState with anything in each of its parameters: it answers or refuses.
#![no_main]

use baton_machine::test_state::{Level, Mock, Request, Setting, Validation, run};
use baton_schemas::history::Failure;
use libfuzzer_sys::fuzz_target;
use std::sync::Arc;

#[path = "../support/memory.rs"]
mod memory;
#[path = "../support/pieces.rs"]
mod pieces;

/// What one expression may make is bounded by the language's limits, tens of megabytes each.
const BYTES_MAX: usize = 1 << 30;

fuzz_target!(|bytes: &[u8]| memory::within(BYTES_MAX, || {
    let Some((&how, bytes)) = bytes.split_first() else {
        return;
    };
    let texts = pieces::pieces(bytes, 7);
    let text = |number: usize| {
        texts
            .get(number)
            .filter(|text| !text.is_empty())
            .and_then(|text| std::str::from_utf8(text).ok())
    };
    let mock = text(3).map(|result| Mock {
        outcome: if how & 1 == 0 {
            Ok(result)
        } else {
            Err(Failure {
                error: Some(Arc::from(result)),
                cause: None,
            })
        },
        validation: match how >> 1 & 3 {
            0 => Validation::Strict,
            1 => Validation::Present,
            _ => Validation::None,
        },
    });
    let request = Request {
        definition: text(0).unwrap_or("{}"),
        input: text(1),
        context: text(2),
        mock,
        variables: text(4),
        map_item_reader_data: text(5),
        state_name: text(6),
        level: if how & 8 == 0 {
            Level::Info
        } else {
            Level::Debug
        },
        retrier_retry_count: u32::from(how >> 4 & 3),
        error_caused_by_state: (how & 64 != 0).then_some("S"),
        map_iteration_failure_count: (how & 128 != 0).then_some(1),
        ..Request::default()
    };
    let setting = Setting {
        region: "us-east-1",
        account: "000000000000",
        name: "run",
        now_ms: 1_700_000_000_000,
    };
    let _ = run(&request, setting);
}));
