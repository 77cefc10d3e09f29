//! Why the store can't do what it was asked.

use std::path::PathBuf;

/// Errors of the store.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// Another process has it open.
    #[error("the store at {} is in use by another process: stop that one or configure another directory", .0.display())]
    InUse(PathBuf),
    /// The directory can't be used.
    #[error("the store at {} can't be opened: {reason}; check that the directory is writable and the disk is not full", path.display())]
    Unusable {
        /// Directory of the store.
        path: PathBuf,
        /// Why, in words.
        reason: String,
    },
    /// A broken store could not be moved out of the way.
    #[error("the broken store at {} can't be set aside: {reason}; move or delete it by hand (it is rebuilt from the log)", path.display())]
    NotSetAside {
        /// Directory of the store.
        path: PathBuf,
        /// Why, in words.
        reason: String,
    },
    /// The database failed.
    #[error("the store's database failed: {0}")]
    Database(#[from] fjall::Error),
    /// What was read is not what was written.
    #[error("the store is corrupt: {0}")]
    Corrupt(&'static str),
    /// The writer thread ended.
    #[error("the store no longer writes: {0}")]
    Ended(String),
}
