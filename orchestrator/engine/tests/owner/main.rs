//! The owner of a partition, seen from outside: inputs in, actions out.
//!
//! `support` is the one door, with `actions` to read what comes out of it: it plays broker, store, registry and clock for a single [`baton_engine::Owner`], in the
//! order that a test asks for. What no test may do: look at anything but actions and the log. What holds under every
//! order of events is the simulation's business; here stands, rule by rule, what an owner does.

mod acks;
mod actions;
mod calls;
mod children;
mod claim;
mod express;
mod fold;
mod inputs;
mod machines;
mod outbox;
mod reclaim;
mod redrive;
mod restatement;
mod sizes;
mod strays;
mod support;
