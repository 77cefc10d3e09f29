//! What is at hand, and what is said to be gone.

use super::*;

fn take(recent: &Recent, partition: i32, offset: i64, bytes: usize) {
    let json = Bytes::from(vec![b' '; bytes]);
    let execution: Arc<str> = format!("x{offset}").into();
    recent
        .kept()
        .take(partition, offset, Some((execution, json)));
}

fn offsets(found: &Found) -> Vec<i64> {
    found.steps.iter().map(|step| step.offset).collect()
}

#[test]
fn a_reader_gets_what_lies_behind_what_it_has_seen() {
    let recent = Recent::default();
    let begun = recent.behind(&[0, 1], &Offsets::new(), 10);
    assert_eq!(begun.seen, [(0, -1), (1, -1)].into());
    take(&recent, 0, 5, 1);
    take(&recent, 0, 7, 1);
    take(&recent, 0, 7, 1);
    let found = recent.behind(&[0, 1], &begun.seen, 10);
    assert_eq!((offsets(&found), found.lost.len()), (vec![5, 7], 0));
    assert_eq!(found.seen, [(0, 7), (1, -1)].into());
    let one = recent.behind(&[0], &begun.seen, 1);
    assert_eq!((offsets(&one), one.seen), (vec![5], [(0, 5)].into()));
    recent.kept().take(0, 9, None);
    let none = recent.behind(&[0], &found.seen, 10);
    assert_eq!((offsets(&none), none.seen), (vec![], [(0, 9)].into()));
}

#[test]
fn what_is_gone_is_said() {
    let recent = Recent::default();
    let begun = recent.behind(&[0], &Offsets::new(), 10);
    for offset in 0..3 {
        take(&recent, 0, offset, RECENT_BYTES_MAX / 2);
    }
    let found = recent.behind(&[0], &begun.seen, 10);
    assert_eq!((offsets(&found), found.lost), (vec![2], vec![0]));
}

#[test]
fn a_node_that_has_only_begun_to_keep_does_not_claim_more() {
    let recent = Recent::default();
    let seen: Offsets = [(0, 40)].into();
    let found = recent.behind(&[0], &seen, 10);
    assert_eq!(found.lost, [0]);
    take(&recent, 0, 50, 1);
    let found = recent.behind(&[0], &found.seen, 10);
    assert_eq!((offsets(&found), found.lost.len()), (vec![50], 0));
    // A fold that begins before what the reader has seen has it all.
    take(&recent, 1, 30, 1);
    take(&recent, 1, 45, 1);
    let found = recent.behind(&[1], &[(1, 40)].into(), 10);
    assert_eq!((offsets(&found), found.lost.len()), (vec![45], 0));
}
