//! What the operating system knows of this process: memory, CPU time, files.
//!
//! Owns: reading `/proc/self` (Linux, proc(5)). What can't be read is 0: figures are no reason to fail.

use std::sync::LazyLock;
use std::time::{SystemTime, UNIX_EPOCH};

/// Clock ticks a second in `/proc/self/stat`: 100 on every Linux that Rust runs on (`USER_HZ`).
const TICKS_PER_S: f64 = 100.0;

/// When this was asked for first, which `main` does at the start; seconds since the epoch.
pub static STARTED_S: LazyLock<f64> = LazyLock::new(|| {
    let now = SystemTime::now().duration_since(UNIX_EPOCH);
    now.map_or(0.0, |since| since.as_secs_f64())
});

/// Figures of this moment.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Figures {
    /// Resident memory, bytes.
    pub resident_bytes: u64,
    /// CPU time used, user and system, seconds.
    pub cpu_s: f64,
    /// Open file descriptors.
    pub open_files: u64,
    /// When the process started, seconds since the epoch.
    pub started_s: f64,
}

/// As it is now.
pub fn now() -> Figures {
    let read =
        |name: &str| std::fs::read_to_string(format!("/proc/self/{name}")).unwrap_or_default();
    Figures {
        resident_bytes: resident_bytes(&read("status")).unwrap_or(0),
        cpu_s: cpu_s(&read("stat")).unwrap_or(0.0),
        open_files: std::fs::read_dir("/proc/self/fd").map_or(0, |open| open.count() as u64),
        started_s: *STARTED_S,
    }
}

/// `VmRSS:   1234 kB`
fn resident_bytes(status: &str) -> Option<u64> {
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix("VmRSS:"))?;
    let kib: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(kib * 1024)
}

/// Fields 14 and 15, counted behind the name, which may hold spaces.
fn cpu_s(stat: &str) -> Option<f64> {
    let mut fields = stat.rsplit_once(')')?.1.split_whitespace().skip(11);
    let mut ticks = || fields.next()?.parse::<u64>().ok();
    Some((ticks()? + ticks()?) as f64 / TICKS_PER_S)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_linux_writes_is_read() {
        let stat = "7 (a) name) S 1 7 7 0 -1 4194560 1 0 0 0 150 50 0 0 20 0 9 0 1 1 1 1";
        assert_eq!(cpu_s(stat), Some(2.0));
        assert_eq!(
            resident_bytes("VmPeak:\t 9 kB\nVmRSS:\t  12 kB\n"),
            Some(12 * 1024)
        );
        assert_eq!((cpu_s(""), resident_bytes("VmRSS: x kB")), (None, None));
        let now = now();
        assert!(now.resident_bytes > 0 && now.open_files > 0 && now.started_s > 0.0);
    }
}
