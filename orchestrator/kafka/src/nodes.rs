//! Who owns what: a hint for routing, never a proof (design section 3).
//!
//! Owns: saying every few seconds what this node owns, and remembering what others say; the highest epoch wins.

use crate::client::Tail;
use crate::config::Config;
use crate::limits::{ANNOUNCE_EVERY, ANNOUNCEMENTS_READ};
use crate::producer::{Sender, Tag, To};
use crate::status::SharedStatus;
use baton_schemas::node::NodeAnnouncement;
use crossbeam_channel::{Receiver, select, tick};
use rdkafka::error::KafkaResult;
use rdkafka::{Message as _, Offset};
use std::collections::BTreeMap;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::{SystemTime, UNIX_EPOCH};

/// What nodes have said: for each partition the announcement with the highest epoch.
#[derive(Default)]
pub struct Hints {
    by_partition: RwLock<BTreeMap<i32, NodeAnnouncement>>,
}

impl Hints {
    /// Takes an announcement, if no higher epoch is known.
    pub fn learn(&self, announcement: NodeAnnouncement) {
        let mut known = self
            .by_partition
            .write()
            .unwrap_or_else(PoisonError::into_inner);
        if known
            .get(&announcement.partition)
            .is_none_or(|k| k.epoch <= announcement.epoch)
        {
            known.insert(announcement.partition, announcement);
        }
    }

    /// The owner's URL, as far as anybody has said.
    pub fn url(&self, partition: i32) -> Option<Arc<str>> {
        self.by_partition
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .get(&partition)
            .map(|a| a.url.clone())
    }
}

/// What wakes the announcer before its time.
pub enum Nudge {
    /// Something is newly owned: say so at once.
    Announce,
    /// End.
    Stop,
}

/// See the module.
pub struct Nodes {
    config: Config,
    topic: Arc<str>,
    tail: Tail,
    nudges: Receiver<Nudge>,
    effects: Sender,
    status: SharedStatus,
    hints: Arc<Hints>,
}

impl Nodes {
    pub fn new(
        config: &Config,
        nudges: Receiver<Nudge>,
        effects: Sender,
        status: SharedStatus,
        hints: Arc<Hints>,
    ) -> KafkaResult<Self> {
        let topic = config.topics().nodes;
        let settings = config.consumer("nodes", "read_uncommitted", "latest");
        let tail = Tail::new(&settings, "nodes")?;
        Ok(Self {
            config: config.clone(),
            topic,
            tail,
            nudges,
            effects,
            status,
            hints,
        })
    }

    /// Announces and learns until told to stop.
    pub fn run(mut self) {
        let from = Offset::OffsetTail(ANNOUNCEMENTS_READ);
        if let Err(e) = self.tail.begin(&self.topic, from) {
            tracing::error!(kafka.error = %e, "announcements of other nodes are not read");
        }
        let ticks = tick(ANNOUNCE_EVERY);
        loop {
            select! {
                recv(self.nudges) -> nudge => match nudge {
                    Ok(Nudge::Announce) => self.announce(),
                    Ok(Nudge::Stop) | Err(_) => return,
                },
                recv(ticks) -> _ => self.announce(),
                recv(self.tail.woken) -> _ => {}
            }
            self.learn();
        }
    }

    fn announce(&mut self) {
        for (partition, epoch) in self.status.get().epochs {
            let announcement = NodeAnnouncement {
                partition,
                epoch,
                url: self.config.url.clone(),
                node: self.config.node.clone(),
                time_ms: now_ms(),
            };
            let value = serde_json::to_vec(&announcement).expect("announcements serialise");
            let to = To {
                topic: &self.topic,
                partition: Some(0),
            };
            self.effects.send(
                to,
                Some(partition.to_string().as_bytes()),
                Some(&value),
                None,
                Tag::Internal { id: 0 },
            );
            self.hints.learn(announcement);
        }
    }

    fn learn(&self) {
        while let Some(message) = self.tail.next() {
            match serde_json::from_slice(message.payload().unwrap_or_default()) {
                Ok(announcement) => self.hints.learn(announcement),
                Err(e) => tracing::debug!(error = %e, "an announcement can't be read"),
            }
        }
    }
}

/// The clock, milliseconds since the epoch.
pub fn now_ms() -> i64 {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .map_or(0, |d| d.as_millis() as i64)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(partition: i32, epoch: i64, url: &str) -> NodeAnnouncement {
        NodeAnnouncement {
            partition,
            epoch,
            url: url.into(),
            node: "n".into(),
            time_ms: 0,
        }
    }

    #[test]
    fn the_highest_epoch_wins_in_whatever_order_it_comes() {
        let hints = Hints::default();
        hints.learn(said(0, 7, "http://b"));
        hints.learn(said(0, 3, "http://a"));
        assert_eq!(hints.url(0).as_deref(), Some("http://b"));
        hints.learn(said(0, 9, "http://a"));
        assert_eq!(hints.url(0).as_deref(), Some("http://a"));
        assert_eq!(hints.url(1), None);
    }
}
