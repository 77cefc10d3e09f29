//! How much memory one input may take: more is a finding, with the trace of who asked for it.
//!
//! Owns: the allocator of every target. It counts what Rust code holds, so that a bound is kept to the byte and at once;
//! libFuzzer's own bound on resident memory is looked at once a second and does not see room that is asked for and
//! never touched.

use std::alloc::{GlobalAlloc, Layout, System};
use std::backtrace::Backtrace;
use std::sync::atomic::{AtomicUsize, Ordering};

#[global_allocator]
static COUNTED: Counted = Counted;

/// Bytes held now.
static HELD: AtomicUsize = AtomicUsize::new(0);
/// Bytes that may be held.
static MOST: AtomicUsize = AtomicUsize::new(usize::MAX);

/// Runs `what`; the process ends if so many bytes more than now are held meanwhile, by whatever thread.
pub fn within<R>(bytes: usize, what: impl FnOnce() -> R) -> R {
    MOST.store(HELD.load(Ordering::Relaxed) + bytes, Ordering::Relaxed);
    let done = what();
    MOST.store(usize::MAX, Ordering::Relaxed);
    done
}

struct Counted;

impl Counted {
    fn take(bytes: usize) {
        let held = HELD.fetch_add(bytes, Ordering::Relaxed) + bytes;
        if held > MOST.load(Ordering::Relaxed) {
            // Telling takes memory, too.
            MOST.store(usize::MAX, Ordering::Relaxed);
            let trace = Backtrace::force_capture();
            eprintln!(
                "{bytes} bytes were asked for, which makes {held}: too many for one input\n{trace}"
            );
            std::process::abort();
        }
    }
}

#[expect(unsafe_code, reason = "an allocator is an unsafe trait")]
// SAFETY: every call is handed to the system's allocator as it came; counting touches no memory of the caller's.
unsafe impl GlobalAlloc for Counted {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        Self::take(layout.size());
        // SAFETY: what the caller promises is what `System` needs.
        unsafe { System.alloc(layout) }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        Self::take(layout.size());
        // SAFETY: as above.
        unsafe { System.alloc_zeroed(layout) }
    }

    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        HELD.fetch_sub(layout.size(), Ordering::Relaxed);
        // SAFETY: as above; the block is `System`'s.
        unsafe { System.dealloc(block, layout) }
    }

    unsafe fn realloc(&self, block: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        Self::take(size);
        HELD.fetch_sub(layout.size(), Ordering::Relaxed);
        // SAFETY: as above.
        unsafe { System.realloc(block, layout, size) }
    }
}
