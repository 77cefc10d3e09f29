//! Making and checking topics against a broker.
//!
//! Owns: the admin client. Waits for a broker that is not there yet, and says so.

use super::check::{Facts, Finding, check};
use super::spec::{self, TopicSpec};
use crate::block_on::block_on;
use crate::client::{EMPTY_POLLS, Logged};
use crate::config::Config;
use crate::limits::{QUESTION_TIMEOUT, REQUEST_TIMEOUT};
use rdkafka::admin::{AdminClient, AdminOptions, NewTopic, ResourceSpecifier, TopicReplication};
use rdkafka::config::{FromClientConfigAndContext, RDKafkaLogLevel};
use rdkafka::consumer::BaseConsumer;
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// Why the topics can't be used.
#[derive(Debug, thiserror::Error)]
pub enum TopicError {
    /// They are not as they must be; all findings at once.
    #[error("{}", .0.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n"))]
    Unusable(Vec<Finding>),
    /// One is missing and may not be made.
    #[error(
        "topic {topic} is missing: kafka-topics.sh --create --topic {topic} --partitions {partitions}{settings}"
    )]
    Missing {
        /// Its name.
        topic: String,
        /// Partitions that it needs.
        partitions: i32,
        /// Its settings, as further arguments of that command.
        settings: String,
    },
    /// The broker did not make one.
    #[error(
        "topic {topic} can't be made: {reason}; make it by hand, or allow this node to (ACL: Create on the prefix)"
    )]
    NotMade {
        /// Its name.
        topic: String,
        /// What the broker says.
        reason: String,
    },
    /// The name is not one of a topic.
    #[error(transparent)]
    Name(#[from] baton_schemas::topics::TopicNameError),
    /// The broker does not answer.
    #[error("the broker's answer about topics is missing: {0}")]
    Kafka(#[from] KafkaError),
}

/// The admin client.
pub struct Admin {
    client: AdminClient<Logged>,
    config: Config,
    /// Queues known to have a topic.
    queues: Mutex<BTreeSet<String>>,
}

/// How often the log says that the broker is not there.
const COMPLAIN_EVERY: Duration = Duration::from_secs(5);

impl Admin {
    /// An admin client.
    ///
    /// # Errors
    /// When a setting is not one that librdkafka takes.
    pub fn new(config: &Config) -> Result<Self, KafkaError> {
        let settings = config.with_users(config.client("admin"), false);
        let client = AdminClient::from_config_and_context(&settings, Logged("admin"))?;
        Ok(Self {
            client,
            config: config.clone(),
            queues: Mutex::default(),
        })
    }

    /// The client itself.
    pub(crate) fn client(&self) -> &AdminClient<Logged> {
        &self.client
    }

    /// Waits until a broker answers; returns whether one did before `stop` said to give up.
    pub fn wait_for_broker(&self, stop: &dyn Fn() -> bool) -> bool {
        let mut complain = Instant::now() + Duration::from_secs(1);
        let mut reason = String::new();
        // An admin client keeps to itself why it gets no connection; a consumer tells.
        let mut settings = self.config.consumer("start", "read_uncommitted", "latest");
        settings.set_log_level(RDKafkaLogLevel::Emerg);
        let asking: Option<BaseConsumer<Logged>> =
            settings.create_with_context(Logged("start")).ok();
        loop {
            match self
                .client
                .inner()
                .fetch_metadata(None, Duration::from_secs(1))
            {
                Ok(metadata) if !metadata.brokers().is_empty() => return true,
                _ if stop() => return false,
                _ => {}
            }
            if let Some(told) = asking.as_ref().and_then(why_not) {
                reason = told;
            }
            if Instant::now() >= complain {
                tracing::warn!(
                    kafka.brokers = self.config.brokers,
                    kafka.error = reason,
                    "no broker answers yet; waiting"
                );
                complain = Instant::now() + COMPLAIN_EVERY;
            }
            // A refused connection fails at once: don't spin.
            std::thread::park_timeout(Duration::from_millis(200));
        }
    }

    /// The first offset of a partition and the next one to be written (or, behind an open transaction, to be readable).
    ///
    /// Asked on this connection, because on a consumer's own the broker would answer only after the fetch that waits there.
    pub(crate) fn offsets(&self, topic: &str, partition: i32) -> Result<(i64, i64), KafkaError> {
        self.offsets_within(topic, partition, REQUEST_TIMEOUT)
    }

    /// The same, with a time of its own.
    pub(crate) fn offsets_within(
        &self,
        topic: &str,
        partition: i32,
        timeout: Duration,
    ) -> Result<(i64, i64), KafkaError> {
        self.client
            .inner()
            .fetch_watermarks(topic, partition, timeout)
    }

    /// Whether a broker answers a question about this topic soon, whatever the answer.
    pub(crate) fn answers(&self, topic: &str) -> bool {
        self.client
            .inner()
            .fetch_metadata(Some(topic), QUESTION_TIMEOUT)
            .is_ok()
    }

    /// Whether a partition has a leader now, as a broker says at once; an error if not.
    pub(crate) fn check_led(&self, topic: &str, partition: i32) -> Result<(), KafkaError> {
        let metadata = self
            .client
            .inner()
            .fetch_metadata(Some(topic), QUESTION_TIMEOUT)?;
        let mut partitions = metadata.topics().iter().flat_map(|t| t.partitions());
        let led = partitions.any(|p| p.id() == partition && p.leader() >= 0);
        led.then_some(()).ok_or(KafkaError::MetadataFetch(
            RDKafkaErrorCode::LeaderNotAvailable,
        ))
    }

    /// How many partitions a topic has; `None` if there is no such topic.
    ///
    /// # Errors
    /// When the broker does not answer.
    pub fn partitions(&self, topic: &str) -> Result<Option<i32>, TopicError> {
        Ok(self.facts(topic)?.map(|facts| facts.partitions))
    }

    /// Makes what is missing and checks the rest.
    ///
    /// # Errors
    /// Everything that is wrong.
    pub fn ensure(&self, specs: &[TopicSpec]) -> Result<(), TopicError> {
        let mut findings = Vec::new();
        for spec in specs {
            match self.facts(&spec.name)? {
                None => self.make(spec)?,
                Some(mut facts) => {
                    facts.settings = self.settings(&spec.name)?;
                    findings.extend(check(spec, &facts));
                }
            }
        }
        if findings.is_empty() {
            Ok(())
        } else {
            Err(TopicError::Unusable(findings))
        }
    }

    /// Makes the topics of these task queues, where they are missing.
    ///
    /// # Errors
    /// The first that can't be made.
    pub fn ensure_queues(&self, queues: &[&str]) -> Result<(), TopicError> {
        for queue in queues {
            let name = self.config.topics().commands_checked(queue)?;
            let known = |admin: &Self| {
                admin
                    .queues
                    .lock()
                    .unwrap_or_else(PoisonError::into_inner)
                    .contains(&name)
            };
            if known(self) {
                continue;
            }
            if self.facts(&name)?.is_none() {
                self.make(&spec::queue(&self.config, queue))?;
            }
            self.queues
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .insert(name);
        }
        Ok(())
    }

    fn make(&self, spec: &TopicSpec) -> Result<(), TopicError> {
        let settings: Vec<(&str, String)> = spec
            .settings
            .iter()
            .map(|(name, rule)| (*name, rule.value()))
            .collect();
        if !self.config.create_topics {
            let settings = settings
                .iter()
                .map(|(name, value)| format!(" --config {name}={value}"))
                .collect();
            return Err(TopicError::Missing {
                topic: spec.name.clone(),
                partitions: spec.partitions,
                settings,
            });
        }
        let replication = TopicReplication::Fixed(self.config.replication);
        let topic = NewTopic::new(&spec.name, spec.partitions, replication);
        let topic = settings
            .iter()
            .fold(topic, |topic, (name, value)| topic.set(name, value));
        let options = AdminOptions::new().operation_timeout(Some(REQUEST_TIMEOUT));
        match block_on(self.client.create_topics([&topic], &options))?.pop() {
            Some(Err((name, code))) if code != RDKafkaErrorCode::TopicAlreadyExists => {
                Err(TopicError::NotMade {
                    topic: name,
                    reason: code.to_string(),
                })
            }
            _ => {
                tracing::info!(
                    kafka.topic = spec.name,
                    partitions = spec.partitions,
                    "topic made"
                );
                self.wait_until_known(&spec.name)
            }
        }
    }

    /// A new topic takes a moment until every broker knows it.
    fn wait_until_known(&self, topic: &str) -> Result<(), TopicError> {
        let give_up = Instant::now() + REQUEST_TIMEOUT;
        loop {
            if self.facts(topic)?.is_some() {
                return Ok(());
            }
            if Instant::now() >= give_up {
                let reason = "the broker made it, but does not know it".to_owned();
                return Err(TopicError::NotMade {
                    topic: topic.to_owned(),
                    reason,
                });
            }
            std::thread::park_timeout(Duration::from_millis(20));
        }
    }

    fn facts(&self, topic: &str) -> Result<Option<Facts>, TopicError> {
        let metadata = self
            .client
            .inner()
            .fetch_metadata(Some(topic), REQUEST_TIMEOUT)?;
        let Some(found) = metadata.topics().iter().find(|t| t.name() == topic) else {
            return Ok(None);
        };
        if found.error().is_some() || found.partitions().is_empty() {
            return Ok(None);
        }
        let partitions = found.partitions().len() as i32;
        let replicas = found.partitions()[0].replicas().len();
        let led = found.partitions().iter().all(|p| p.leader() >= 0);
        Ok(led.then(|| Facts {
            partitions,
            replicas,
            settings: BTreeMap::new(),
        }))
    }

    fn settings(&self, topic: &str) -> Result<BTreeMap<String, String>, TopicError> {
        let options = AdminOptions::new().request_timeout(Some(REQUEST_TIMEOUT));
        let described = block_on(
            self.client
                .describe_configs([&ResourceSpecifier::Topic(topic)], &options),
        )?;
        match described.into_iter().next() {
            Some(Ok(resource)) => Ok(resource
                .entries
                .into_iter()
                .filter_map(|e| e.value.map(|value| (e.name, value)))
                .collect()),
            // Without the right to see settings, they can't be checked.
            Some(Err(code)) => {
                tracing::warn!(kafka.topic = topic, kafka.error = %code, "the topic's settings can't be checked");
                Ok(BTreeMap::new())
            }
            None => Ok(BTreeMap::new()),
        }
    }
}

/// What a client that gets no connection says of it: more than "all brokers are down".
fn why_not(asking: &BaseConsumer<Logged>) -> Option<String> {
    let mut told = (0..EMPTY_POLLS).filter_map(|_| asking.poll(Duration::ZERO)?.err());
    told.find(|e| e.rdkafka_error_code() != Some(RDKafkaErrorCode::AllBrokersDown))
        .map(|e| e.to_string())
}
