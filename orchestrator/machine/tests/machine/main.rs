//! The machine through its public door: stimuli in, events and effects out.

mod golden;
mod map_runs;
mod replay;
mod rules;
mod support;
