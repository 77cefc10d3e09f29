//! The runtime against a real broker: ownership, inputs, effects, and that a second life finds what the first one left.
//!
//! Needs `BATON_TEST_KAFKA=host:port`; without it these tests are skipped. Each test has a topic prefix of its own.

mod support;

use baton_engine::registry::{RegistryError, RegistryWriter};
use baton_engine::{Call, CallError, Calls, Change};
use baton_schemas::cloudevents as ce;
use baton_schemas::history::Failure;
use baton_schemas::partition::partition_of;
use baton_schemas::registry::{RegistryBody, RegistryEntry};
use std::sync::mpsc::channel;
use std::time::Duration;
use support::{Life, PATIENCE, consume, produce, stop_request};

const PARTITIONS: i32 = 2;

#[test]
fn a_second_life_folds_what_the_first_one_wrote() {
    let Some(life) = Life::first("fold", PARTITIONS) else {
        return;
    };
    assert_eq!(life.handle.owned(), [0, 1]);
    assert_eq!(life.registry.partitions(), Some(PARTITIONS));

    // A stop of an execution that was never started takes its name (R12).
    let arns: Vec<String> = (0..10).map(support::execution).collect();
    for arn in &arns {
        produce(
            &life.topics().requests,
            partition_of(arn.as_bytes(), PARTITIONS),
            &stop_request(arn),
        );
    }
    let named = |applied: &baton_engine::Applied| matches!(&applied.change, Change::Names(names) if !names.is_empty());
    life.views
        .wait(|seen| seen.iter().filter(|a| named(a)).count() == arns.len());
    let first_epochs = life.views.epochs();

    let second = life.again();
    assert_eq!(second.handle.owned(), [0, 1]);
    second
        .views
        .wait(|seen| seen.iter().filter(|a| named(a)).count() == arns.len());
    for (partition, epoch) in second.views.epochs() {
        assert!(
            epoch > first_epochs[&partition],
            "partition {partition}: a new life has a new epoch"
        );
    }
    // The name is taken: stopping it once more says when it was stopped.
    let (answer, answered) = channel();
    let call = Call::Stop {
        execution: arns[0].as_str().into(),
        failure: Failure::default(),
    };
    let partition = partition_of(arns[0].as_bytes(), PARTITIONS);
    second.handle.call(
        partition,
        call,
        Box::new(move |reply| answer.send(reply).expect("somebody waits")),
    );
    answered
        .recv_timeout(PATIENCE)
        .expect("an answer")
        .expect("it is stopped");
    second.end();
}

#[test]
fn a_record_that_makes_no_sense_becomes_a_dead_letter() {
    let Some(life) = Life::first("dead", PARTITIONS) else {
        return;
    };
    let record = baton_schemas::Record {
        key: Some("k".into()),
        headers: vec![
            (ce::TYPE.into(), "nobody.knows.v1".into()),
            ("mine".into(), "kept".into()),
        ],
        value: Some("{}".into()),
    };
    produce(&life.topics().completions, 1, &record);
    let letter = consume(&life.topics().dead_letter, 1).remove(0);
    let header = |name: &str| {
        letter
            .headers
            .iter()
            .find(|(n, _)| n == name)
            .map(|(_, v)| v.clone())
    };
    assert_eq!(letter.value, record.value);
    assert_eq!(header("mine").as_deref(), Some(&b"kept"[..]));
    assert_eq!(
        header(ce::ORIGINAL_TYPE).as_deref(),
        Some(&b"nobody.knows.v1"[..])
    );
    assert_eq!(header(ce::ORIGINAL_PARTITION).as_deref(), Some(&b"1"[..]));
    assert!(
        String::from_utf8_lossy(&header(ce::REASON).expect("a reason")).contains("nobody.knows.v1")
    );
    life.end();
}

#[test]
fn calls_for_partitions_of_others_are_refused() {
    let Some(life) = Life::first("calls", PARTITIONS) else {
        return;
    };
    let call = Call::Stop {
        execution: "x".into(),
        failure: Failure::default(),
    };
    let (answer, answered) = channel();
    life.handle.call(
        99,
        call,
        Box::new(move |reply| answer.send(reply).expect("somebody waits")),
    );
    assert_eq!(
        answered.recv_timeout(PATIENCE),
        Ok(Err(CallError::NotOwner { partition: 99 }))
    );
    life.end();
}

#[test]
fn of_two_writers_to_the_registry_one_is_told_that_it_lost() {
    let Some(life) = Life::first("registry", PARTITIONS) else {
        return;
    };
    let entry = |attempt: &str| RegistryEntry {
        v: 1,
        arn: "arn:test".into(),
        based_on: None,
        attempt: attempt.into(),
        time_ms: 0,
        body: RegistryBody::Cluster {
            partitions: PARTITIONS,
        },
    };
    let (answer, answered) = channel();
    for attempt in ["a", "b"] {
        let answer = answer.clone();
        life.handle.put(
            entry(attempt),
            Box::new(move |result| answer.send(result).expect("somebody waits")),
        );
    }
    let results: Vec<_> = (0..2)
        .map(|_| answered.recv_timeout(PATIENCE).expect("an answer"))
        .collect();
    let revision = *results.iter().flatten().next().expect("one won");
    let lost = results
        .iter()
        .find_map(|r| r.as_ref().err())
        .expect("one lost");
    assert_eq!(
        *lost,
        RegistryError::Outdated {
            arn: "arn:test".into(),
            current: Some(revision)
        }
    );
    life.end();
}

#[test]
fn another_number_of_partitions_is_refused() {
    let Some(life) = Life::first("partitions", PARTITIONS) else {
        return;
    };
    let mut config = life.config.clone();
    life.end();
    config.partitions = Some(PARTITIONS + 1);
    let error = support::start(config).err().expect("refused").to_string();
    assert!(error.contains("2 is recorded"), "{error}");
}

#[test]
fn a_second_node_takes_its_share_and_later_the_whole() {
    let Some(first) = Life::first("nodes", PARTITIONS) else {
        return;
    };
    let second = first.beside("node-2");
    let one = |life: &Life| {
        life.handle
            .wait_until(PATIENCE, |r| r.ready && r.serving.len() == 1)
    };
    assert!(one(&second), "{:?}", second.handle.readiness());
    assert!(one(&first), "{:?}", first.handle.readiness());
    let theirs = second.handle.owned()[0];
    first.until_hinted(theirs, "http://node-2");

    // What is stopped on either side is done once, by whoever owns it.
    support::produce_stops(&first.topics().requests, 200, PARTITIONS);
    let names = |a: &&baton_engine::Applied| matches!(a.change, Change::Names(_));
    let mine = first.handle.owned()[0];
    let of = |partition| {
        let belongs = |arn: &String| partition_of(arn.as_bytes(), PARTITIONS) == partition;
        (0..200).map(support::execution).filter(belongs).count()
    };
    let done = |life: &Life, partition| {
        let on = |a: &&baton_engine::Applied| a.partition == partition;
        life.views
            .wait(|seen| seen.iter().filter(names).filter(on).count() == of(partition));
    };
    done(&first, mine);
    done(&second, theirs);

    // A static member that ends keeps its share until its session times out; then the other has it.
    first.end();
    let all = |r: &baton_kafka::Readiness| r.ready && r.serving.len() == 2;
    assert!(
        second.handle.wait_until(PATIENCE, all),
        "{:?}",
        second.handle.readiness()
    );
    done(&second, mine);
    second.end();
}

#[test]
fn many_inputs_keep_their_order_and_none_is_lost() {
    let Some(life) = Life::first("many", PARTITIONS) else {
        return;
    };
    let many = 20_000;
    let begin = std::time::Instant::now();
    support::produce_stops(&life.topics().requests, many, PARTITIONS);
    let produced = begin.elapsed();
    let names = |a: &baton_engine::Applied| matches!(a.change, Change::Names(_));
    life.views
        .wait(|seen| seen.iter().filter(|a| names(a)).count() == many);
    eprintln!(
        "{many} stops: produced in {produced:?}, effective after {:?}: {:?}",
        begin.elapsed(),
        life.handle.metrics()
    );
    let mut last = [-1; PARTITIONS as usize];
    for applied in life.views.seen() {
        assert!(
            applied.offset > last[applied.partition as usize],
            "in order"
        );
        last[applied.partition as usize] = applied.offset;
    }
    assert!(life.handle.drain(Duration::from_secs(10)));
    life.end();
}
