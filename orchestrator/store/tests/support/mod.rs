//! What the tests of the store share: random but repeatable histories, and the comparison with the model.
#![allow(dead_code, reason = "each test uses its part")]

mod history;
mod model;

pub use history::{Histories, Random};
pub use model::Model;

use baton_engine::views::{Checkpoints, ListQuery, Views};
use baton_machine::Status;
use baton_store::{Settings, Store};
use std::path::Path;
use std::sync::Arc;

/// Settings under which nothing is ever past its retention, whatever the clock says.
pub fn keeps_all() -> Settings {
    Settings {
        retention_ms: i64::MAX / 2,
        clock: Arc::new(|| 0),
        declarations: None,
    }
}

/// Opens a store that must be fine.
pub fn open(dir: &Path) -> (Arc<Store>, Box<dyn baton_engine::ViewWriter>) {
    Store::open(dir, keeps_all()).expect("the store opens")
}

/// Compares everything that can be asked about one execution.
pub fn compare_execution(store: &Store, model: &Model, arn: &str) {
    assert_eq!(store.describe(arn), model.describe(arn), "describe {arn}");
    assert_eq!(store.history(arn), model.history(arn), "history {arn}");
}

/// Compares the checkpoints of all partitions, and each execution in them.
pub fn compare(store: &Store, model: &Model, partitions: i32) {
    for partition in 0..partitions {
        let found = store.load(partition);
        let wanted = model.checkpoint(partition);
        assert_eq!(
            found.is_some(),
            wanted.is_some(),
            "checkpoint of partition {partition}"
        );
        if let (Some(found), Some(wanted)) = (found, wanted) {
            assert_eq!(
                format!("{found:#?}"),
                format!("{wanted:#?}"),
                "checkpoint of partition {partition}"
            );
        }
    }
    model
        .arns()
        .for_each(|arn| compare_execution(store, model, arn));
}

/// Reads a list to its end and compares it.
pub fn compare_list(store: &Store, model: &Model, query: &ListQuery) {
    let mut found = Vec::new();
    let mut page = query.clone();
    loop {
        let answer = store.list(&page);
        assert!(answer.executions.len() <= query.limit);
        found.extend(answer.executions);
        assert_eq!(answer.more, answer.next.is_some());
        match answer.next {
            Some(next) => page.after = Some(next),
            None => break,
        }
    }
    assert_eq!(found, model.list(query), "{query:?}");
}

/// Some list query.
pub fn some_query(random: &mut Random) -> ListQuery {
    let statuses = [
        Status::Running,
        Status::Succeeded,
        Status::Failed,
        Status::Aborted,
        Status::TimedOut,
    ];
    let span = history::START_MS..history::START_MS + 2_000;
    let mut maybe_time = || random.chance(40).then(|| random.within(span.clone()));
    let (started_from_ms, started_before_ms) = (maybe_time(), maybe_time());
    ListQuery {
        machine: random.chance(50).then(|| history::machine(random.below(3))),
        status: random
            .chance(60)
            .then(|| statuses[random.below(5) as usize]),
        started_from_ms,
        started_before_ms,
        name_prefix: random
            .chance(30)
            .then(|| format!("x{}", random.below(4)).into()),
        conditions: Vec::new(),
        limit: 1 + random.below(7) as usize,
        after: None,
    }
}
