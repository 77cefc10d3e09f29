//! Files: every write, sync and rename of the log goes through here.
//!
//! Owns: how bytes get to the disk safely, and the bound on open files. Must not: know what is in them. Tests can make
//! a disk full or its sync fail.

use super::{
    cache::{Cache, SegmentId},
    index::Index,
    limits::{INDEXES_MAX, METADATA_BYTES_MAX, OPEN_FILES_MAX},
};
use std::{
    fs::{self, File, OpenOptions},
    io,
    os::unix::fs::FileExt,
    path::Path,
    sync::Arc,
};

/// The disk below one data directory.
pub struct Disk {
    /// Whether anything waits for the disk itself, or only for the kernel.
    pub fsync: bool,
    /// Segment files that are open.
    files: Cache<Arc<File>>,
    /// Indexes of closed segments that are in memory.
    pub indexes: Cache<Arc<Index>>,
    #[cfg(test)]
    pub faults: Faults,
}

impl Disk {
    /// A disk; `fsync` says whether syncs are done.
    pub fn new(fsync: bool) -> Self {
        Disk {
            fsync,
            files: Cache::new(OPEN_FILES_MAX),
            indexes: Cache::new(INDEXES_MAX),
            #[cfg(test)]
            faults: Faults::default(),
        }
    }

    /// Writes all bytes at a position. After an error some may be there.
    pub fn write_at(&self, file: &File, bytes: &[u8], position: u64) -> io::Result<()> {
        #[cfg(test)]
        self.faults.write(file, bytes, position)?;
        file.write_all_at(bytes, position)
    }

    /// Waits until all that was written to a file is on the disk (`fdatasync`: its length too).
    pub fn sync(&self, file: &File) -> io::Result<()> {
        #[cfg(test)]
        self.faults.sync()?;
        file.sync_data()
    }

    /// Makes names in a directory durable: files made, renamed or removed.
    pub fn sync_dir(&self, dir: &Path) -> io::Result<()> {
        if self.fsync {
            File::open(dir)?.sync_all()
        } else {
            Ok(())
        }
    }

    /// Replaces a small file as a whole: after a crash it is the old or the new one.
    pub fn replace(&self, path: &Path, bytes: &[u8]) -> io::Result<()> {
        let temporary = path.with_extension("tmp");
        let file = File::create(&temporary)?;
        self.write_at(&file, bytes, 0)?;
        if self.fsync {
            self.sync(&file)?;
        }
        fs::rename(&temporary, path)?;
        self.sync_dir(path.parent().unwrap_or(path))
    }

    /// Replaces a file that can be made again: no sync. Its reader must check it.
    pub fn replace_lazily(&self, path: &Path, bytes: &[u8]) -> io::Result<()> {
        let temporary = path.with_extension("lazy");
        self.write_at(&File::create(&temporary)?, bytes, 0)?;
        fs::rename(&temporary, path)
    }

    /// A segment's file, opened if it is not.
    pub fn segment(&self, id: SegmentId, path: &Path) -> io::Result<Arc<File>> {
        if let Some(file) = self.files.get(id) {
            return Ok(file);
        }
        let file = Arc::new(OpenOptions::new().read(true).write(true).open(path)?);
        self.files.put(id, Arc::clone(&file));
        Ok(file)
    }

    /// Closes a segment's file, or all of a partition, when who uses it now has done so, and forgets the index.
    pub fn forget(&self, partition: u64, segment: Option<i64>) {
        self.files.forget(partition, segment);
        self.indexes.forget(partition, segment);
    }
}

/// Reads a small file whole; none if it is not there.
pub fn read_small(path: &Path) -> io::Result<Option<Vec<u8>>> {
    match fs::metadata(path) {
        Ok(metadata) if metadata.len() > METADATA_BYTES_MAX => Err(io::Error::other(format!(
            "{} bytes; at most {METADATA_BYTES_MAX} are expected",
            metadata.len()
        ))),
        Ok(_) => fs::read(path).map(Some),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

/// Removes a file; one that is not there is removed already.
pub fn remove(path: &Path) -> io::Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

/// What a test makes go wrong.
#[cfg(test)]
#[derive(Default)]
pub struct Faults {
    /// Bytes that still fit, if bounded.
    pub room: std::sync::Mutex<Option<usize>>,
    /// Whether syncs fail.
    pub sync_fails: std::sync::atomic::AtomicBool,
}

#[cfg(test)]
impl Faults {
    /// A full disk takes what fits and then fails, as `write` does.
    fn write(&self, file: &File, bytes: &[u8], position: u64) -> io::Result<()> {
        let mut room = self.room.lock().unwrap();
        if let Some(room) = &mut *room {
            let fits = bytes.len().min(*room);
            *room -= fits;
            if fits < bytes.len() {
                file.write_all_at(&bytes[..fits], position)?;
                return Err(io::ErrorKind::StorageFull.into());
            }
        }
        Ok(())
    }

    fn sync(&self) -> io::Result<()> {
        if self.sync_fails.load(std::sync::atomic::Ordering::SeqCst) {
            return Err(io::Error::other("injected"));
        }
        Ok(())
    }
}
