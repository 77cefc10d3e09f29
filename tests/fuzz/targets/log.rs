//! Any bytes in the files of the broker's log: it opens or says why not, reads, is written to, is cleaned, and what was
//! acknowledged after that is there when it is opened again.
#![no_main]

use baton_broker::log::{Logs, Settings as LogSettings};
use baton_broker::server::{Settings, serve};
use libfuzzer_sys::fuzz_target;
use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::sync::{Arc, LazyLock};
use tokio::runtime::Runtime;

#[path = "../support/batches.rs"]
mod batches;
#[path = "../support/files.rs"]
mod files;
#[path = "../support/ground.rs"]
mod ground;
#[path = "../support/memory.rs"]
mod memory;
#[path = "../support/pieces.rs"]
mod pieces;

/// Records are decompressed up to 64 MiB; one such and the room to grow into.
const BYTES_MAX: usize = 256 << 20;
const READS_MAX: i64 = 20;
const TOPIC: &str = "t";
/// Unix time in ms of housekeeping.
const NOW_MS: i64 = 1_700_000_100_000;

static RUNTIME: LazyLock<Runtime> = LazyLock::new(|| {
    let mut builder = tokio::runtime::Builder::new_current_thread();
    builder.enable_all().build().expect("a runtime")
});

fuzz_target!(
    init: { ground::seeds_if_asked(seeds); },
    |bytes: &[u8]| {
        let dir = ground::fresh("log");
        files::unpack(bytes, &dir);
        memory::within(BYTES_MAX, || run(&dir));
    }
);

fn run(dir: &Path) {
    if let Ok(logs) = open(dir) {
        read(&logs);
        logs.maintain(NOW_MS);
        read(&logs);
        let appended = RUNTIME.block_on(logs.append(
            TOPIC,
            0,
            batches::batch(&[(Some("k"), Some("v"))], None),
        ));
        let end = logs.end_offset(TOPIC, 0);
        if let Ok(appended) = appended {
            assert_eq!(
                end.ok(),
                Some(appended.base_offset + 1),
                "the end is after what was appended"
            );
        }
        let _ = RUNTIME.block_on(logs.state_put(vec![("key".into(), Some("value".into()))]));
        let _ = logs.state_all();
        // As a crash leaves it: nothing is closed.
        drop(logs);
        let again = open(dir).expect("what was open can be opened again");
        if let Ok(appended) = appended {
            let end = again.end_offset(TOPIC, 0).expect("it has an end");
            assert_eq!(
                end,
                appended.base_offset + 1,
                "what was acknowledged is there"
            );
        }
        let _ = again.delete_records(TOPIC, 0, -1);
        again.close();
    }
    // The server reads more: groups and their offsets.
    let mut settings = Settings::new(dir, ([127, 0, 0, 1], 0).into());
    settings.fsync = false;
    RUNTIME.block_on(async {
        if let Ok(broker) = serve(settings).await {
            broker.shutdown().await;
        }
    });
}

fn open(dir: &Path) -> Result<Arc<Logs>, baton_broker::log::OpenError> {
    Logs::open(dir, LogSettings { fsync: false })
}

fn read(logs: &Logs) {
    let (Ok(start), Ok(end)) = (logs.start_offset(TOPIC, 0), logs.end_offset(TOPIC, 0)) else {
        return;
    };
    assert!(
        start <= end,
        "the first offset {start} is not after the end {end}"
    );
    for offset in start..end.min(start.saturating_add(READS_MAX)) {
        let _ = logs.read(TOPIC, 0, offset, 300);
    }
    let _ = logs.read(TOPIC, 0, end - (end - start) / 2, 1 << 20);
    let _ = logs.read(TOPIC, 0, end, 1);
    for time in [i64::MIN, 0, 1_700_000_000_001, i64::MAX] {
        let _ = logs.offset_for_time(TOPIC, 0, time);
    }
    let _ = logs.offset_of_max_time(TOPIC, 0);
    let _ = logs.size_bytes(TOPIC, 0);
}

/// Directories that the log itself left, closed and not, cleaned and not.
fn seeds() -> Vec<Vec<u8>> {
    let mut all = Vec::new();
    for (number, policy) in ["delete", "compact"].into_iter().enumerate() {
        for is_closed in [false, true] {
            let dir = ground::fresh("seed");
            written(&dir, policy, is_closed);
            all.push(files::pack(&dir, number as u8));
        }
    }
    all
}

fn written(dir: &Path, policy: &str, is_closed: bool) {
    let logs = open(dir).expect("opens");
    let config = BTreeMap::from([
        ("segment.bytes".to_owned(), "300".to_owned()),
        ("cleanup.policy".to_owned(), policy.to_owned()),
        ("min.cleanable.dirty.ratio".to_owned(), "0".to_owned()),
    ]);
    logs.create_topic(TOPIC, 1, &config).expect("made");
    for number in 0..5 {
        let pairs = [(Some("k"), Some("v")), (Some("l"), None)];
        let records = batches::batch(&pairs, Some((0, 0, number * 2)));
        RUNTIME
            .block_on(logs.append(TOPIC, 0, records))
            .expect("appended");
    }
    let kept = vec![("cluster-id".into(), Some("c".into()))];
    RUNTIME.block_on(logs.state_put(kept)).expect("kept");
    if is_closed {
        let _ = logs.delete_records(TOPIC, 0, 1);
        logs.maintain(NOW_MS);
        logs.close();
    }
    drop(logs);
    let _ = fs::remove_file(dir.join("lock"));
}
