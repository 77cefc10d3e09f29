//! Appending, reading, topics, sequences, times, and a disk that is full or fails.

use super::*;
use crate::log::{ConfigKind, OffsetAndTime, OpenError};
use std::sync::atomic::Ordering;

#[tokio::test]
async fn what_was_appended_is_read_in_whole_batches() {
    let dir = tempfile::tempdir().unwrap();
    let logs = with_topic(dir.path(), &[]);
    let first = append(&logs, values(&["a", "b"])).await.unwrap();
    let second = append(&logs, values(&["c"])).await.unwrap();
    assert_eq!(
        (
            first.base_offset,
            second.base_offset,
            second.log_append_time
        ),
        (0, 2, -1)
    );
    let all = logs.read("t", 0, 0, 1 << 20).unwrap();
    assert_eq!(texts(&found(&all.records)), ["a", "b", "c"]);
    assert_eq!((all.high_watermark, all.log_start), (3, 0));
    let middle = logs.read("t", 0, 1, 1).unwrap();
    assert_eq!(
        texts(&found(&middle.records)),
        ["a", "b"],
        "the batch that has offset 1, larger than a byte"
    );
    assert!(logs.read("t", 0, 3, 100).unwrap().records.is_empty());
    assert!(matches!(
        logs.read("t", 0, 4, 100),
        Err(LogError::OffsetOutOfRange { start: 0, end: 3 })
    ));
    assert!(matches!(
        logs.read("t", 1, 0, 100),
        Err(LogError::UnknownTopicOrPartition)
    ));
    assert_eq!(logs.end_offset_for_epoch("t", 0, 0).unwrap(), (0, 3));
}

#[tokio::test]
async fn large_and_small_batches_over_many_segments_are_read_in_steps_of_any_size() {
    let dir = tempfile::tempdir().unwrap();
    let logs = with_topic(dir.path(), &[("segment.bytes", "60000")]);
    let large = "x".repeat(30_000);
    let mut sent = Vec::new();
    for number in 0..200 {
        let value = if number % 20 == 7 {
            format!("{number}{large}")
        } else {
            number.to_string()
        };
        append(&logs, values(&[&value])).await.unwrap();
        sent.push(value);
    }
    assert!(log_files(dir.path()).len() > 4);
    for max_bytes in [1, 100, 5_000, 40_000, 1 << 20] {
        assert_eq!(
            texts(&everything(&logs, "t", max_bytes)),
            sent,
            "in steps of {max_bytes}"
        );
    }
    for offset in 0..200 {
        assert_eq!(
            found(&logs.read("t", 0, offset, 1).unwrap().records)[0].0,
            offset
        );
    }
}

#[tokio::test]
async fn the_watermark_moves_when_records_become_durable() {
    let dir = tempfile::tempdir().unwrap();
    let logs = with_topic(dir.path(), &[]);
    let mut watch = logs.watch("t", 0).unwrap();
    let written: Vec<_> = (0..5)
        .map(|_| logs.write("t", 0, values(&["a"])).unwrap())
        .collect();
    assert_eq!(*watch.wait_for(|end| *end >= 5).await.unwrap(), 5);
    for (offset, written) in written.into_iter().enumerate() {
        assert_eq!(written.durable().await.unwrap().base_offset, offset as i64);
    }
    logs.delete_topic("t").unwrap();
    assert!(
        watch.changed().await.is_err(),
        "readers that wait are woken"
    );
}

#[tokio::test]
async fn what_producers_must_not_send_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let logs = with_topic(dir.path(), &[("max.message.bytes", "1000")]);
    let good = values(&["a", "b"]);
    let broken = |at: usize, byte: u8| {
        let mut bad = good.to_vec();
        bad[at] = byte;
        Bytes::from(bad)
    };
    let sealed = |change: fn(&mut [u8])| {
        let mut bad = good.to_vec();
        change(&mut bad);
        let crc = crc32c::crc32c(&bad[batch::CHECKED_FROM..]);
        bad[17..21].copy_from_slice(&crc.to_be_bytes());
        Bytes::from(bad)
    };
    for (bad, why) in [
        (broken(16, 1), "format v2"),
        (broken(70, 0xff), "checksum"),
        (good.slice(..good.len() - 1), "only"),
        (good.slice(..30), "header"),
        (Bytes::new(), "no batch"),
        (sealed(|bad| bad[60] = 3), "number of records"),
        (sealed(|bad| bad[22] = 0x10), "transactional"),
        (sealed(|bad| bad[22] = 0x08), "time of the append"),
        (sealed(|bad| bad[22] = 0x07), "compression"),
    ] {
        let error = append(&logs, bad).await.unwrap_err().to_string();
        assert!(error.contains(why), "{error} should mention {why}");
    }
    let large = append(&logs, values(&[&"x".repeat(1000)])).await;
    assert!(matches!(
        large,
        Err(LogError::MessageTooLarge { max: 1000, .. })
    ));
    assert_eq!(
        append(&logs, good).await.unwrap().base_offset,
        0,
        "nothing was kept of those"
    );
}

#[tokio::test]
async fn repeats_of_idempotent_producers_are_answered_as_the_first_time_also_after_a_restart() {
    let dir = tempfile::tempdir().unwrap();
    let logs = with_topic(dir.path(), &[]);
    let batch = |sequence| {
        sent(
            &[(None, Some("a")), (None, Some("b"))],
            T0,
            Some((5, 0, sequence)),
            0,
        )
    };
    assert_eq!(append(&logs, batch(0)).await.unwrap().base_offset, 0);
    assert_eq!(append(&logs, batch(2)).await.unwrap().base_offset, 2);
    assert_eq!(append(&logs, batch(0)).await.unwrap().base_offset, 0);
    assert!(matches!(
        append(&logs, batch(6)).await,
        Err(LogError::OutOfOrderSequence {
            expected: 4,
            got: 6,
            ..
        })
    ));
    let mut logs = Some(logs);
    for is_clean in [false, true, true, false] {
        let before = logs.take().unwrap();
        let now = logs.insert(reopen(before, is_clean, dir.path()));
        assert_eq!(
            append(now, batch(2)).await.unwrap().base_offset,
            2,
            "after a restart, clean: {is_clean}"
        );
        assert!(append(now, batch(7)).await.is_err());
    }
}

#[tokio::test]
async fn topics_come_change_and_go() {
    let dir = tempfile::tempdir().unwrap();
    let logs = with_topic(dir.path(), &[("retention.ms", "1000")]);
    let id = logs.topic("t").unwrap().id;
    assert!(matches!(
        logs.create_topic("t", 1, &config(&[])),
        Err(LogError::TopicExists(_))
    ));
    assert!(matches!(
        logs.create_topic("u", 0, &config(&[])),
        Err(LogError::InvalidPartitions(_))
    ));
    assert!(matches!(
        logs.create_topic("../u", 1, &config(&[])),
        Err(LogError::InvalidTopic(_))
    ));
    assert!(matches!(
        logs.create_topic("u", 1, &config(&[("retention.ms", "x")])),
        Err(LogError::InvalidConfig(_))
    ));
    logs.add_partitions("t", 3, false).unwrap();
    assert!(matches!(
        logs.add_partitions("t", 3, false),
        Err(LogError::InvalidPartitions(_))
    ));
    let changes = BTreeMap::from([
        ("retention.ms".to_owned(), None),
        ("segment.bytes".to_owned(), Some("5000".to_owned())),
    ]);
    logs.alter_config("t", &changes, false).unwrap();
    drop(logs);
    let logs = open(dir.path());
    let topic = logs.topic("t").unwrap();
    assert_eq!((topic.id, topic.partitions), (id, 3));
    let config = logs.config("t").unwrap();
    let of = |name: &str| config.iter().find(|entry| entry.name == name).unwrap();
    assert_eq!(
        (of("retention.ms").value.as_str(), of("retention.ms").is_set),
        ("604800000", false)
    );
    assert_eq!(
        (of("segment.bytes").value.as_str(), of("segment.bytes").kind),
        ("5000", ConfigKind::Int)
    );
    append(&logs, values(&["old"])).await.unwrap();
    logs.delete_topic("t").unwrap();
    assert!(logs.topics().is_empty());
    logs.create_topic("t", 1, &BTreeMap::new()).unwrap();
    assert_ne!(logs.topic("t").unwrap().id, id);
    assert_eq!(
        logs.end_offset("t", 0).unwrap(),
        0,
        "nothing of the old one is there"
    );
}

#[tokio::test]
async fn times_are_found() {
    let dir = tempfile::tempdir().unwrap();
    let logs = with_topic(dir.path(), &[("segment.bytes", "500")]);
    for number in 0..40 {
        let batch = sent(
            &[(None, Some("a")), (None, Some("b"))],
            T0 + number * 10,
            None,
            (number % 5) as i16,
        );
        append(&logs, batch).await.unwrap();
    }
    let at = |timestamp| logs.offset_for_time("t", 0, timestamp).unwrap();
    assert_eq!(
        at(0),
        Some(OffsetAndTime {
            offset: 0,
            timestamp: T0
        })
    );
    assert_eq!(
        at(T0 + 1),
        Some(OffsetAndTime {
            offset: 1,
            timestamp: T0 + 1
        })
    );
    assert_eq!(
        at(T0 + 2),
        Some(OffsetAndTime {
            offset: 2,
            timestamp: T0 + 10
        })
    );
    assert_eq!(
        at(T0 + 391),
        Some(OffsetAndTime {
            offset: 79,
            timestamp: T0 + 391
        })
    );
    assert_eq!(at(T0 + 392), None);
    assert_eq!(
        logs.offset_of_max_time("t", 0).unwrap(),
        Some(OffsetAndTime {
            offset: 79,
            timestamp: T0 + 391
        })
    );
    logs.delete_records("t", 0, 3).unwrap();
    assert_eq!(
        at(0),
        Some(OffsetAndTime {
            offset: 3,
            timestamp: T0 + 11
        })
    );
}

#[tokio::test]
async fn the_time_of_the_append_replaces_the_producers() {
    let dir = tempfile::tempdir().unwrap();
    let logs = with_topic(dir.path(), &[("message.timestamp.type", "LogAppendTime")]);
    let appended = append(&logs, values(&["a", "b"])).await.unwrap();
    assert!(appended.log_append_time > T0);
    let read = logs.read("t", 0, 0, 1000).unwrap();
    let header = Header::read(&read.records).unwrap();
    assert!(header.is_log_append_time());
    assert_eq!(header.max_timestamp, appended.log_append_time);
    assert_eq!(
        texts(&found(&read.records)),
        ["a", "b"],
        "and the checksum is right"
    );
    assert_eq!(
        logs.offset_of_max_time("t", 0).unwrap().unwrap().timestamp,
        appended.log_append_time
    );
}

#[tokio::test]
async fn a_full_disk_refuses_and_works_again_when_there_is_room() {
    let dir = tempfile::tempdir().unwrap();
    let logs = with_topic(dir.path(), &[("segment.bytes", "200")]);
    append(&logs, values(&["before"])).await.unwrap();
    for room in [0, 1, 40, 61, 70] {
        *logs.disk().faults.room.lock().unwrap() = Some(room);
        assert!(
            matches!(
                append(&logs, values(&["lost", "lost"])).await,
                Err(LogError::DiskFull)
            ),
            "with {room} bytes left"
        );
        assert_eq!(texts(&everything(&logs, "t", 1000)), ["before"]);
    }
    *logs.disk().faults.room.lock().unwrap() = None;
    assert_eq!(
        append(&logs, values(&["after"])).await.unwrap().base_offset,
        1
    );
    drop(logs);
    assert_eq!(
        texts(&everything(&open(dir.path()), "t", 1000)),
        ["before", "after"]
    );
}

#[tokio::test]
async fn a_failed_sync_stops_the_partition_until_a_restart() {
    let dir = tempfile::tempdir().unwrap();
    let logs = with_topic(dir.path(), &[]);
    append(&logs, values(&["a"])).await.unwrap();
    logs.disk().faults.sync_fails.store(true, Ordering::SeqCst);
    let error = append(&logs, values(&["b"])).await.unwrap_err().to_string();
    assert!(error.contains("until a restart"), "{error}");
    logs.disk().faults.sync_fails.store(false, Ordering::SeqCst);
    assert!(
        append(&logs, values(&["c"])).await.is_err(),
        "a later sync that succeeds proves nothing"
    );
    assert!(logs.read("t", 0, 0, 100).is_err());
    drop(logs);
    let logs = open(dir.path());
    assert_eq!(texts(&everything(&logs, "t", 1000)), ["a", "b"]);
    append(&logs, values(&["c"])).await.unwrap();
}

#[test]
fn a_second_broker_is_kept_out() {
    let dir = tempfile::tempdir().unwrap();
    let logs = open(dir.path());
    let second = Logs::open(dir.path(), Settings::default());
    assert!(matches!(&second, Err(OpenError::Locked { .. })));
    assert!(
        second
            .err()
            .unwrap()
            .to_string()
            .contains("in use by another broker")
    );
    drop(logs);
    open(dir.path());
}

#[tokio::test]
async fn the_servers_state_and_producer_ids_outlive_restarts() {
    let dir = tempfile::tempdir().unwrap();
    let logs = open(dir.path());
    let put = |key: &'static str, value: Option<&'static str>| {
        vec![(Bytes::from(key), value.map(Bytes::from))]
    };
    logs.state_put(put("a", Some("1"))).await.unwrap();
    logs.state_put(vec![
        ("a".into(), Some("2".into())),
        ("b".into(), Some("3".into())),
    ])
    .await
    .unwrap();
    logs.state_put(put("b", None)).await.unwrap();
    let ids: Vec<_> = (0..3).map(|_| logs.new_producer_id().unwrap()).collect();
    assert_eq!(ids, [(0, 0), (1, 0), (2, 0)]);
    drop(logs);
    let logs = open(dir.path());
    assert_eq!(
        logs.state_all().unwrap(),
        BTreeMap::from([(Bytes::from("a"), Bytes::from("2"))])
    );
    assert!(logs.new_producer_id().unwrap().0 > 2);
    assert!(logs.topics().is_empty(), "it is no topic");
}

fn reopen(logs: Arc<Logs>, is_clean: bool, dir: &Path) -> Arc<Logs> {
    if is_clean {
        logs.close();
    }
    drop(logs);
    open(dir)
}
