//! The broker as its clients see it: Kafka's own messages over TCP, a broker for each test.

mod apis;
mod bad_bytes;
mod client;
mod fetching;
mod groups;
mod memory;
mod producing;
mod topics;
mod users;
mod world;
