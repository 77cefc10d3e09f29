//! How records leave: retention by time and size, DeleteRecords.

use super::*;

/// A topic with twenty batches of one record, a second apart, in segments of four.
async fn twenty(dir: &Path, settings: &[(&str, &str)]) -> Arc<Logs> {
    let bytes = sent(&[(None, Some("00"))], T0, None, 0).len() * 4;
    let segment_bytes = bytes.to_string();
    let mut all = vec![("segment.bytes", segment_bytes.as_str())];
    all.extend_from_slice(settings);
    let logs = with_topic(dir, &all);
    for number in 0..20_i64 {
        append(
            &logs,
            sent(
                &[(None, Some(&format!("{number:02}")))],
                T0 + number * 1000,
                None,
                0,
            ),
        )
        .await
        .unwrap();
    }
    logs
}

#[tokio::test]
async fn old_segments_are_deleted() {
    let dir = tempfile::tempdir().unwrap();
    let logs = twenty(dir.path(), &[("retention.ms", "10000")]).await;
    logs.maintain(T0 + 13_000);
    assert_eq!(
        logs.start_offset("t", 0).unwrap(),
        0,
        "the first segment's last record is 10 s old"
    );
    logs.maintain(T0 + 17_500);
    assert_eq!(logs.start_offset("t", 0).unwrap(), 8);
    assert!(matches!(
        logs.read("t", 0, 7, 100),
        Err(LogError::OffsetOutOfRange { start: 8, end: 20 })
    ));
    logs.maintain(T0 + 100_000);
    assert_eq!(
        (
            logs.start_offset("t", 0).unwrap(),
            logs.end_offset("t", 0).unwrap()
        ),
        (20, 20),
        "the last segment too"
    );
    drop(logs);
    let logs = open(dir.path());
    assert_eq!(
        (
            logs.start_offset("t", 0).unwrap(),
            logs.end_offset("t", 0).unwrap()
        ),
        (20, 20)
    );
    assert_eq!(
        append(&logs, values(&["on"])).await.unwrap().base_offset,
        20
    );
}

#[tokio::test]
async fn a_partition_that_is_too_large_loses_its_oldest_segments() {
    let dir = tempfile::tempdir().unwrap();
    let bytes = sent(&[(None, Some("00"))], T0, None, 0).len() * 9;
    let logs = twenty(
        dir.path(),
        &[
            ("retention.bytes", &bytes.to_string()),
            ("retention.ms", "-1"),
        ],
    )
    .await;
    logs.maintain(T0 + 1_000_000);
    assert_eq!(
        logs.start_offset("t", 0).unwrap(),
        8,
        "the twelve that stay are more than nine, eight would be less"
    );
    assert_eq!(logs.size_bytes("t", 0).unwrap(), bytes as u64 / 9 * 12);
}

#[tokio::test]
async fn nothing_is_deleted_where_retention_is_off() {
    let dir = tempfile::tempdir().unwrap();
    let logs = twenty(dir.path(), &[("retention.ms", "-1")]).await;
    logs.maintain(i64::MAX);
    assert_eq!(everything(&logs, "t", 1000).len(), 20);
}

#[tokio::test]
async fn deleted_records_stay_deleted() {
    let dir = tempfile::tempdir().unwrap();
    let logs = twenty(dir.path(), &[]).await;
    assert_eq!(logs.delete_records("t", 0, 6).unwrap(), 6);
    assert_eq!(
        logs.delete_records("t", 0, 3).unwrap(),
        6,
        "the first offset never goes back"
    );
    assert!(matches!(
        logs.delete_records("t", 0, 21),
        Err(LogError::OffsetOutOfRange { start: 6, end: 20 })
    ));
    assert_eq!(
        log_files(dir.path()).len(),
        4,
        "a segment that is deleted whole leaves the disk"
    );
    drop(logs);
    let logs = open(dir.path());
    assert_eq!(logs.start_offset("t", 0).unwrap(), 6);
    assert_eq!(everything(&logs, "t", 1000).first().unwrap().0, 6);
    assert_eq!(logs.delete_records("t", 0, -1).unwrap(), 20);
    assert_eq!(log_files(dir.path()).len(), 1);
    drop(logs);
    let logs = open(dir.path());
    assert_eq!(
        (
            logs.start_offset("t", 0).unwrap(),
            logs.end_offset("t", 0).unwrap()
        ),
        (20, 20)
    );
    assert_eq!(
        append(&logs, values(&["on"])).await.unwrap().base_offset,
        20
    );
}

#[tokio::test]
async fn a_segment_ends_with_age() {
    let dir = tempfile::tempdir().unwrap();
    let logs = with_topic(
        dir.path(),
        &[("segment.ms", "5000"), ("retention.ms", "-1")],
    );
    append(&logs, values(&["a"])).await.unwrap();
    logs.maintain(T0 + 4_000);
    assert_eq!(log_files(dir.path()).len(), 1);
    logs.maintain(T0 + 5_000);
    logs.maintain(T0 + 500_000);
    assert_eq!(
        log_files(dir.path()).len(),
        2,
        "an empty segment has no age"
    );
}
