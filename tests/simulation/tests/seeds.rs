//! The simulation in small, for every run of the unit tests; `./tests/run simulation` runs many more seeds.

use baton_simulation::programs::Programs;
use baton_simulation::{SEEDS_PER_RULE, catch, run};
use std::sync::Arc;

const SEEDS: u64 = 50;
const RULES: std::ops::RangeInclusive<usize> = 1..=14;

#[test]
fn what_must_always_hold_does() {
    let programs = Arc::new(Programs::new());
    let mut executions = 0;
    for seed in 0..SEEDS {
        let outcome = run(seed, 0, &programs, false);
        assert_eq!(outcome.broken, None, "seed {seed}");
        executions += outcome.executions;
    }
    assert!(
        executions as u64 > SEEDS,
        "worlds in which nothing happens prove nothing: {executions}"
    );
}

#[test]
fn the_same_seed_is_the_same_run() {
    let programs = Arc::new(Programs::new());
    for seed in 0..SEEDS / 10 {
        let [once, again] = [0, 1].map(|_| run(seed, 0, &programs, false));
        assert_eq!(
            (once.steps, once.records),
            (again.steps, again.records),
            "seed {seed}"
        );
    }
}

#[test]
fn each_rule_is_needed_and_its_absence_is_caught() {
    let programs = Arc::new(Programs::new());
    let not_caught: Vec<usize> = RULES
        .filter(|rule| catch(*rule, SEEDS_PER_RULE, &programs).is_none())
        .collect();
    assert!(
        not_caught.is_empty(),
        "taken out and not missed in {SEEDS_PER_RULE} seeds: {not_caught:?}"
    );
}
