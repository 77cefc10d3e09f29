//! Opening what is there, or setting it aside and beginning anew.
//!
//! Owns: the decision whether a directory is a store of ours. What can't be read is renamed, never deleted: the log is
//! the truth, and somebody may want to look.

use crate::db::Db;
use crate::error::StoreError;
use crate::{limits, meta};
use std::io::ErrorKind;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};

/// Opens the store in `dir`; an unknown or broken one becomes `<dir>.set-aside-<n>` and an empty one is made.
///
/// # Errors
/// [`StoreError::InUse`], [`StoreError::Unusable`], [`StoreError::NotSetAside`].
pub fn open_or_set_aside(dir: &Path) -> Result<Db, StoreError> {
    let broken = match attempt(dir) {
        Ok(db) => return Ok(db),
        Err(Refused::Final(error)) => return Err(error),
        Err(Refused::Broken(reason)) => reason,
    };
    let aside = set_aside(dir)?;
    tracing::warn!(
        store.path = %dir.display(),
        store.set_aside = %aside.display(),
        reason = broken,
        "the local store can't be read: set aside, a new one is folded from the log"
    );
    match attempt(dir) {
        Ok(db) => Ok(db),
        Err(Refused::Final(error)) => Err(error),
        Err(Refused::Broken(reason)) => Err(StoreError::Unusable {
            path: dir.to_owned(),
            reason,
        }),
    }
}

enum Refused {
    /// Somebody has to do something about it.
    Final(StoreError),
    /// Not a store of this build: why.
    Broken(String),
}

fn attempt(dir: &Path) -> Result<Db, Refused> {
    // fjall asserts some of what it finds on disk; a corrupt file must not stop the orchestrator.
    match catch_unwind(AssertUnwindSafe(|| check(dir))) {
        Ok(Ok(db)) => Ok(db),
        Ok(Err(error)) => Err(judge(dir, error)),
        Err(_) => Err(Refused::Broken("the database panicked".to_owned())),
    }
}

/// Opens the database and reads a little of it.
fn check(dir: &Path) -> Result<Db, StoreError> {
    let is_new = !dir.exists()
        || dir
            .read_dir()
            .is_ok_and(|mut entries| entries.next().is_none());
    let db = Db::open(dir)?;
    match meta::format(&db.meta)? {
        None if is_new => meta::put_format(&db.meta)?,
        None => return Err(StoreError::Corrupt("no format version")),
        Some(format) if format == meta::FORMAT => {}
        Some(_) => {
            return Err(StoreError::Corrupt(
                "a format version that this build doesn't know",
            ));
        }
    }
    let snapshot = db.snapshot();
    meta::lives(&snapshot, &db.meta)?;
    meta::dead(&snapshot, &db.meta)?;
    meta::next_generation(&db.meta)?;
    Ok(db)
}

fn judge(dir: &Path, error: StoreError) -> Refused {
    let path = dir.to_owned();
    let StoreError::Database(fjall) = error else {
        return Refused::Broken(error.to_string());
    };
    let io = match &fjall {
        fjall::Error::Locked => return Refused::Final(StoreError::InUse(path)),
        fjall::Error::Io(io) | fjall::Error::Storage(fjall::LsmError::Io(io)) => Some(io.kind()),
        _ => None,
    };
    match io {
        // What a store half made or half deleted looks like.
        None
        | Some(
            ErrorKind::NotFound
            | ErrorKind::AlreadyExists
            | ErrorKind::UnexpectedEof
            | ErrorKind::InvalidData,
        ) => Refused::Broken(fjall.to_string()),
        Some(_) => Refused::Final(StoreError::Unusable {
            path,
            reason: fjall.to_string(),
        }),
    }
}

fn set_aside(dir: &Path) -> Result<PathBuf, StoreError> {
    let error = |reason: String| StoreError::NotSetAside {
        path: dir.to_owned(),
        reason,
    };
    let aside = (1..=limits::SET_ASIDE_MAX)
        .map(|n| {
            let mut name = dir.as_os_str().to_owned();
            name.push(format!(".set-aside-{n}"));
            PathBuf::from(name)
        })
        .find(|path| !path.exists())
        .ok_or_else(|| error(format!("there are {} already", limits::SET_ASIDE_MAX)))?;
    std::fs::rename(dir, &aside).map_err(|e| error(e.to_string()))?;
    Ok(aside)
}
