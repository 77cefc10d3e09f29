//! Groups: two members that share and take over; offsets that are kept.

use super::Checked;
use super::client::{Client, WAIT, same, until};
use rdkafka::consumer::{BaseConsumer, CommitMode, Consumer};
use rdkafka::{Message, Offset, TopicPartitionList};
use std::collections::BTreeSet;
use std::error::Error;
use std::time::Duration;

const PARTITIONS: i32 = 4;
const POLL: Duration = Duration::from_millis(10);

/// Two members have two partitions each, then all records once; the one that stays has all.
pub async fn share(client: &Client, strategy: &str) -> Checked {
    let topic = client.topic.as_str();
    client.create_topic(topic, PARTITIONS).await?;
    let member = || -> Result<BaseConsumer, Box<dyn Error>> {
        let made = client.consumer(topic, &[("partition.assignment.strategy", strategy)])?;
        made.subscribe(&[topic])?;
        Ok(made)
    };
    let (first, second) = (member()?, member()?);
    let mut seen = Vec::new();
    until("half for each", || {
        poll(&first, &mut seen)?;
        poll(&second, &mut seen)?;
        Ok(held(&first)?.len() == 2
            && held(&second)?.len() == 2
            && held(&first)?.is_disjoint(&held(&second)?))
    })?;
    client
        .send(topic, &["v".to_owned(), "w".to_owned()], &[])
        .await?;
    until("every record", || {
        poll(&first, &mut seen)?;
        poll(&second, &mut seen)?;
        Ok(seen.len() >= 2)
    })?;
    same(seen.clone(), vec![0, 1])?;
    drop(second);
    until("all for the first", || {
        poll(&first, &mut seen)?;
        Ok(held(&first)?.len() == PARTITIONS as usize)
    })
}

/// Commits an offset of partition 0 from outside of the group.
pub fn commit(client: &Client, group: &str, topic: &str, offset: i64) -> Checked {
    let mut place = TopicPartitionList::new();
    place.add_partition_offset(topic, 0, Offset::Offset(offset))?;
    client
        .consumer(group, &[])?
        .commit(&place, CommitMode::Sync)?;
    Ok(())
}

/// Says `committed OFFSET` of partition 0.
pub fn committed(client: &Client, group: &str, topic: &str) -> Checked {
    let mut place = TopicPartitionList::new();
    place.add_partition(topic, 0);
    let found = client
        .consumer(group, &[])?
        .committed_offsets(place, WAIT)?;
    let offset = found.elements()[0].offset().to_raw().ok_or("no offset")?;
    println!("committed {offset}");
    Ok(())
}

fn poll(member: &BaseConsumer, seen: &mut Vec<i64>) -> Checked {
    if let Some(polled) = member.poll(POLL) {
        seen.push(polled?.offset());
    }
    Ok(())
}

fn held(member: &BaseConsumer) -> Result<BTreeSet<i32>, Box<dyn Error>> {
    let held = member.assignment()?;
    Ok(held
        .elements()
        .iter()
        .map(|element| element.partition())
        .collect())
}
