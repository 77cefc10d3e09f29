//! Local views: executions, their histories and lists, and the checkpoint that an owner starts from.
//!
//! Owns: how effective state lies on the local disk (fjall), the thread that writes it behind the acknowledgement, and
//! the answers to queries. Must not: decide anything, read Kafka, or be needed for correctness. The log is the truth;
//! the store can be deleted at any time and is then folded again. So nothing is synced to disk for durability: a batch
//! is atomic, and whatever a crash loses is folded again from the checkpoint that survived.
//!
//! ```text
//! apply(batch) -> queue -> window (coalesced per execution) -> one fjall batch per partition, checkpoint included
//!                 └──────── describe, history ──────────┘      └── list, load (after writing what is pending)
//! ```
//!
//! Reading path: [`Store`] (`store`), what waits to be written (`pending`, `window`), how it is written (`writer`,
//! `flush`, `search`), how it lies on disk (`db`, `keys`, `values`, `chunk`), how it is read (`describe`, `list`, `load`), and
//! how it is forgotten (`sweep`).

mod chunk;
mod db;
mod describe;
mod error;
mod flush;
mod keys;
pub mod limits;
mod list;
mod load;
mod meta;
mod open;
mod pending;
mod put;
mod search;
mod store;
mod sweep;
mod values;
mod window;
mod writer;

pub use error::StoreError;
pub use store::{Settings, Store};
