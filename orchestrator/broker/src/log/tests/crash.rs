//! Crashes: nothing acknowledged is lost, and what is half written is cut off.

use super::*;
use std::fs;

#[tokio::test]
async fn a_batch_torn_at_any_byte_is_cut_off() {
    let dir = tempfile::tempdir().unwrap();
    let logs = with_topic(dir.path(), &[]);
    append(&logs, values(&["a", "b"])).await.unwrap();
    append(&logs, values(&["c"])).await.unwrap();
    let last = values(&["torn", "torn"]);
    append(&logs, last.clone()).await.unwrap();
    drop(logs);
    let log = log_files(dir.path()).remove(0);
    let whole = fs::read(&log).unwrap();
    let sound = whole.len() - last.len();
    for kept in 0..last.len() {
        // Alternately: the file ends there; it goes on with the zeros of a block that was never written.
        let mut torn = whole[..sound + kept].to_vec();
        if kept % 2 == 0 {
            torn.resize(whole.len(), 0);
        }
        if torn == whole {
            continue;
        }
        fs::write(&log, &torn).unwrap();
        let logs = open(dir.path());
        assert_eq!(
            logs.end_offset("t", 0).unwrap(),
            3,
            "{kept} bytes of the last batch"
        );
        assert_eq!(texts(&everything(&logs, "t", 1000)), ["a", "b", "c"]);
        assert_eq!(append(&logs, values(&["d"])).await.unwrap().base_offset, 3);
        assert_eq!(texts(&everything(&logs, "t", 1000)), ["a", "b", "c", "d"]);
        drop(logs);
    }
}

#[tokio::test]
async fn a_damaged_byte_after_the_checkpoint_is_found() {
    let dir = tempfile::tempdir().unwrap();
    let logs = with_topic(dir.path(), &[]);
    append(&logs, values(&["a"])).await.unwrap();
    let last = values(&["damaged"]);
    append(&logs, last.clone()).await.unwrap();
    drop(logs);
    let log = log_files(dir.path()).remove(0);
    let whole = fs::read(&log).unwrap();
    for at in 16..last.len() {
        let mut damaged = whole.clone();
        damaged[whole.len() - last.len() + at] ^= 0x10;
        fs::write(&log, &damaged).unwrap();
        assert_eq!(
            texts(&everything(&open(dir.path()), "t", 1000)),
            ["a"],
            "byte {at} of the last batch"
        );
    }
}

#[tokio::test]
async fn a_clean_stop_leaves_nothing_to_read() {
    let dir = tempfile::tempdir().unwrap();
    let logs = with_topic(dir.path(), &[("segment.bytes", "300")]);
    for number in 0..20 {
        append(&logs, values(&[&number.to_string()])).await.unwrap();
    }
    logs.close();
    assert!(append(&logs, values(&["late"])).await.is_err());
    drop(logs);
    // Damage within what the checkpoint vouches for goes unnoticed by the start: it was not read.
    let first = log_files(dir.path()).remove(0);
    let mut damaged = fs::read(&first).unwrap();
    damaged[70] ^= 1;
    fs::write(&first, damaged).unwrap();
    assert_eq!(open(dir.path()).end_offset("t", 0).unwrap(), 20);
}

#[tokio::test]
async fn indexes_and_checkpoints_can_be_lost() {
    let dir = tempfile::tempdir().unwrap();
    let logs = with_topic(dir.path(), &[("segment.bytes", "30000")]);
    let padding = "x".repeat(1000);
    let sent: Vec<String> = (0..100)
        .map(|number| format!("{number}{padding}"))
        .collect();
    for value in &sent {
        append(&logs, values(&[value])).await.unwrap();
    }
    logs.close();
    drop(logs);
    for file in fs::read_dir(dir.path().join("topics/t/0")).unwrap() {
        let path = file.unwrap().path();
        if path.extension().is_none_or(|is| is != "log") {
            fs::remove_file(path).unwrap();
        }
    }
    let logs = open(dir.path());
    assert_eq!(texts(&everything(&logs, "t", 5000)), sent);
    assert_eq!(found(&logs.read("t", 0, 57, 1).unwrap().records)[0].0, 57);
}

#[tokio::test]
async fn a_tail_with_another_offset_than_it_was_given_is_cut_off() {
    let dir = tempfile::tempdir().unwrap();
    let logs = with_topic(dir.path(), &[]);
    for text in ["a", "b", "c"] {
        append(&logs, values(&[text])).await.unwrap();
    }
    drop(logs);
    // A batch's offset is outside of its checksum.
    let path = dir.path().join("topics/t/0/00000000000000000000.log");
    let mut bytes = fs::read(&path).unwrap();
    let last = bytes.len() / 3 * 2;
    bytes[last + 6] ^= 8;
    fs::write(&path, bytes).unwrap();
    let logs = open(dir.path());
    assert_eq!(texts(&everything(&logs, "t", 1000)), ["a", "b"]);
    assert_eq!(
        append(&logs, values(&["c"])).await.unwrap().base_offset,
        2,
        "the offset is given again"
    );
}
