//! The API over real HTTP, on fakes of what lies behind the engine's ports.

mod aws;
mod errors;
mod nodes;
mod rest;
mod world;
