//! Files of the node, below one folder.
//!
//! Owns: `baton:readFile` and `baton:writeFile`. Must not: follow a path out of the folder.

use crate::storage::{Entry, Storage, StorageError};
use std::fs::{self, File};
use std::io::{ErrorKind, Read, Seek, SeekFrom};
use std::path::{Component, Path, PathBuf};

/// See the module.
#[derive(Debug)]
pub struct Files {
    folder: PathBuf,
}

impl Files {
    /// The files below `folder`.
    #[must_use]
    pub fn new(folder: PathBuf) -> Self {
        Self { folder }
    }

    /// The file of this name; an absolute name must begin with the folder.
    fn path(&self, name: &str) -> Result<PathBuf, StorageError> {
        let name = Path::new(name);
        let name = name.strip_prefix(&self.folder).unwrap_or(name);
        let is_below = name
            .components()
            .all(|part| matches!(part, Component::Normal(_) | Component::CurDir));
        if is_below {
            Ok(self.folder.join(name))
        } else {
            let why = format!(
                "'{}' is not below the folder that items may be read from",
                name.display()
            );
            Err(StorageError::Other(why))
        }
    }
}

impl Storage for Files {
    fn get(
        &self,
        _bucket: &str,
        key: &str,
        offset: u64,
        length: u64,
    ) -> Result<(Vec<u8>, u64), StorageError> {
        let failed = |e: std::io::Error| match e.kind() {
            ErrorKind::NotFound => StorageError::Other(format!("the file '{key}' does not exist")),
            _ => StorageError::Other(format!("the file '{key}' can't be read: {e}")),
        };
        let mut file = File::open(self.path(key)?).map_err(failed)?;
        let size = file.metadata().map_err(failed)?.len();
        file.seek(SeekFrom::Start(offset)).map_err(failed)?;
        let mut bytes = Vec::new();
        file.take(length).read_to_end(&mut bytes).map_err(failed)?;
        Ok((bytes, size))
    }

    fn list(
        &self,
        _bucket: &str,
        _prefix: &str,
        _after: Option<&str>,
        _max: usize,
    ) -> Result<Vec<Entry>, StorageError> {
        Err(StorageError::Other("files can't be listed".to_owned()))
    }

    fn put(&self, _bucket: &str, key: &str, body: &[u8]) -> Result<(), StorageError> {
        let path = self.path(key)?;
        let write = || {
            fs::create_dir_all(path.parent().unwrap_or(&self.folder))?;
            // A reader never sees half of it.
            let part = path.with_extension("part");
            fs::write(&part, body)?;
            fs::rename(&part, &path)
        };
        write().map_err(|e| StorageError::Other(format!("the file '{key}' can't be written: {e}")))
    }
}
