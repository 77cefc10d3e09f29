//! The broker that is left.
//!
//! Owns: what there is to copy, and that nobody changes it meanwhile.

use super::{Endpoint, MigrateError, Topic, asked, client, consumer, partition};
use crate::block_on::block_on;
use crate::client::Logged;
use crate::limits::REQUEST_TIMEOUT;
use rdkafka::TopicPartitionList;
use rdkafka::admin::{AdminClient, AdminOptions, ConfigSource, ResourceSpecifier};
use rdkafka::config::FromClientConfigAndContext;
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::message::BorrowedMessage;
use rdkafka::topic_partition_list::Offset;
use std::collections::{BTreeMap, BTreeSet};

/// Announcements and cancellations are of use for minutes; those of before only mislead.
const LEFT_BEHIND: [&str; 2] = ["nodes", "control"];
/// What says that a prefix is Baton's.
const HISTORY: &str = "history";
/// Settings that are about the cluster's brokers rather than about the topic.
const CLUSTERS_OWN: [&str; 4] = [
    "min.insync.replicas",
    "unclean.leader.election.enable",
    "leader.replication.throttled.replicas",
    "follower.replication.throttled.replicas",
];
const BATCH_BYTES: &str = "max.message.bytes";
const GROUP: &str = "baton.migrate";

/// Positions of a group: topic, partition, offset, and what the member wrote beside it.
pub type Positions = Vec<(String, i32, i64, String)>;

/// Clients of the source.
pub struct Source {
    endpoint: Endpoint,
    admin: AdminClient<Logged>,
    consumer: BaseConsumer<Logged>,
}

impl Source {
    /// Connects when something is asked.
    pub fn new(endpoint: &Endpoint) -> Result<Self, MigrateError> {
        let admin = AdminClient::from_config_and_context(&client(endpoint, &[]), Logged("migrate"))
            .map_err(asked("a setting of the client"))?;
        Ok(Self {
            endpoint: endpoint.clone(),
            admin,
            consumer: consumer(endpoint, GROUP)?,
        })
    }

    /// What there is to copy.
    pub fn topics(&self, only: &[String]) -> Result<Vec<Topic>, MigrateError> {
        let what = format!("the topics of {}", self.endpoint.brokers);
        let metadata = self.admin.inner().fetch_metadata(None, REQUEST_TIMEOUT);
        let metadata = metadata.map_err(asked(what))?;
        let wanted = |name: &str| {
            !name.starts_with("__")
                && (only.is_empty() || only.iter().any(|prefix| name.starts_with(&**prefix)))
        };
        let found: BTreeMap<&str, i32> = metadata
            .topics()
            .iter()
            .filter(|topic| wanted(topic.name()))
            .map(|topic| (topic.name(), topic.partitions().len() as i32))
            .collect();
        if found.is_empty() {
            let message = format!("{} has no topics to copy", self.endpoint.brokers);
            return Err(MigrateError::Refused(message));
        }
        let left_behind = left_behind(found.keys().copied());
        found
            .iter()
            .map(|(name, count)| self.topic(name, *count, left_behind.contains(*name)))
            .collect()
    }

    /// The positions of all groups on these topics. A group with members is one that still works.
    pub fn groups(&self, topics: &[Topic]) -> Result<BTreeMap<String, Positions>, MigrateError> {
        let groups = self.consumer.fetch_group_list(None, REQUEST_TIMEOUT);
        let groups = groups.map_err(asked("the consumer groups"))?;
        let mut all = BTreeMap::new();
        for group in groups.groups() {
            let members = group.members().len();
            if members > 0 {
                return Err(MigrateError::Refused(format!(
                    "the consumer group {} has {members} members: end nodes and workers first, so that nothing changes while it is copied (a process that was killed is forgotten after its session timeout)",
                    group.name()
                )));
            }
            let positions = self.positions(group.name(), topics)?;
            if !positions.is_empty() {
                all.insert(group.name().to_owned(), positions);
            }
        }
        Ok(all)
    }

    /// Reads a partition.
    pub fn read(
        &self,
        topic: &str,
        number: i32,
        range: (i64, i64),
        each: &mut dyn FnMut(&BorrowedMessage<'_>) -> Result<(), MigrateError>,
    ) -> Result<(), MigrateError> {
        partition::read(&self.consumer, (topic, number), range, each)
    }

    /// Whether everything is where it was.
    pub fn check_unchanged(&self, topics: &[Topic]) -> Result<(), MigrateError> {
        for topic in topics {
            for (was, number) in topic.ranges.iter().zip(0..) {
                let now = self.range(&topic.name, number)?;
                if now != *was && *was != (0, 0) {
                    return Err(MigrateError::Refused(format!(
                        "{}[{number}] had offsets {} to {} and has {} to {} now: something still writes there; end it, and migrate again",
                        topic.name, was.0, was.1, now.0, now.1
                    )));
                }
            }
        }
        Ok(())
    }

    fn topic(&self, name: &str, count: i32, is_left: bool) -> Result<Topic, MigrateError> {
        let ranges = if is_left {
            vec![(0, 0); count as usize]
        } else {
            (0..count)
                .map(|number| self.range(name, number))
                .collect::<Result<_, _>>()?
        };
        let what = format!("the settings of {name}");
        let options = AdminOptions::new().request_timeout(Some(REQUEST_TIMEOUT));
        let resource = ResourceSpecifier::Topic(name);
        let asking = self.admin.describe_configs([&resource], &options);
        let described = block_on(asking).map_err(asked(what.clone()))?;
        let described = described.into_iter().next();
        let entries = match described {
            Some(Ok(resource)) => resource.entries,
            Some(Err(code)) => return Err(MigrateError::Refused(format!("{what}: {code}"))),
            None => Vec::new(),
        };
        let value = |name| entries.iter().find(|entry| entry.name == name);
        let batch_bytes_max =
            value(BATCH_BYTES).and_then(|entry| entry.value.as_ref()?.parse().ok());
        let own = entries.iter().filter(|entry| {
            entry.source == ConfigSource::DynamicTopic && !CLUSTERS_OWN.contains(&&*entry.name)
        });
        Ok(Topic {
            name: name.to_owned(),
            ranges,
            settings: own
                .filter_map(|entry| Some((entry.name.clone(), entry.value.clone()?)))
                .collect(),
            batch_bytes_max: batch_bytes_max.unwrap_or_default(),
        })
    }

    fn range(&self, topic: &str, number: i32) -> Result<(i64, i64), MigrateError> {
        let client = self.admin.inner();
        let asked_for = client.fetch_watermarks(topic, number, REQUEST_TIMEOUT);
        asked_for.map_err(asked(format!("the offsets of {topic}[{number}]")))
    }

    fn positions(&self, group: &str, topics: &[Topic]) -> Result<Positions, MigrateError> {
        let asking = consumer(&self.endpoint, group)?;
        let mut list = TopicPartitionList::new();
        for topic in topics {
            for (_, number) in topic.ranges.iter().zip(0..) {
                list.add_partition(&topic.name, number);
            }
        }
        let committed = asking.committed_offsets(list, REQUEST_TIMEOUT);
        let committed = committed.map_err(asked(format!("the positions of the group {group}")))?;
        let copied = |topic: &str, number: i32| {
            let found = topics.iter().find(|one| one.name == topic);
            found.is_some_and(|one| one.ranges[number as usize].1 > 0)
        };
        let set = committed.elements().into_iter().filter_map(|element| {
            let Offset::Offset(offset) = element.offset() else {
                return None;
            };
            let (topic, number) = (element.topic(), element.partition());
            copied(topic, number).then(|| {
                (
                    topic.to_owned(),
                    number,
                    offset,
                    element.metadata().to_owned(),
                )
            })
        });
        Ok(set.collect())
    }
}

/// The topics of Baton whose records are not copied.
fn left_behind<'a>(names: impl Iterator<Item = &'a str>) -> BTreeSet<String> {
    let prefixes = names.filter_map(|name| name.strip_suffix(HISTORY));
    prefixes
        .flat_map(|prefix| LEFT_BEHIND.map(|name| format!("{prefix}{name}")))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_stands_beside_a_history_is_left_behind() {
        let names = ["a.history", "a.nodes", "b.nodes", "control", "a.control"];
        let left: Vec<String> = left_behind(names.into_iter()).into_iter().collect();
        assert_eq!(left, ["a.control", "a.nodes"]);
    }
}
