//! Who owns what: a hint for routing, never a proof (design section 3).
//!
//! Owns: saying every few seconds what this node owns, and remembering what others say; the highest epoch wins.

use crate::client::Tail;
use crate::config::Config;
use crate::limits::{ANNOUNCE_EVERY, ANNOUNCEMENT_HOLDS, ANNOUNCEMENTS_READ};
use crate::metrics::{Counters, add};
use crate::producer::{Sender, Tag, To};
use crate::status::SharedStatus;
use baton_schemas::node::NodeAnnouncement;
use crossbeam_channel::{Receiver, select, tick};
use rdkafka::error::KafkaResult;
use rdkafka::{Message as _, Offset};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::{Instant, SystemTime, UNIX_EPOCH};

/// What nodes have said: for each partition the announcement with the highest epoch, as long as it is repeated.
pub struct Hints {
    /// By partition; `None` where nobody has said anything.
    by_partition: RwLock<Vec<Option<Hint>>>,
}

struct Hint {
    said: NodeAnnouncement,
    /// When it was heard last.
    heard: Instant,
}

impl Hints {
    /// Nothing is known of any of this many partitions.
    pub fn new(partitions: i32) -> Self {
        let none = (0..partitions).map(|_| None).collect();
        Self {
            by_partition: RwLock::new(none),
        }
    }

    /// Takes an announcement heard at `now`, if no higher epoch has been heard of for a while: anybody may write to the
    /// topic, and one wrong record must not lead calls astray for ever. `false` if there is no such partition.
    pub fn learn(&self, announcement: NodeAnnouncement, now: Instant) -> bool {
        let mut known = self
            .by_partition
            .write()
            .unwrap_or_else(PoisonError::into_inner);
        let place = usize::try_from(announcement.partition).ok();
        let Some(hint) = place.and_then(|place| known.get_mut(place)) else {
            return false;
        };
        let stands =
            |k: &Hint| k.said.epoch > announcement.epoch && now < k.heard + ANNOUNCEMENT_HOLDS;
        if !hint.as_ref().is_some_and(stands) {
            *hint = Some(Hint {
                said: announcement,
                heard: now,
            });
        }
        true
    }

    /// The owner's URL, as far as anybody has said.
    pub fn url(&self, partition: i32) -> Option<Arc<str>> {
        self.by_partition
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .get(usize::try_from(partition).ok()?)?
            .as_ref()
            .map(|hint| hint.said.url.clone())
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
    counters: Arc<Counters>,
}

impl Nodes {
    pub fn new(
        config: &Config,
        nudges: Receiver<Nudge>,
        effects: Sender,
        status: SharedStatus,
        hints: Arc<Hints>,
        counters: Arc<Counters>,
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
            counters,
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
            self.hints.learn(announcement, Instant::now());
        }
    }

    fn learn(&self) {
        while let Some(message) = self.tail.next() {
            let said = serde_json::from_slice(message.payload().unwrap_or_default());
            let learnt = said.map(|announcement| self.hints.learn(announcement, Instant::now()));
            let reason = match learnt {
                Ok(true) => continue,
                Ok(false) => "it names a partition that there is not".to_owned(),
                Err(e) => e.to_string(),
            };
            add(&self.counters.unusable, 1);
            tracing::warn!(
                topic = &*self.topic,
                nodes.offset = message.offset(),
                reason,
                "an announcement can't be used and is passed over"
            );
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
        let (hints, now) = (Hints::new(2), Instant::now());
        assert!(hints.learn(said(0, 7, "http://b"), now));
        assert!(hints.learn(said(0, 3, "http://a"), now));
        assert_eq!(hints.url(0).as_deref(), Some("http://b"));
        hints.learn(said(0, 9, "http://a"), now);
        assert_eq!(hints.url(0).as_deref(), Some("http://a"));
        assert_eq!(hints.url(1), None);
    }

    #[test]
    fn an_epoch_that_nobody_repeats_is_forgotten() {
        let (hints, now) = (Hints::new(1), Instant::now());
        hints.learn(said(0, i64::MAX, "http://nobody"), now);
        hints.learn(said(0, 7, "http://owner"), now + ANNOUNCEMENT_HOLDS / 2);
        assert_eq!(hints.url(0).as_deref(), Some("http://nobody"));
        hints.learn(said(0, 7, "http://owner"), now + ANNOUNCEMENT_HOLDS);
        assert_eq!(hints.url(0).as_deref(), Some("http://owner"));
    }

    #[test]
    fn a_partition_that_there_is_not_is_refused() {
        let (hints, now) = (Hints::new(2), Instant::now());
        for partition in [-1, 2, i32::MAX] {
            assert!(!hints.learn(said(partition, 1, "http://a"), now));
            assert_eq!(hints.url(partition), None);
        }
    }
}
