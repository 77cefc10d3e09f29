//! All topics of one data directory: the log's public door.

use super::{
    Appended, ConfigEntry, LogError, OffsetAndTime, OpenError, Read, TopicInfo, Written,
    config::{self, TopicConfig},
    disk::Disk,
    flusher::{Flushers, Queue},
    limits::{FLUSHERS, PARTITIONS_MAX, PARTITIONS_PER_TOPIC_MAX},
    partition::Partition,
    server_state::{self, ProducerIds},
    topic::{self, Ground, Saved, Topic},
};
use bytes::Bytes;
use std::{
    collections::BTreeMap,
    fs::{self, File, TryLockError},
    path::{Path, PathBuf},
    sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock, RwLockReadGuard},
    time::{SystemTime, UNIX_EPOCH},
};
use tokio::sync::watch;
use uuid::Uuid;

/// How a data directory is run.
#[derive(Debug, Clone, Copy)]
pub struct Settings {
    /// Sync to the disk before anything is acknowledged or read. Without it a crash of the process loses nothing, one
    /// of the machine loses what the kernel had not written.
    pub fsync: bool,
}

impl Default for Settings {
    fn default() -> Self {
        Settings { fsync: true }
    }
}

/// All topics of one data directory. Shared by `Arc`; every method can be called from any thread.
pub struct Logs {
    dir: PathBuf,
    ground: Ground,
    topics: RwLock<BTreeMap<String, Arc<Topic>>>,
    /// Held by whoever makes, changes or deletes a topic.
    changing: Mutex<()>,
    /// Held by housekeeping.
    maintaining: Mutex<()>,
    state: Arc<Partition>,
    state_config: TopicConfig,
    producer_ids: ProducerIds,
    _flushers: Flushers,
    _lock: Lock,
}

impl Logs {
    /// Opens a directory, made if absent: takes its lock, checks what the last run left, cuts off a torn tail.
    pub fn open(dir: &Path, settings: Settings) -> Result<Arc<Logs>, OpenError> {
        let topics_dir = dir.join("topics");
        fs::create_dir_all(&topics_dir).map_err(OpenError::io(&topics_dir))?;
        let lock = lock(dir)?;
        for leftover in ["making", "deleted"] {
            empty(&dir.join(leftover))?;
        }
        let ground = Ground {
            disk: Arc::new(Disk::new(settings.fsync)),
            queue: Arc::new(Queue::default()),
        };
        let now_ms = now_ms();
        let mut topics = BTreeMap::new();
        for entry in fs::read_dir(&topics_dir).map_err(OpenError::io(&topics_dir))? {
            let path = entry.map_err(OpenError::io(&topics_dir))?.path();
            let name = path
                .file_name()
                .and_then(|name| name.to_str())
                .filter(|name| topic::is_valid_name(name));
            let Some(name) = name.map(str::to_owned) else {
                return Err(OpenError::Damaged {
                    path,
                    what: "it is no topic".to_owned(),
                });
            };
            topics.insert(
                name.clone(),
                Arc::new(Topic::open(path, &name, ground.clone(), now_ms)?),
            );
        }
        let state_dir = dir.join("state");
        let (disk, queue) = (Arc::clone(&ground.disk), Arc::clone(&ground.queue));
        let state = Partition::open(state_dir.clone(), "state".to_owned(), disk, queue, now_ms)
            .map_err(OpenError::io(state_dir))?;
        ground.disk.sync_dir(dir).map_err(OpenError::io(dir))?;
        Ok(Arc::new(Logs {
            dir: dir.to_owned(),
            topics: RwLock::new(topics),
            changing: Mutex::new(()),
            maintaining: Mutex::new(()),
            state,
            state_config: server_state::config(),
            producer_ids: ProducerIds::open(Arc::clone(&ground.disk), dir)?,
            _flushers: Flushers::start(Arc::clone(&ground.queue), FLUSHERS)
                .map_err(OpenError::io(dir))?,
            ground,
            _lock: lock,
        }))
    }

    /// Syncs everything and marks it as sound, so that the next start reads nothing. Later appends are refused.
    pub fn close(&self) {
        let _turn = turn(&self.maintaining);
        for topic in self.all() {
            topic
                .partitions()
                .0
                .iter()
                .for_each(|partition| partition.close());
        }
        self.state.close();
    }

    /// Makes a topic. `config` has Kafka's names.
    pub fn create_topic(
        &self,
        name: &str,
        partitions: u32,
        config: &BTreeMap<String, String>,
    ) -> Result<TopicInfo, LogError> {
        let _turn = turn(&self.changing);
        self.check_topic(name, partitions, config)?;
        let failed =
            |error: std::io::Error| LogError::io(format_args!("make topic {name}"), &error);
        let saved = Saved {
            id: Uuid::new_v4(),
            partitions,
            config: config.clone(),
        };
        let disk = &self.ground.disk;
        // Made aside and put in place as a whole, so that after a crash it is there or not.
        let (aside, place) = (
            self.dir.join("making").join(saved.id.to_string()),
            self.topic_dir(name),
        );
        fs::create_dir_all(&aside).map_err(failed)?;
        saved.write(disk, &aside).map_err(failed)?;
        fs::rename(&aside, &place)
            .and_then(|()| disk.sync_dir(&self.dir.join("topics")))
            .map_err(failed)?;
        let topic = match Topic::open(place, name, self.ground.clone(), now_ms()) {
            Ok(topic) => topic,
            Err(error) => {
                // A full disk, most likely; a topic that could not be opened must not be found at the next start.
                self.discard(name, &saved.id).map_err(failed)?;
                return Err(match error {
                    OpenError::Io { path, source } => LogError::io(path.display(), &source),
                    other => LogError::Io(other.to_string().into()),
                });
            }
        };
        let info = topic.info();
        self.topics
            .write()
            .unwrap_or_else(PoisonError::into_inner)
            .insert(name.to_owned(), Arc::new(topic));
        Ok(info)
    }

    /// Checks what `create_topic` would check, and makes nothing (`validateOnly`).
    pub fn check_topic(
        &self,
        name: &str,
        partitions: u32,
        config: &BTreeMap<String, String>,
    ) -> Result<(), LogError> {
        if !topic::is_valid_name(name) {
            return Err(LogError::InvalidTopic(name.to_owned()));
        }
        if self.table().contains_key(name) {
            return Err(LogError::TopicExists(name.to_owned()));
        }
        self.check_partitions(partitions, partitions)?;
        TopicConfig::parse(config).map(|_| ())
    }

    /// Deletes a topic with all that is in it.
    pub fn delete_topic(&self, name: &str) -> Result<(), LogError> {
        let _turn = turn(&self.changing);
        let topic = self.find(name)?;
        let failed =
            |error: std::io::Error| LogError::io(format_args!("delete topic {name}"), &error);
        // Whoever reads or waits is told before the name can be used again.
        self.topics
            .write()
            .unwrap_or_else(PoisonError::into_inner)
            .remove(name);
        topic
            .partitions()
            .0
            .iter()
            .for_each(|partition| partition.refuse(LogError::UnknownTopicOrPartition));
        self.discard(name, &topic.info().id).map_err(failed)
    }

    /// Raises the number of partitions to `total`; `check_only` changes nothing.
    pub fn add_partitions(&self, name: &str, total: u32, check_only: bool) -> Result<(), LogError> {
        let _turn = turn(&self.changing);
        let topic = self.find(name)?;
        let before = topic.info().partitions;
        if total <= before {
            return Err(LogError::InvalidPartitions(format!(
                "the topic has {before} partitions; their number can only grow"
            )));
        }
        self.check_partitions(total, total - before)?;
        if check_only {
            Ok(())
        } else {
            topic.grow(total, now_ms())
        }
    }

    /// One topic.
    pub fn topic(&self, name: &str) -> Option<TopicInfo> {
        self.table().get(name).map(|topic| topic.info())
    }

    /// All topics by name.
    pub fn topics(&self) -> Vec<TopicInfo> {
        self.table().values().map(|topic| topic.info()).collect()
    }

    /// All settings of a topic, with defaults.
    pub fn config(&self, name: &str) -> Result<Vec<ConfigEntry>, LogError> {
        Ok(config::describe(&self.find(name)?.config_set()))
    }

    /// Sets (`Some`) or unsets (`None`) settings of a topic, all or none; `check_only` changes nothing.
    pub fn alter_config(
        &self,
        name: &str,
        changes: &BTreeMap<String, Option<String>>,
        check_only: bool,
    ) -> Result<(), LogError> {
        let _turn = turn(&self.changing);
        let topic = self.find(name)?;
        let mut config = topic.config_set();
        for (setting, value) in changes {
            match value {
                Some(value) => config.insert(setting.clone(), value.clone()),
                None => config.remove(setting),
            };
        }
        if check_only {
            TopicConfig::parse(&config).map(|_| ())
        } else {
            topic.set_config(config)
        }
    }

    /// Writes batches and gives them offsets, at once and in the order of the calls; await [`Written::durable`] before
    /// answering. So a connection's next request can be written while the last one is synced. A batch that an
    /// idempotent producer repeats is answered as the first time.
    pub fn write(&self, topic: &str, partition: i32, batches: Bytes) -> Result<Written, LogError> {
        let (partition, config) = self.find(topic)?.partition(partition)?;
        partition.write(batches, &config, now_ms())
    }

    /// [`Logs::write`] and [`Written::durable`] in one.
    pub async fn append(
        &self,
        topic: &str,
        partition: i32,
        batches: Bytes,
    ) -> Result<Appended, LogError> {
        self.write(topic, partition, batches)?.durable().await
    }

    /// Whole batches from the one that has `offset`, at most `max_bytes` but at least one, never what isn't durable.
    pub fn read(
        &self,
        topic: &str,
        partition: i32,
        offset: i64,
        max_bytes: usize,
    ) -> Result<Read, LogError> {
        self.partition(topic, partition)?.read(offset, max_bytes)
    }

    /// Offset after the last durable record: the high watermark.
    pub fn end_offset(&self, topic: &str, partition: i32) -> Result<i64, LogError> {
        self.partition(topic, partition)?.end()
    }

    /// First offset kept.
    pub fn start_offset(&self, topic: &str, partition: i32) -> Result<i64, LogError> {
        self.partition(topic, partition)?.start()
    }

    /// First record whose timestamp is `timestamp` (Unix ms) or later.
    pub fn offset_for_time(
        &self,
        topic: &str,
        partition: i32,
        timestamp: i64,
    ) -> Result<Option<OffsetAndTime>, LogError> {
        self.partition(topic, partition)?.offset_of_time(timestamp)
    }

    /// The record with the highest timestamp (KIP-734).
    pub fn offset_of_max_time(
        &self,
        topic: &str,
        partition: i32,
    ) -> Result<Option<OffsetAndTime>, LogError> {
        self.partition(topic, partition)?.offset_of_max_time()
    }

    /// Deletes the records before `before` (-1: all durable ones); answers the new first offset, durably.
    pub fn delete_records(
        &self,
        topic: &str,
        partition: i32,
        before: i64,
    ) -> Result<i64, LogError> {
        self.partition(topic, partition)?.delete_records(before)
    }

    /// `(epoch, end offset)` of a leader epoch, for OffsetForLeaderEpoch (KIP-320). There is one epoch, 0, for ever; of
    /// another nothing is known, which is (-1, -1).
    pub fn end_offset_for_epoch(
        &self,
        topic: &str,
        partition: i32,
        epoch: i32,
    ) -> Result<(i32, i64), LogError> {
        let end = self.end_offset(topic, partition)?;
        Ok(if epoch == 0 { (0, end) } else { (-1, -1) })
    }

    /// A producer id that was never given out, with epoch 0. Durable when it returns; now and then that takes a sync.
    pub fn new_producer_id(&self) -> Result<(i64, i16), LogError> {
        Ok((self.producer_ids.next()?, 0))
    }

    /// The high watermark as it moves. Closed when the topic is deleted or the partition failed: read again to see which.
    pub fn watch(&self, topic: &str, partition: i32) -> Result<watch::Receiver<i64>, LogError> {
        self.partition(topic, partition)?.watch()
    }

    /// Housekeeping: retention, segments by age, compaction, checkpoints. Blocks: call it every few seconds from a
    /// thread of its own. `now_ms` is Unix time.
    pub fn maintain(&self, now_ms: i64) {
        let _turn = turn(&self.maintaining);
        for topic in self.all() {
            let (partitions, config) = topic.partitions();
            partitions
                .iter()
                .for_each(|partition| partition.maintain(&config, now_ms));
        }
        self.state.maintain(&self.state_config, now_ms);
    }

    /// Durably sets (`Some`) or deletes (`None`) keys of the server's own, all or none. Calls that run at the same time
    /// take effect in the order in which they were first polled, which is that of the positions they answer.
    pub async fn state_put(&self, entries: Vec<(Bytes, Option<Bytes>)>) -> Result<i64, LogError> {
        if entries.is_empty() {
            return Ok(-1);
        }
        let now_ms = now_ms();
        let batch = server_state::encode(&entries, now_ms)?;
        self.state
            .write(batch, &self.state_config, now_ms)?
            .durable()
            .await
            .map(|appended| appended.base_offset)
    }

    /// All keys and values of the server's own. Reads the disk: for the start.
    pub fn state_all(&self) -> Result<BTreeMap<Bytes, Bytes>, LogError> {
        server_state::all(&self.state)
    }

    /// Bytes on disk of a partition, for DescribeLogDirs.
    pub fn size_bytes(&self, topic: &str, partition: i32) -> Result<u64, LogError> {
        self.partition(topic, partition)?.bytes()
    }

    /// The disk, whose faults tests choose.
    #[cfg(test)]
    pub(in crate::log) fn disk(&self) -> &Disk {
        &self.ground.disk
    }

    fn check_partitions(&self, total: u32, added: u32) -> Result<(), LogError> {
        if !(1..=PARTITIONS_PER_TOPIC_MAX).contains(&total) {
            return Err(LogError::InvalidPartitions(format!(
                "a topic has 1 to {PARTITIONS_PER_TOPIC_MAX} partitions, not {total}"
            )));
        }
        let all = self
            .table()
            .values()
            .map(|topic| topic.info().partitions as usize)
            .sum::<usize>();
        if all + added as usize > PARTITIONS_MAX {
            return Err(LogError::InvalidPartitions(format!(
                "{all} partitions are there; at most {PARTITIONS_MAX} are possible"
            )));
        }
        Ok(())
    }

    /// Takes a topic's directory out of the way, then removes it.
    fn discard(&self, name: &str, id: &Uuid) -> std::io::Result<()> {
        let deleted = self.dir.join("deleted");
        fs::create_dir_all(&deleted)?;
        let aside = deleted.join(id.to_string());
        fs::rename(self.topic_dir(name), &aside)?;
        self.ground.disk.sync_dir(&self.dir.join("topics"))?;
        if let Err(error) = fs::remove_dir_all(&aside) {
            tracing::warn!(
                topic = name,
                "files of a deleted topic stay until the next start: {error}"
            );
        }
        Ok(())
    }

    fn partition(&self, topic: &str, partition: i32) -> Result<Arc<Partition>, LogError> {
        self.find(topic)?
            .partition(partition)
            .map(|(partition, _)| partition)
    }

    fn find(&self, name: &str) -> Result<Arc<Topic>, LogError> {
        self.table()
            .get(name)
            .cloned()
            .ok_or(LogError::UnknownTopicOrPartition)
    }

    fn all(&self) -> Vec<Arc<Topic>> {
        self.table().values().cloned().collect()
    }

    fn table(&self) -> RwLockReadGuard<'_, BTreeMap<String, Arc<Topic>>> {
        self.topics.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn topic_dir(&self, name: &str) -> PathBuf {
        self.dir.join("topics").join(name)
    }
}

/// The directory's lock. The kernel gives it back when the process ends in whatever way; dropped, it is given back at
/// once, even if a process that is just being started still shares the file.
struct Lock(File);

impl Drop for Lock {
    fn drop(&mut self) {
        // It ends with the process at the latest.
        let _ = self.0.unlock();
    }
}

fn lock(dir: &Path) -> Result<Lock, OpenError> {
    let path = dir.join("lock");
    let file = File::options()
        .create(true)
        .truncate(false)
        .write(true)
        .open(&path)
        .map_err(OpenError::io(&path))?;
    match file.try_lock() {
        Ok(()) => Ok(Lock(file)),
        Err(TryLockError::WouldBlock) => Err(OpenError::Locked {
            dir: dir.to_owned(),
        }),
        Err(TryLockError::Error(error)) => Err(OpenError::io(path)(error)),
    }
}

/// Removes what a crash left of topics that were being made or deleted.
fn empty(dir: &Path) -> Result<(), OpenError> {
    match fs::remove_dir_all(dir) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            Err(OpenError::io(dir)(error))
        }
        _ => Ok(()),
    }
}

fn turn(mutex: &Mutex<()>) -> MutexGuard<'_, ()> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn now_ms() -> i64 {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .map_or(0, |since| since.as_millis() as i64)
}
