//! Files whose sums are right and that say what no run of ours would write: of another program, or found by fuzzing.

use super::*;
use crate::log::partition::sealed;
use std::{fs, path::PathBuf, time::Duration};

fn partition(dir: &Path) -> PathBuf {
    dir.join("topics/t/0")
}

#[tokio::test]
async fn a_log_without_an_offset_left_says_so() {
    let dir = tempfile::tempdir().unwrap();
    drop(with_topic(dir.path(), &[]));
    let last = format!("{:020}.log", i64::MAX);
    fs::rename(
        partition(dir.path()).join(format!("{:020}.log", 0)),
        partition(dir.path()).join(last),
    )
    .unwrap();
    let logs = open(dir.path());
    assert_eq!(logs.end_offset("t", 0).unwrap(), i64::MAX);
    let refused = append(&logs, values(&["x"])).await.unwrap_err();
    assert!(
        matches!(&refused, LogError::InvalidRecord(why) if why.contains("no offset")),
        "{refused}"
    );
}

#[tokio::test]
async fn a_checkpoint_that_knows_batches_after_the_end_is_not_believed() {
    for last_offset in [3, i64::MAX] {
        let dir = tempfile::tempdir().unwrap();
        drop(with_topic(dir.path(), &[]));
        let sent_before = format!(
            r#"{{"first_sequence":0,"last_sequence":0,"base_offset":0,"last_offset":{last_offset}}}"#
        );
        let checkpoint = format!(
            r#"{{"at":{{"offset":0,"segment":0,"bytes":0}},"producers":{{"by_id":{{
                "7":{{"epoch":0,"last_ms":0,"batches":[{sent_before}]}}}}}}}}"#
        );
        fs::write(
            partition(dir.path()).join("checkpoint"),
            sealed(checkpoint.as_bytes()),
        )
        .unwrap();
        let logs = open(dir.path());
        let batch = sent(&[(None, Some("x"))], T0, Some((7, 0, 0)), 0);
        let appended = tokio::time::timeout(Duration::from_secs(20), append(&logs, batch)).await;
        let appended = appended.expect("it does not wait for what never comes");
        assert_eq!(appended.unwrap().base_offset, 0, "{last_offset}");
        assert_eq!(logs.end_offset("t", 0).unwrap(), 1);
    }
}

#[tokio::test]
async fn a_batch_that_the_log_has_lost_is_no_repeat() {
    let dir = tempfile::tempdir().unwrap();
    let logs = with_topic(dir.path(), &[]);
    let batch = |sequence| sent(&[(None, Some("x"))], T0, Some((7, 0, sequence)), 0);
    let first = batch(0);
    let kept = first.len() as u64;
    append(&logs, first).await.unwrap();
    append(&logs, batch(1)).await.unwrap();
    logs.close();
    drop(logs);
    let file = fs::OpenOptions::new()
        .write(true)
        .open(&log_files(dir.path())[0]);
    file.unwrap().set_len(kept).unwrap();
    let logs = open(dir.path());
    let appended = tokio::time::timeout(Duration::from_secs(20), append(&logs, batch(1))).await;
    let appended = appended.expect("it does not wait for what is lost");
    assert_eq!(appended.unwrap().base_offset, 1);
    let again = append(&logs, batch(0)).await.unwrap();
    assert_eq!(again.base_offset, 0, "what is there is a repeat");
}

#[test]
fn a_note_of_segments_that_no_segment_is_called_like_is_passed_over() {
    let dir = tempfile::tempdir().unwrap();
    drop(with_topic(dir.path(), &[]));
    let note = format!(r#"{{"base":1,"swallowed":[{},-1]}}"#, i64::MIN);
    fs::write(
        partition(dir.path()).join("merging"),
        sealed(note.as_bytes()),
    )
    .unwrap();
    let logs = open(dir.path());
    assert_eq!(logs.end_offset("t", 0).unwrap(), 0);
}

#[tokio::test]
async fn an_index_of_more_than_there_is_is_made_again() {
    for (offset, position) in [(0, u32::MAX), (u32::MAX, 0)] {
        let dir = tempfile::tempdir().unwrap();
        let logs = with_topic(dir.path(), &[]);
        append(&logs, values(&["x"])).await.unwrap();
        logs.close();
        drop(logs);
        let file = partition(dir.path()).join(format!("{:020}.index", 0));
        let mut index = fs::read(&file).unwrap();
        assert_eq!(index.len(), 64, "a head and one entry");
        index[48..52].copy_from_slice(&u32::to_be_bytes(offset));
        index[52..56].copy_from_slice(&u32::to_be_bytes(position));
        let entries = crc32c::crc32c(&index[48..]);
        index[40..44].copy_from_slice(&entries.to_be_bytes());
        let head = crc32c::crc32c(&index[..44]);
        index[44..48].copy_from_slice(&head.to_be_bytes());
        fs::write(&file, index).unwrap();
        let logs = open(dir.path());
        append(&logs, values(&["y"])).await.unwrap();
        assert_eq!(texts(&everything(&logs, "t", 100)), ["x", "y"]);
    }
}
