//! Where a new binding begins.

use super::{Begin, Binding};
use crate::client::Logged;
use crate::config::Config;
use crate::limits::REQUEST_TIMEOUT;
use rdkafka::config::FromClientConfigAndContext;
use rdkafka::consumer::{BaseConsumer, CommitMode, Consumer};
use rdkafka::error::KafkaResult;
use rdkafka::{Offset, TopicPartitionList};

/// The name of a binding's consumer group.
pub fn group(config: &Config, binding: &Binding) -> String {
    format!("{}binding.{}", config.prefix, binding.name)
}

/// Fixes the positions of a binding that begins at the end, before anything is read: committed at once, so that what
/// comes while nobody reads is not passed over. A partition that has a position keeps it; one that is made later is read
/// from its beginning, as all that is in it is new. So is a topic that is not there yet.
pub fn fix_positions(config: &Config, binding: &Binding) -> KafkaResult<()> {
    if binding.from == Begin::Beginning {
        return Ok(());
    }
    // Not a member of the group, which must not count it as one.
    let mut settings = config.consumer("binding-first", "read_committed", "error");
    settings.set("group.id", group(config, binding));
    let consumer = BaseConsumer::from_config_and_context(&settings, Logged("binding-first"))?;
    let metadata = consumer.fetch_metadata(Some(&binding.topic), REQUEST_TIMEOUT)?;
    let mut all = TopicPartitionList::new();
    for topic in metadata.topics().iter().filter(|t| t.error().is_none()) {
        for partition in topic.partitions() {
            all.add_partition(topic.name(), partition.id());
        }
    }
    if all.count() == 0 {
        return Ok(());
    }
    let committed = consumer.committed_offsets(all, REQUEST_TIMEOUT)?;
    let mut ends = TopicPartitionList::new();
    for known in committed.elements() {
        if known.offset() == Offset::Invalid {
            let (_, end) =
                consumer.fetch_watermarks(known.topic(), known.partition(), REQUEST_TIMEOUT)?;
            ends.add_partition_offset(known.topic(), known.partition(), Offset::Offset(end))?;
        }
    }
    if ends.count() == 0 {
        return Ok(());
    }
    // Refused while the group has members: then another node is doing the same, and the next try finds its positions.
    consumer.commit(&ends, CommitMode::Sync)
}
