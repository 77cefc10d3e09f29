//! Compaction: the last record of each key stays where it was, whatever happens meanwhile.

use super::*;
use crate::log::partition::sealed;
use std::fs;

const COMPACT: [(&str, &str); 4] = [
    ("cleanup.policy", "compact"),
    ("segment.bytes", "400"),
    ("min.cleanable.dirty.ratio", "0.01"),
    ("delete.retention.ms", "1000"),
];

async fn put(logs: &Logs, pairs: &[Pair<'_>], compression: i16) {
    append(logs, sent(pairs, T0, None, compression))
        .await
        .unwrap();
}

/// Fills up the active segment, so that all before can be compacted.
async fn seal(logs: &Logs) {
    put(logs, &[(Some("filler"), Some(&"x".repeat(400)))], 0).await;
    put(logs, &[(Some("filler"), Some(&"y".repeat(400)))], 0).await;
}

fn kept(logs: &Logs) -> Vec<Found> {
    everything(logs, "t", 1000)
        .into_iter()
        .filter(|record| record.1.as_deref() != Some("filler"))
        .collect()
}

fn record(offset: i64, key: &str, value: Option<&str>) -> Found {
    (offset, Some(key.to_owned()), value.map(str::to_owned))
}

#[tokio::test]
async fn the_last_record_of_a_key_stays_at_its_offset() {
    for compression in 0..5 {
        let dir = tempfile::tempdir().unwrap();
        let logs = with_topic(dir.path(), &COMPACT);
        put(
            &logs,
            &[
                (Some("a"), Some("1")),
                (Some("b"), Some("1")),
                (Some("c"), Some("1")),
            ],
            compression,
        )
        .await;
        put(
            &logs,
            &[(Some("a"), Some("2")), (Some("b"), Some("2"))],
            compression,
        )
        .await;
        put(&logs, &[(Some("a"), Some("3"))], compression).await;
        seal(&logs).await;
        logs.maintain(T0);
        let expected = [
            record(2, "c", Some("1")),
            record(4, "b", Some("2")),
            record(5, "a", Some("3")),
        ];
        assert_eq!(kept(&logs), expected, "compression {compression}");
        assert_eq!(
            found(&logs.read("t", 0, 0, 1).unwrap().records)[0].0,
            2,
            "an offset that is gone leads to the next"
        );
        drop(logs);
        let logs = open(dir.path());
        assert_eq!(kept(&logs), expected);
        assert_eq!(
            (
                logs.start_offset("t", 0).unwrap(),
                logs.end_offset("t", 0).unwrap()
            ),
            (0, 8)
        );
    }
}

#[tokio::test]
async fn tombstones_stay_for_their_time_and_then_go() {
    let dir = tempfile::tempdir().unwrap();
    let logs = with_topic(dir.path(), &COMPACT);
    put(&logs, &[(Some("a"), Some("1")), (Some("b"), Some("1"))], 0).await;
    put(&logs, &[(Some("a"), None)], 0).await;
    seal(&logs).await;
    logs.maintain(T0);
    let with_tombstone = [record(1, "b", Some("1")), record(2, "a", None)];
    assert_eq!(kept(&logs), with_tombstone);
    logs.maintain(T0 + 999);
    assert_eq!(kept(&logs), with_tombstone);
    drop(logs);
    let logs = open(dir.path());
    logs.maintain(T0 + 1000);
    assert_eq!(kept(&logs), [record(1, "b", Some("1"))]);
}

#[tokio::test]
async fn small_segments_become_one_and_a_crash_in_between_repeats_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let logs = with_topic(dir.path(), &COMPACT);
    for number in 0..40 {
        put(
            &logs,
            &[(Some(&format!("k{}", number % 3)), Some(&number.to_string()))],
            0,
        )
        .await;
    }
    seal(&logs).await;
    let before = log_files(dir.path());
    let second = fs::read(&before[1]).unwrap();
    logs.maintain(T0);
    let expected = [
        record(37, "k1", Some("37")),
        record(38, "k2", Some("38")),
        record(39, "k0", Some("39")),
    ];
    assert_eq!(kept(&logs), expected);
    assert!(log_files(dir.path()).len() < before.len() / 2);
    drop(logs);
    // As if the process had been killed after the first segment took in the second and before that was removed.
    assert!(!before[1].exists());
    fs::write(&before[1], second).unwrap();
    let base: i64 = before[1]
        .file_stem()
        .unwrap()
        .to_str()
        .unwrap()
        .parse()
        .unwrap();
    let note = format!("{{\"base\":0,\"swallowed\":[{base}]}}");
    fs::write(
        dir.path().join("topics/t/0/merging"),
        sealed(note.as_bytes()),
    )
    .unwrap();
    let logs = open(dir.path());
    assert_eq!(kept(&logs), expected);
}

#[tokio::test]
async fn a_record_without_a_key_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let logs = with_topic(dir.path(), &COMPACT);
    for compression in 0..5 {
        let batch = sent(
            &[(Some("a"), Some("1")), (None, Some("2"))],
            T0,
            None,
            compression,
        );
        assert!(
            matches!(append(&logs, batch).await, Err(LogError::InvalidRecord(_))),
            "compression {compression}"
        );
    }
    assert_eq!(logs.end_offset("t", 0).unwrap(), 0);
}

#[tokio::test]
async fn what_is_half_clean_waits_for_the_ratio() {
    let dir = tempfile::tempdir().unwrap();
    let mut settings = COMPACT;
    settings[2].1 = "0.9";
    let logs = with_topic(dir.path(), &settings);
    put(&logs, &[(Some("a"), Some("1"))], 0).await;
    put(&logs, &[(Some("a"), Some("2"))], 0).await;
    seal(&logs).await;
    logs.maintain(T0);
    assert_eq!(
        kept(&logs),
        [record(1, "a", Some("2"))],
        "everything was new"
    );
    put(&logs, &[(Some("a"), Some("3"))], 0).await;
    seal(&logs).await;
    logs.maintain(T0);
    assert_eq!(kept(&logs).len(), 2, "too little is new");
}

#[tokio::test]
async fn gaps_of_compaction_are_no_damage_to_a_start_without_notes() {
    let dir = tempfile::tempdir().unwrap();
    let logs = with_topic(dir.path(), &COMPACT);
    for value in 0..40 {
        put(&logs, &[(Some("a"), Some(&value.to_string()))], 0).await;
    }
    seal(&logs).await;
    logs.maintain(T0);
    let before = everything(&logs, "t", 1000);
    assert!(before.len() < 42, "compacted");
    drop(logs);
    // Neither is needed for correctness; and the checkpoint is not synced.
    for note in ["checkpoint", "cleaned"] {
        fs::remove_file(dir.path().join("topics/t/0").join(note)).unwrap();
    }
    assert_eq!(everything(&open(dir.path()), "t", 1000), before);
}
