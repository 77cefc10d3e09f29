//! The machine through its public door: stimuli in, events and effects out.

mod coverage;
mod events;
mod fields;
mod golden;
mod map_runs;
mod redrive;
mod replay;
mod rules;
mod support;
