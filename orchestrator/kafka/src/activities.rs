//! Tasks taken off a queue for workers that have no Kafka: activities over HTTP.
//!
//! Owns: a consumer for each queue that somebody waits for, in the group `PREFIXactivity.QUEUE`, so that the nodes share
//! the queue's partitions. A task is handed out, then its position is committed: after a crash in between it is handed
//! out again (at least once). Must not: know tokens' meaning, or what became of a task.
//!
//! A consumer ends soon after nobody waits any more, so that its partitions go to nodes where somebody does.

use crate::client::Logged;
use crate::config::Config;
use crate::decode::owned;
use crate::limits::{ACTIVITY_IDLE, ACTIVITY_WAITING_MAX, POLL_EVERY, RETRY_EVERY};
use baton_schemas::{Command, Record};
use rdkafka::config::FromClientConfigAndContext;
use rdkafka::consumer::{BaseConsumer, CommitMode, Consumer};
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::{Message, Offset, TopicPartitionList};
use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// A task as it is handed out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TakenTask {
    /// Its token.
    pub token: Arc<str>,
    /// Its input, JSON text.
    pub input: String,
}

/// Why nobody may wait.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TakeRefused {
    /// As many as may.
    #[error("{0} wait already")]
    TooMany(usize),
    /// In words.
    #[error("{0}")]
    Unavailable(String),
}

/// Told of a task, or of none in time; says whether somebody still listens.
pub type TakeAnswer = Box<dyn FnOnce(Result<Option<TakenTask>, TakeRefused>) -> bool + Send>;

/// The queues that somebody waits for.
#[derive(Default)]
pub struct Activities {
    queues: Mutex<BTreeMap<Arc<str>, Queue>>,
}

/// Those who wait, first come first served.
#[derive(Default)]
struct Queue {
    waiting: VecDeque<Waiting>,
}

struct Waiting {
    until: Instant,
    answer: TakeAnswer,
}

impl Activities {
    /// Waits for the next task of `queue`, up to `patience`; `answer` is called exactly once, from another thread.
    pub fn take(
        self: &Arc<Self>,
        config: &Config,
        queue: Arc<str>,
        patience: Duration,
        answer: TakeAnswer,
    ) {
        let until = Instant::now() + patience;
        let mut queues = self.lock();
        if let Some(found) = queues.get_mut(&queue) {
            if found.waiting.len() < ACTIVITY_WAITING_MAX {
                found.waiting.push_back(Waiting { until, answer });
            } else {
                drop(queues);
                answer(Err(TakeRefused::TooMany(ACTIVITY_WAITING_MAX)));
            }
            return;
        }
        let reader = Reader {
            all: self.clone(),
            config: config.clone(),
            queue: queue.clone(),
            hand: VecDeque::new(),
        };
        let thread = std::thread::Builder::new().name("baton-activity".to_owned());
        if let Err(e) = thread.spawn(move || reader.run()) {
            drop(queues);
            answer(Err(TakeRefused::Unavailable(e.to_string())));
            return;
        }
        let waiting = VecDeque::from([Waiting { until, answer }]);
        queues.insert(queue, Queue { waiting });
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<Arc<str>, Queue>> {
        self.queues.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes out those whose time is over, and says how many still wait.
    fn expire(&self, queue: &str) -> usize {
        let now = Instant::now();
        let mut late = Vec::new();
        let mut queues = self.lock();
        let Some(found) = queues.get_mut(queue) else {
            return 0;
        };
        let (over, open): (VecDeque<_>, VecDeque<_>) = std::mem::take(&mut found.waiting)
            .into_iter()
            .partition(|waiting| waiting.until <= now);
        late.extend(over);
        found.waiting = open;
        let left = found.waiting.len();
        drop(queues);
        for waiting in late {
            (waiting.answer)(Ok(None));
        }
        left
    }

    /// Ends the queue if nobody waits; says whether it has ended.
    fn end(&self, queue: &str) -> bool {
        let mut queues = self.lock();
        let idle = queues.get(queue).is_none_or(|q| q.waiting.is_empty());
        if idle {
            queues.remove(queue);
        }
        idle
    }

    fn next(&self, queue: &str) -> Option<Waiting> {
        self.lock().get_mut(queue)?.waiting.pop_front()
    }
}

/// The thread of a queue.
struct Reader {
    all: Arc<Activities>,
    config: Config,
    queue: Arc<str>,
    /// Read, and not handed out yet: one, or some more if partitions came meanwhile.
    hand: VecDeque<Held>,
}

struct Held {
    task: TakenTask,
    partition: i32,
    offset: i64,
}

impl Reader {
    fn run(mut self) {
        loop {
            if let Err(error) = self.session() {
                tracing::warn!(queue.name = %self.queue, kafka.error = %error,
                    "an activity's tasks can't be read for now; it is tried again");
                std::thread::park_timeout(RETRY_EVERY);
            }
            self.hand.clear();
            self.all.expire(&self.queue);
            if self.all.end(&self.queue) {
                return;
            }
        }
    }

    /// Hands out tasks until nobody has waited for [`ACTIVITY_IDLE`].
    fn session(&mut self) -> Result<(), KafkaError> {
        let topic = self.config.topics().commands(&self.queue);
        let consumer: BaseConsumer<Logged> =
            BaseConsumer::from_config_and_context(&self.settings(), Logged("activity"))?;
        consumer.subscribe(&[&topic])?;
        let mut idle_since = Instant::now();
        while idle_since.elapsed() < ACTIVITY_IDLE {
            if self.all.expire(&self.queue) > 0 {
                idle_since = Instant::now();
            }
            let assigned = consumer.assignment()?;
            if self.hand.is_empty() {
                consumer.resume(&assigned)?;
            } else {
                // Nobody wants more now; polling goes on, since the group must be served.
                consumer.pause(&assigned)?;
            }
            if let Some(held) = self.read(&consumer, &topic)? {
                self.hand.push_back(held);
            }
            self.hand_out(&consumer, &topic)?;
        }
        Ok(())
    }

    fn settings(&self) -> rdkafka::ClientConfig {
        let mut settings = self
            .config
            .consumer("activity", "read_committed", "earliest");
        settings
            .set("group.id", format!("{}{}", self.config.prefix, self.queue))
            .set("partition.assignment.strategy", "cooperative-sticky")
            .set(
                "session.timeout.ms",
                self.config.session_timeout_ms.to_string(),
            )
            .set("topic.metadata.refresh.interval.ms", "5000")
            .set("enable.partition.eof", "false")
            .set("queued.min.messages", "1");
        settings
    }

    /// The next task that is there, waiting a moment for one. What is no command is passed over.
    fn read(
        &self,
        consumer: &BaseConsumer<Logged>,
        topic: &str,
    ) -> Result<Option<Held>, KafkaError> {
        match consumer.poll(POLL_EVERY) {
            None => Ok(None),
            Some(Ok(message)) => {
                let (partition, offset) = (message.partition(), message.offset());
                let record = owned(&message);
                if let Some(task) = task_of(&record) {
                    return Ok(Some(Held {
                        task,
                        partition,
                        offset,
                    }));
                }
                tracing::warn!(
                    kafka.topic = topic,
                    kafka.partition = partition,
                    kafka.offset = offset,
                    "not a command; an activity's worker can't be given it"
                );
                commit(consumer, topic, partition, offset);
                Ok(None)
            }
            Some(Err(error @ KafkaError::MessageConsumptionFatal(_))) => Err(error),
            Some(Err(KafkaError::MessageConsumption(
                RDKafkaErrorCode::UnknownTopicOrPartition,
            ))) => Ok(None),
            Some(Err(error)) => {
                tracing::debug!(queue.name = %self.queue, kafka.error = %error, "reading goes on");
                Ok(None)
            }
        }
    }

    /// Gives what is in the hand to the first who still listen.
    fn hand_out(&mut self, consumer: &BaseConsumer<Logged>, topic: &str) -> Result<(), KafkaError> {
        // What another node has by now goes with its partition.
        let assigned = consumer.assignment()?;
        self.hand
            .retain(|held| assigned.find_partition(topic, held.partition).is_some());
        while let Some(held) = self.hand.pop_front() {
            let Some(waiting) = self.all.next(&self.queue) else {
                self.hand.push_front(held);
                return Ok(());
            };
            if (waiting.answer)(Ok(Some(held.task.clone()))) {
                commit(consumer, topic, held.partition, held.offset);
            } else {
                self.hand.push_front(held);
            }
        }
        Ok(())
    }
}

/// Commits that the record at `offset` is done with. A failure means that it may be handed out again.
fn commit(consumer: &BaseConsumer<Logged>, topic: &str, partition: i32, offset: i64) {
    let mut next = TopicPartitionList::new();
    let added = next.add_partition_offset(topic, partition, Offset::Offset(offset + 1));
    if let Err(error) = added.and_then(|()| consumer.commit(&next, CommitMode::Sync)) {
        tracing::warn!(kafka.topic = topic, kafka.partition = partition, kafka.error = %error,
            "not committed; the task may be handed out again");
    }
}

fn task_of(record: &Record) -> Option<TakenTask> {
    let command = Command::from_view(record).ok()?;
    Some(TakenTask {
        token: command.token.as_str().into(),
        input: command.input.as_str().to_owned(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn waiting(until: Instant, told: &Arc<Mutex<Vec<bool>>>) -> Waiting {
        let told = told.clone();
        let answer = move |task: Result<Option<TakenTask>, TakeRefused>| {
            told.lock().expect("one thread").push(task == Ok(None));
            true
        };
        Waiting {
            until,
            answer: Box::new(answer),
        }
    }

    #[test]
    fn who_waited_long_enough_is_told_so_and_a_queue_ends_with_the_last() {
        let (all, told) = (Activities::default(), Arc::default());
        let now = Instant::now();
        let later = now + Duration::from_secs(60);
        let queue = Queue {
            waiting: VecDeque::from([waiting(now, &told), waiting(later, &told)]),
        };
        all.lock().insert("q".into(), queue);
        assert_eq!(all.expire("q"), 1);
        assert_eq!(*told.lock().expect("one thread"), [true]);
        assert!(!all.end("q"));
        assert!(all.next("q").is_some() && all.next("q").is_none());
        assert!(all.end("q") && all.lock().is_empty());
    }
}
