//! Random appends, crashes, restarts, deletions and housekeeping against a model: a list of values.

use super::*;
use proptest::prelude::*;
use std::collections::BTreeMap as Model;

#[derive(Debug, Clone)]
enum Step {
    /// Appends a batch of so many records, as an idempotent producer or not.
    Append(usize, bool),
    /// Drops the log as it is and opens it again.
    Crash,
    /// Crashes, and leaves some bytes that were never acknowledged.
    Torn(usize),
    /// Closes and opens it again.
    Restart,
    /// Deletes records up to this part (in 100) of what is there.
    Delete(i64),
    Maintain,
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        8 => (1..6_usize, any::<bool>()).prop_map(|(count, is_idempotent)| Step::Append(count, is_idempotent)),
        1 => Just(Step::Crash),
        1 => (1..200_usize).prop_map(Step::Torn),
        1 => Just(Step::Restart),
        1 => (0..=100_i64).prop_map(Step::Delete),
        1 => Just(Step::Maintain),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, ..ProptestConfig::default() })]

    #[test]
    fn the_log_is_what_was_acknowledged(steps in proptest::collection::vec(step(), 1..60), fsync in any::<bool>()) {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(run(&steps, fsync));
    }
}

async fn run(steps: &[Step], fsync: bool) {
    let dir = tempfile::tempdir().unwrap();
    let open = || Logs::open(dir.path(), Settings { fsync }).unwrap();
    let mut logs = open();
    logs.create_topic(
        "t",
        1,
        &config(&[("segment.bytes", "700"), ("retention.ms", "-1")]),
    )
    .unwrap();
    let (mut model, mut start, mut end, mut sequence) = (Model::new(), 0, 0, 0);
    for step in steps {
        match step {
            Step::Append(count, is_idempotent) => {
                let texts: Vec<_> = (0..*count)
                    .map(|number| format!("{}", end + number as i64))
                    .collect();
                let pairs: Vec<Pair> = texts
                    .iter()
                    .map(|text| (None, Some(text.as_str())))
                    .collect();
                let batch = sent(&pairs, T0, is_idempotent.then_some((9, 0, sequence)), 0);
                assert_eq!(append(&logs, batch.clone()).await.unwrap().base_offset, end);
                if *is_idempotent {
                    sequence += *count as i32;
                    assert_eq!(
                        append(&logs, batch).await.unwrap().base_offset,
                        end,
                        "a repeat"
                    );
                }
                for text in texts {
                    model.insert(end, text);
                    end += 1;
                }
            }
            Step::Crash => {
                drop(logs);
                logs = open();
            }
            Step::Torn(bytes) => {
                drop(logs);
                let last = log_files(dir.path()).pop().unwrap();
                let mut whole = std::fs::read(&last).unwrap();
                let more = values(&["never", "acknowledged", &"x".repeat(200)]);
                whole.extend_from_slice(&more[..(*bytes).min(more.len() - 1)]);
                std::fs::write(&last, whole).unwrap();
                logs = open();
            }
            Step::Restart => {
                logs.close();
                drop(logs);
                logs = open();
            }
            Step::Delete(part) => {
                let before = start + (end - start) * part / 100;
                assert_eq!(logs.delete_records("t", 0, before).unwrap(), before);
                start = before;
                model = model.split_off(&start);
            }
            Step::Maintain => logs.maintain(T0),
        }
        assert_eq!(
            (
                logs.start_offset("t", 0).unwrap(),
                logs.end_offset("t", 0).unwrap()
            ),
            (start, end)
        );
        let shown: Vec<_> = everything(&logs, "t", 300)
            .into_iter()
            .map(|(offset, _, value)| (offset, value.unwrap()))
            .collect();
        assert_eq!(shown, model.clone().into_iter().collect::<Vec<_>>());
    }
}
