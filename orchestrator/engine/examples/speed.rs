//! How long an owner takes for a five-step workflow, without Kafka: `cargo run --release -p baton-engine --example speed`.
//!
//! Appends and sends are acknowledged at once, completions come in batches of as many executions as are in flight.

mod desk;

use baton_engine::{Input, InputRecord};
use baton_schemas::history::InputTopic;
use baton_schemas::{Completion, Outcome, Payload};
use desk::{Desk, One};
use std::time::Instant;

const IN_FLIGHT: usize = 1_000;
const ROUNDS: usize = 60;

fn main() {
    let states = (1..=5).map(|i| {
        let after = if i == 5 {
            "\"End\":true".to_owned()
        } else {
            format!("\"Next\":\"S{}\"", i + 1)
        };
        format!(
            "\"S{i}\":{{\"Type\":\"Task\",\"Resource\":\"arn:aws:states:::baton:task.q\",{after}}}"
        )
    });
    let text = format!(
        "{{\"StartAt\":\"S1\",\"States\":{{{}}}}}",
        states.collect::<Vec<_>>().join(",")
    );
    let mut desk = Desk::new(One::new(&text), None);
    desk.tell(Input::Assigned);
    let begun = Instant::now();
    let input = Payload::from_text(&format!("{{\"data\":\"{}\"}}", "x".repeat(285))).expect("JSON");
    let mut completions = 0;
    for round in 0..ROUNDS {
        for i in 0..IN_FLIGHT {
            desk.start(&format!("bench-run-0123456789-{round}-{i}"), input.clone());
        }
        for _ in 0..5 {
            for token in std::mem::take(&mut desk.commands) {
                let outcome = Outcome::Succeeded(input.clone());
                let record = InputRecord::Completion(Completion {
                    token,
                    outcome,
                    traceparent: None,
                });
                desk.tell(Input::Record {
                    topic: InputTopic::Completions,
                    offset: completions,
                    record,
                });
                completions += 1;
            }
        }
    }
    let workflows = ROUNDS * IN_FLIGHT;
    let each = begun.elapsed().as_secs_f64() * 1e6 / workflows as f64;
    assert_eq!(desk.owner.open_executions(), 0, "all have closed");
    println!(
        "{workflows} workflows of 5 steps: {each:.1} us each, {:.2} us a step, {} bytes of history each",
        each / 6.0,
        desk.bytes / workflows
    );
}
