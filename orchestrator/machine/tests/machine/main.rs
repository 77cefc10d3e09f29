//! The machine through its public door: stimuli in, events and effects out.

mod coverage;
mod events;
mod fields;
mod golden;
mod replay;
mod rules;
mod support;
