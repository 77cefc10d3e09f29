//! A directory of its own for each input, below the system's for temporary files (`TMPDIR`).

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

/// Numbers the directories: what an input left running must not be in the way of the next one.
static MADE: AtomicU64 = AtomicU64::new(0);

/// A directory that is empty. The one before it of this name is removed.
pub fn fresh(name: &str) -> PathBuf {
    let below = std::env::temp_dir().join(format!("baton-fuzz-{}", std::process::id()));
    let number = MADE.fetch_add(1, Ordering::Relaxed);
    let place = |number: u64| below.join(format!("{name}-{number}"));
    if let Some(before) = number.checked_sub(1) {
        let _ = fs::remove_dir_all(place(before));
    }
    let dir = place(number);
    fs::create_dir_all(&dir).expect("a directory for what is tried");
    dir
}

/// Writes the inputs that a target begins with into the directory that `BATON_FUZZ_SEEDS` names, and ends there.
pub fn seeds_if_asked(make: impl FnOnce() -> Vec<Vec<u8>>) {
    let Some(dir) = std::env::var_os("BATON_FUZZ_SEEDS") else {
        return;
    };
    for (number, seed) in make().iter().enumerate() {
        fs::write(Path::new(&dir).join(format!("seed-{number:03}")), seed).expect("written");
    }
    std::process::exit(0);
}
