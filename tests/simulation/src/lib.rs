//! Simulation: the real owner with a simulated log, network, clock, workers and callers, from a seed.
//!
//! Owns: a world of two nodes and two partitions in which everything that can go wrong does (crashes at every step,
//! zombies, lost, late and offset-less acknowledgements, repeats, reassignments, drifting clocks, lost stores), and the
//! checks that must hold all the same. The same seed gives the same run. It can take single rules out of the engine,
//! to show that the checks catch what the rule prevents.

mod check;
mod log;
mod node;
pub mod programs;
mod registry_race;
mod rng;
mod run;
mod store;
mod world;

pub use run::{Outcome, SEEDS_PER_RULE, catch, run};
