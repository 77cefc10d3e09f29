//! The API over real HTTP, on fakes of what lies behind the engine's ports.

#![expect(clippy::unwrap_used, reason = "a test that can not go on has failed")]

mod activities;
mod aws;
mod document;
mod errors;
mod jobs;
mod nodes;
mod redrive;
mod rest;
mod search;
mod versions;
mod watching;
mod world;
