//! Recorded behaviour of AWS, run through the engine and compared.
//!
//! Owns: reading cases, running them in a world without Kafka (`world`), comparing and scoring. Must not: treat a case
//! by its name. The recordings lie outside the repository; where they are absent there is nothing to run.
//!
//! Reading path: [`case`], [`run`] and [`tasks`] for executions, [`api`] for calls, [`compare`] and [`values`], [`scores`], [`gaps`].

pub mod api;
pub mod calls;
pub mod case;
pub mod compare;
pub mod fixtures;
pub mod gaps;
pub mod jsonata;
pub mod jsonpath;
pub mod run;
pub mod scores;
pub mod tasks;
pub mod values;
pub mod verdict;
pub mod world;

use case::Case;
use verdict::Verdict;

/// Runs and compares a case; `None` for a kind that this runner doesn't know.
#[must_use]
pub fn judge(case: &Case, crashes: bool) -> Option<Verdict> {
    Some(match case.kind.as_str() {
        "execution" => match run::execution(case, crashes) {
            Ok(outcome) => compare::execution(case, &outcome),
            Err(why) => {
                let expect = &case.json["expect"];
                let (history, order) = (
                    case.history().is_some(),
                    expect.get("history_order").is_none(),
                );
                Verdict::not_run(&why, expect.get("cause").is_some(), history, order)
            }
        },
        "api" => Verdict::of_steps(api::run(case)),
        "validate" => Verdict::of_call(calls::validate(case)),
        "test_state" => Verdict::of_call(calls::test_state(case)),
        _ => return None,
    })
}
