//! Whatever bytes lie in the files: no panic, no allocation without bound, and work can go on.

use super::*;
use proptest::prelude::*;
use std::fs;

#[derive(Debug, Clone)]
enum Damage {
    /// The file becomes these bytes.
    Replaced(Vec<u8>),
    /// Some bytes are others.
    Changed(Vec<(usize, u8)>),
    /// It ends early.
    Cut(usize),
}

fn damage() -> impl Strategy<Value = Damage> {
    prop_oneof![
        proptest::collection::vec(any::<u8>(), 0..400).prop_map(Damage::Replaced),
        proptest::collection::vec((0..3000_usize, any::<u8>()), 1..8).prop_map(Damage::Changed),
        (0..3000_usize).prop_map(Damage::Cut),
    ]
}

const CASES: u32 = 64;

fn asked() -> u32 {
    std::env::var("PROPTEST_CASES").map_or(0, |cases| cases.parse().unwrap_or(0))
}

proptest! {
    // `PROPTEST_CASES` may ask for more.
    #![proptest_config(ProptestConfig { cases: CASES.max(asked()), ..ProptestConfig::default() })]

    #[test]
    fn damaged_files_never_panic(
        damages in proptest::collection::vec((any::<prop::sample::Index>(), damage()), 1..4),
        is_compacted in any::<bool>(),
        is_clean in any::<bool>(),
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(run(&damages, is_compacted, is_clean));
    }
}

async fn run(damages: &[(prop::sample::Index, Damage)], is_compacted: bool, is_clean: bool) {
    let dir = tempfile::tempdir().unwrap();
    let policy = if is_compacted { "compact" } else { "delete" };
    let logs = with_topic(
        dir.path(),
        &[
            ("segment.bytes", "600"),
            ("cleanup.policy", policy),
            ("min.cleanable.dirty.ratio", "0"),
        ],
    );
    for number in 0..20_i16 {
        let batch = sent(
            &[(Some("k"), Some("v")), (Some("l"), Some("w"))],
            T0,
            Some((3, 0, i32::from(number) * 2)),
            number % 5,
        );
        append(&logs, batch).await.unwrap();
    }
    logs.maintain(T0);
    if is_clean {
        logs.close();
    }
    drop(logs);
    let mut files: Vec<_> = fs::read_dir(dir.path().join("topics/t/0"))
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    files.sort();
    for (which, damage) in damages {
        apply(&files[which.index(files.len())], damage);
    }
    // Only the note of deleted records refuses a start; there is none here.
    let logs = Logs::open(dir.path(), Settings { fsync: false }).unwrap();
    let (start, end) = (
        logs.start_offset("t", 0).unwrap(),
        logs.end_offset("t", 0).unwrap(),
    );
    for offset in start..end.min(start + 60) {
        let _ = logs.read("t", 0, offset, 500);
    }
    let _ = logs.offset_for_time("t", 0, T0 + 1);
    let _ = logs.offset_of_max_time("t", 0);
    logs.maintain(T0 + 1);
    let appended = append(&logs, sent(&[(Some("k"), Some("v"))], T0, None, 0))
        .await
        .unwrap();
    assert_eq!(appended.base_offset, end);
    let read = logs.read("t", 0, end, 1);
    let last_log = files
        .iter()
        .rfind(|file| file.extension().is_some_and(|is| is == "log"));
    let is_last_damaged = damages
        .iter()
        .any(|(which, _)| Some(&files[which.index(files.len())]) == last_log);
    // What lies beside damage in one segment may be refused; in another segment it is not touched by it.
    if !is_last_damaged {
        let expected = (end, Some("k".to_owned()), Some("v".to_owned()));
        assert_eq!(found(&read.unwrap().records), [expected]);
    }
}

fn apply(file: &Path, damage: &Damage) {
    let mut bytes = fs::read(file).unwrap();
    match damage {
        Damage::Replaced(other) => bytes.clone_from(other),
        Damage::Cut(at) => bytes.truncate(*at),
        Damage::Changed(changes) if !bytes.is_empty() => {
            for (at, byte) in changes {
                let at = at % bytes.len();
                bytes[at] = *byte;
            }
        }
        Damage::Changed(_) => {}
    }
    fs::write(file, bytes).unwrap();
}
