//! What the store knows of itself: its format, each partition's checkpoint, and what is still to be deleted.
//!
//! Owns: the keyspace `meta`, in JSON.

use crate::error::StoreError;
use crate::keys::Generation;
use crate::window::At;
use fjall::{Keyspace, OwnedWriteBatch, Readable};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Version of everything this crate writes. A store of another version is set aside and folded again from the log.
pub const FORMAT: &[u8] = b"baton-store 2";

const FORMAT_KEY: &[u8] = b"format";
const PARTITION_PREFIX: u8 = b'p';
const DEAD_PREFIX: u8 = b'd';
const NEXT_KEY: &[u8] = b"next";

/// A partition's views.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Life {
    /// Their generation.
    pub generation: Generation,
    /// Where they stand; `None` if they were only forgotten.
    pub at: Option<At>,
}

/// The format written in the store, if any.
pub fn format(meta: &Keyspace) -> Result<Option<Vec<u8>>, StoreError> {
    Ok(meta.get(FORMAT_KEY)?.map(|bytes| bytes.to_vec()))
}

/// Writes the format of this build.
pub fn put_format(meta: &Keyspace) -> Result<(), StoreError> {
    Ok(meta.insert(FORMAT_KEY, FORMAT)?)
}

/// All partitions, as of one moment.
pub fn lives(snapshot: &impl Readable, meta: &Keyspace) -> Result<BTreeMap<i32, Life>, StoreError> {
    let mut lives = BTreeMap::new();
    for entry in snapshot.prefix(meta, [PARTITION_PREFIX]) {
        let (key, value) = entry.into_inner()?;
        let partition = key
            .get(1..)
            .and_then(|bytes| bytes.try_into().ok())
            .map(i32::from_be_bytes);
        let life = serde_json::from_slice(&value).ok();
        let (partition, life) = partition
            .zip(life)
            .ok_or(StoreError::Corrupt("a checkpoint"))?;
        lives.insert(partition, life);
    }
    Ok(lives)
}

/// Writes a partition's views' place.
pub fn put_life(batch: &mut OwnedWriteBatch, meta: &Keyspace, partition: i32, life: &Life) {
    let mut key = vec![PARTITION_PREFIX];
    key.extend_from_slice(&partition.to_be_bytes());
    batch.insert(
        meta,
        key,
        serde_json::to_vec(life).expect("a checkpoint serialises"),
    );
}

/// Generations that are forgotten but not yet deleted.
pub fn dead(snapshot: &impl Readable, meta: &Keyspace) -> Result<Vec<Generation>, StoreError> {
    let mut dead = Vec::new();
    for entry in snapshot.prefix(meta, [DEAD_PREFIX]) {
        let key = entry.key()?;
        let bytes = key.get(1..).and_then(|bytes| bytes.try_into().ok());
        dead.push(
            bytes
                .map(Generation::from_be_bytes)
                .ok_or(StoreError::Corrupt("a forgotten generation"))?,
        );
    }
    Ok(dead)
}

/// Notes a generation that is to be deleted.
pub fn put_dead(batch: &mut OwnedWriteBatch, meta: &Keyspace, generation: Generation) {
    batch.insert(meta, dead_key(generation), b"".as_slice());
}

/// Notes that a generation has been deleted.
pub fn remove_dead(batch: &mut OwnedWriteBatch, meta: &Keyspace, generation: Generation) {
    batch.remove(meta, dead_key(generation));
}

/// The first generation never used.
pub fn next_generation(meta: &Keyspace) -> Result<Generation, StoreError> {
    match meta.get(NEXT_KEY)? {
        None => Ok(1),
        Some(bytes) => {
            let bytes = bytes
                .as_ref()
                .try_into()
                .map_err(|_| StoreError::Corrupt("the next generation"))?;
            Ok(Generation::from_be_bytes(bytes))
        }
    }
}

/// Writes the first generation never used.
pub fn put_next_generation(batch: &mut OwnedWriteBatch, meta: &Keyspace, next: Generation) {
    batch.insert(meta, NEXT_KEY, next.to_be_bytes());
}

fn dead_key(generation: Generation) -> Vec<u8> {
    [&[DEAD_PREFIX], generation.to_be_bytes().as_slice()].concat()
}
