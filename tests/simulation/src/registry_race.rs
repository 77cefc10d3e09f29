//! Two writers change the same machine at the same time (R13).

use crate::rng::Rng;
use crate::run::Outcome;
use baton_engine::registry::{Folded, Registry};
use baton_schemas::registry::{RegistryBody, RegistryEntry, StateMachineEntry};
use std::sync::Arc;

/// Runs one race; without the rule a writer is told of success by the acknowledgement alone.
#[must_use]
pub fn run(seed: u64, without: bool) -> Outcome {
    let mut rng = Rng::new(seed);
    let registry = Registry::default();
    let mut log: Vec<RegistryEntry> = Vec::new();
    let mut current: Option<i64> = None;
    let mut won = Vec::new();
    let mut broken = None;
    for round in 0..3 {
        // Both read the same revision, then both write, in either order.
        let mut writers = vec!["a", "b"];
        if rng.one_in(2) {
            writers.swap(0, 1);
        }
        let based_on = current;
        for writer in writers {
            let entry = entry(based_on, &format!("{writer}{round}"));
            let offset = log.len() as i64;
            let bytes = serde_json::to_vec(&entry).expect("an entry serialises");
            log.push(entry);
            let folded = registry.fold(offset, &bytes);
            if without || folded == Folded::Accepted {
                won.push((round, writer));
            }
            if folded == Folded::Accepted {
                current = Some(offset);
            }
        }
        let winners = won.iter().filter(|(r, _)| *r == round).count();
        if winners != 1 {
            broken = Some(format!(
                "round {round}: {winners} writers based on {based_on:?} were told that they won"
            ));
        }
    }
    Outcome {
        broken,
        steps: 0,
        executions: 0,
        records: log.len(),
    }
}

fn entry(based_on: Option<i64>, attempt: &str) -> RegistryEntry {
    let definition: Arc<str> = r#"{"StartAt":"A","States":{"A":{"Type":"Succeed"}}}"#.into();
    RegistryEntry {
        v: 1,
        arn: "arn:aws:states:us-east-1:000000000000:stateMachine:m".into(),
        based_on,
        attempt: attempt.into(),
        time_ms: 0,
        body: RegistryBody::StateMachine(StateMachineEntry {
            name: "m".into(),
            definition,
            role_arn: "arn:aws:iam::000000000000:role/r".into(),
            kind: "STANDARD".into(),
            created_ms: 0,
            settings: serde_json::Value::Null,
            search_attributes: Default::default(),
        }),
    }
}
