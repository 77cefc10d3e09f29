//! Who consumes which task queue, and how far: as the brokers know it.
//!
//! Owns: the questions to the brokers, and reading a member's assignment. Must not: remember anything; what is compared
//! with what was before is the API's. Blocks for some round trips; called off the hot path.

use crate::client::Logged;
use crate::config::Config;
use crate::limits::{QUESTION_TIMEOUT, REQUEST_TIMEOUT, SURVEY_GROUPS_MAX};
use rdkafka::config::FromClientConfigAndContext;
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::error::KafkaResult;
use rdkafka::groups::GroupInfo;
use rdkafka::topic_partition_list::{Offset, TopicPartitionList};
use std::collections::BTreeMap;

/// A task queue.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Queue {
    /// Its name.
    pub name: String,
    /// Its topic.
    pub topic: String,
    /// Partitions of the topic: how many workers can share it.
    pub partitions: usize,
    /// Records that the topic ever had.
    pub end: i64,
    /// Groups that consume it, by name.
    pub groups: Vec<Group>,
}

/// A group of a queue.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Group {
    /// Its name.
    pub name: String,
    /// Records that it has not committed.
    pub lag: i64,
    /// Sum of its positions: grows with what it has done.
    pub done: i64,
    /// Those that the queue's partitions are given to.
    pub members: Vec<Member>,
}

/// A member of a group.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Member {
    /// As it calls itself.
    pub client: String,
    /// Where it is.
    pub host: String,
    /// Partitions of the queue that it has.
    pub partitions: usize,
}

/// Queues and their groups, by name.
///
/// # Errors
/// What the client or a broker says.
pub fn survey(config: &Config) -> KafkaResult<Vec<Queue>> {
    let prefix = config.topics().commands("");
    let asker = consumer(config, &format!("{}survey", config.prefix))?;
    let metadata = asker.fetch_metadata(None, REQUEST_TIMEOUT)?;
    let mut queues = BTreeMap::new();
    for topic in metadata
        .topics()
        .iter()
        .filter(|topic| topic.name().starts_with(&prefix))
    {
        let (mut ends, mut end) = (Vec::new(), 0);
        for partition in topic.partitions() {
            let (low, high) =
                asker.fetch_watermarks(topic.name(), partition.id(), QUESTION_TIMEOUT)?;
            ends.push((partition.id(), low, high));
            end += high;
        }
        let queue = Queue {
            name: topic.name()[prefix.len()..].to_owned(),
            topic: topic.name().to_owned(),
            partitions: ends.len(),
            end,
            groups: Vec::new(),
        };
        queues.insert(topic.name().to_owned(), (queue, ends));
    }
    let listed = asker.fetch_group_list(None, REQUEST_TIMEOUT)?;
    for group in listed.groups().iter().take(SURVEY_GROUPS_MAX) {
        // Baton's own groups read other topics, but for those of activities.
        if group.name() != format!("{}orchestrator", config.prefix) {
            add(config, group, &mut queues)?;
        }
    }
    Ok(queues.into_values().map(|(queue, _)| queue).collect())
}

/// A partition, and where it begins and ends.
type Ends = Vec<(i32, i64, i64)>;

/// Adds a group to the queues that it consumes, or has consumed.
fn add(
    config: &Config,
    group: &GroupInfo,
    queues: &mut BTreeMap<String, (Queue, Ends)>,
) -> KafkaResult<()> {
    let mut wanted = TopicPartitionList::new();
    for (topic, (_, ends)) in queues.iter() {
        for (partition, _, _) in ends {
            wanted.add_partition(topic, *partition);
        }
    }
    if wanted.count() == 0 {
        return Ok(());
    }
    let committed = consumer(config, group.name())?.committed_offsets(wanted, REQUEST_TIMEOUT)?;
    let assigned: Vec<(Member, BTreeMap<String, usize>)> = group
        .members()
        .iter()
        .map(|member| {
            let found = Member {
                client: member.client_id().to_owned(),
                host: member.client_host().trim_start_matches('/').to_owned(),
                partitions: 0,
            };
            (
                found,
                member.assignment().map(assignment).unwrap_or_default(),
            )
        })
        .collect();
    for (topic, (queue, ends)) in queues.iter_mut() {
        let members: Vec<Member> = assigned
            .iter()
            .filter_map(|(member, topics)| {
                let partitions = *topics.get(topic)?;
                Some(Member {
                    partitions,
                    ..member.clone()
                })
            })
            .collect();
        let (mut known, mut lag, mut done) = (false, 0, 0);
        for (partition, low, high) in ends {
            let position = committed
                .find_partition(topic, *partition)
                .map(|found| found.offset());
            match position {
                Some(Offset::Offset(at)) => {
                    known = true;
                    lag += (*high - at).max(0);
                    done += at;
                }
                // What was never committed is read from the beginning of what there is.
                _ => lag += *high - *low,
            }
        }
        if known || !members.is_empty() {
            queue.groups.push(Group {
                name: group.name().to_owned(),
                lag,
                done,
                members,
            });
        }
    }
    Ok(())
}

fn consumer(config: &Config, group: &str) -> KafkaResult<BaseConsumer<Logged>> {
    let mut settings = config.consumer("survey", "read_committed", "earliest");
    settings.set("group.id", group);
    BaseConsumer::from_config_and_context(&settings, Logged("survey"))
}

/// How many partitions of each topic an assignment has (Kafka's consumer protocol: version, topics with partitions, user
/// data); nothing for what can't be read.
fn assignment(bytes: &[u8]) -> BTreeMap<String, usize> {
    fn read(mut rest: &[u8]) -> Option<BTreeMap<String, usize>> {
        let mut take = |count: usize| {
            let (head, tail) = rest.split_at_checked(count)?;
            rest = tail;
            Some(head)
        };
        let number = |bytes: &[u8]| {
            bytes
                .iter()
                .fold(0_usize, |all, byte| all << 8 | usize::from(*byte))
        };
        take(2)?;
        let mut topics = BTreeMap::new();
        for _ in 0..number(take(4)?) {
            let length = number(take(2)?);
            let name = String::from_utf8_lossy(take(length)?).into_owned();
            let count = number(take(4)?);
            take(count.checked_mul(4)?)?;
            topics.insert(name, count);
        }
        Some(topics)
    }
    read(bytes).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_assignment_is_read_and_nonsense_is_nothing() {
        let bytes = b"\0\x01\0\0\0\x01\0\x01t\0\0\0\x02\0\0\0\0\0\0\0\x01\0\0\0\0";
        assert_eq!(assignment(bytes), BTreeMap::from([("t".to_owned(), 2)]));
        assert_eq!(assignment(b"\0\x01\0\0\0\x01\xff\xfft"), BTreeMap::new());
        assert_eq!(
            assignment(b"\0\x01\xff\xff\xff\xff\0\x01t\xff\xff\xff\xff"),
            BTreeMap::new()
        );
    }
}
