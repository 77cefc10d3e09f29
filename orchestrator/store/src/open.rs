//! Opening what is there, or setting it aside and beginning anew.
//!
//! Owns: the decision whether a directory is a store of ours, and the note beside it that says that it was found broken
//! while in use. What can't be read is renamed, never deleted: the log is the truth, and somebody may want to look.

use crate::db::Db;
use crate::error::StoreError;
use crate::flush::Flusher;
use crate::{limits, meta};
use std::io::ErrorKind;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};

/// Opens the store in `dir`; an unknown or broken one becomes `<dir>.set-aside-<n>` and an empty one is made.
///
/// # Errors
/// [`StoreError::InUse`], [`StoreError::Unusable`], [`StoreError::NotSetAside`].
pub fn open_or_set_aside(dir: &Path) -> Result<(Db, Flusher), StoreError> {
    let noted = std::fs::read_to_string(note(dir)).ok();
    let broken = match attempt(dir) {
        Err(Refused::Final(error)) => return Err(error),
        Err(Refused::Broken(reason)) => reason,
        Ok(opened) => match noted {
            None => return Ok(opened),
            // Closed before it is moved: nobody writes to it any more.
            Some(reason) => reason.trim_end().to_owned(),
        },
    };
    let aside = set_aside(dir)?;
    // One that stays costs another fold, no more.
    let _ = std::fs::remove_file(note(dir));
    tracing::warn!(
        store.path = %dir.display(),
        store.set_aside = %aside.display(),
        reason = broken,
        "the local store can't be read: set aside, a new one is folded from the log"
    );
    match attempt(dir) {
        Ok(opened) => Ok(opened),
        Err(Refused::Final(error)) => Err(error),
        Err(Refused::Broken(reason)) => Err(StoreError::Unusable {
            path: dir.to_owned(),
            reason,
        }),
    }
}

/// Notes that the store in `dir` turned out to be broken while in use, so that the next start sets it aside. Not noted is
/// what a full or failing disk did: the note, which has to be written, tells the one from the other.
pub fn set_aside_next_time(dir: &Path, error: &StoreError) {
    let is_broken = match error {
        StoreError::Corrupt(_) => true,
        StoreError::Database(error) => !matches!(io_of(error), Some(kind) if !looks_broken(kind)),
        _ => false,
    };
    // Padded, so that a disk that is all but full refuses it.
    let text = format!("{error}\n{}", " ".repeat(limits::NOTE_BYTES));
    if !is_broken || note(dir).exists() {
        return;
    }
    if std::fs::write(note(dir), text).is_ok() {
        tracing::warn!(store.path = %dir.display(), %error, "the local store is broken: the next start sets it aside");
    } else {
        let _ = std::fs::remove_file(note(dir));
    }
}

/// Where the note about the store in `dir` is.
fn note(dir: &Path) -> PathBuf {
    let mut name = dir.as_os_str().to_owned();
    name.push(".broken");
    name.into()
}

enum Refused {
    /// Somebody has to do something about it.
    Final(StoreError),
    /// Not a store of this build: why.
    Broken(String),
}

fn attempt(dir: &Path) -> Result<(Db, Flusher), Refused> {
    // fjall asserts some of what it finds on disk; a corrupt file must not stop the orchestrator.
    match catch_unwind(AssertUnwindSafe(|| check(dir))) {
        Ok(Ok(opened)) => Ok(opened),
        Ok(Err(error)) => Err(judge(dir, error)),
        Err(_) => Err(Refused::Broken("the database panicked".to_owned())),
    }
}

/// Opens the database and reads a little of it.
fn check(dir: &Path) -> Result<(Db, Flusher), StoreError> {
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
    let flusher = Flusher::new(db.clone())?;
    Ok((db, flusher))
}

fn judge(dir: &Path, error: StoreError) -> Refused {
    let path = dir.to_owned();
    let StoreError::Database(fjall) = error else {
        return Refused::Broken(error.to_string());
    };
    if matches!(fjall, fjall::Error::Locked) {
        return Refused::Final(StoreError::InUse(path));
    }
    match io_of(&fjall) {
        Some(kind) if !looks_broken(kind) => Refused::Final(StoreError::Unusable {
            path,
            reason: fjall.to_string(),
        }),
        _ => Refused::Broken(fjall.to_string()),
    }
}

fn io_of(error: &fjall::Error) -> Option<ErrorKind> {
    match error {
        fjall::Error::Io(io) | fjall::Error::Storage(fjall::LsmError::Io(io)) => Some(io.kind()),
        _ => None,
    }
}

/// What a store half made or half deleted gives; anything else is the disk's or the operator's.
fn looks_broken(kind: ErrorKind) -> bool {
    matches!(
        kind,
        ErrorKind::NotFound
            | ErrorKind::AlreadyExists
            | ErrorKind::UnexpectedEof
            | ErrorKind::InvalidData
    )
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
