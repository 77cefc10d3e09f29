//! One topic: its id and settings, in a file of its own, and its partitions.

use super::{
    LogError, OpenError, TopicInfo,
    config::TopicConfig,
    disk::{self, Disk},
    flusher::Queue,
    limits::TOPIC_NAME_BYTES_MAX,
    partition::{Partition, replace_sealed, unsealed},
};
use serde::{Deserialize, Serialize};
use std::{
    collections::BTreeMap,
    io,
    path::{Path, PathBuf},
    sync::{Arc, PoisonError, RwLock, RwLockReadGuard},
};
use uuid::Uuid;

const FILE: &str = "topic.json";

/// What the topic's file says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Saved {
    /// The topic's id.
    pub id: Uuid,
    /// Number of partitions.
    pub partitions: u32,
    /// Settings that were set.
    pub config: BTreeMap<String, String>,
}

/// What all partitions stand on.
#[derive(Clone)]
pub struct Ground {
    /// The disk.
    pub disk: Arc<Disk>,
    /// The flushers' queue.
    pub queue: Arc<Queue>,
}

/// A topic in use.
pub struct Topic {
    name: String,
    dir: PathBuf,
    ground: Ground,
    now: RwLock<Now>,
}

struct Now {
    saved: Saved,
    config: Arc<TopicConfig>,
    partitions: Vec<Arc<Partition>>,
}

impl Saved {
    /// Writes the file into a topic's directory.
    pub fn write(&self, disk: &Disk, dir: &Path) -> io::Result<()> {
        let json = serde_json::to_vec(self).map_err(io::Error::other)?;
        replace_sealed(disk, &dir.join(FILE), &json)
    }
}

impl Topic {
    /// Opens a topic whose file is written.
    pub fn open(dir: PathBuf, name: &str, ground: Ground, now_ms: i64) -> Result<Self, OpenError> {
        let path = dir.join(FILE);
        let damaged = |what: &str| OpenError::Damaged {
            path: path.clone(),
            what: what.to_owned(),
        };
        let file = disk::read_small(&path)
            .map_err(OpenError::io(&path))?
            .ok_or_else(|| damaged("it is not there"))?;
        let json = unsealed(&file).ok_or_else(|| damaged("its checksum is wrong"))?;
        let saved: Saved =
            serde_json::from_slice(json).map_err(|error| damaged(&error.to_string()))?;
        let config =
            TopicConfig::parse(&saved.config).map_err(|error| damaged(&error.to_string()))?;
        let partitions = open_partitions(&dir, name, &ground, 0..saved.partitions, now_ms)
            .map_err(OpenError::io(&dir))?;
        let now = RwLock::new(Now {
            saved,
            config: Arc::new(config),
            partitions,
        });
        Ok(Topic {
            name: name.to_owned(),
            dir,
            ground,
            now,
        })
    }

    /// What is told of it.
    pub fn info(&self) -> TopicInfo {
        let now = self.read();
        TopicInfo {
            name: self.name.clone(),
            id: now.saved.id,
            partitions: now.saved.partitions,
        }
    }

    /// The settings that were set.
    pub fn config_set(&self) -> BTreeMap<String, String> {
        self.read().saved.config.clone()
    }

    /// One partition.
    pub fn partition(&self, number: i32) -> Result<(Arc<Partition>, Arc<TopicConfig>), LogError> {
        let now = self.read();
        let partition = usize::try_from(number)
            .ok()
            .and_then(|number| now.partitions.get(number));
        let partition = partition.ok_or(LogError::UnknownTopicOrPartition)?;
        Ok((Arc::clone(partition), Arc::clone(&now.config)))
    }

    /// All partitions in order.
    pub fn partitions(&self) -> (Vec<Arc<Partition>>, Arc<TopicConfig>) {
        let now = self.read();
        (now.partitions.clone(), Arc::clone(&now.config))
    }

    /// Has other settings from now on. Callers take turns.
    pub fn set_config(&self, config: BTreeMap<String, String>) -> Result<(), LogError> {
        let parsed = TopicConfig::parse(&config)?;
        let saved = Saved {
            config,
            ..self.read().saved.clone()
        };
        self.save(&saved)?;
        let mut now = self.now.write().unwrap_or_else(PoisonError::into_inner);
        now.saved = saved;
        now.config = Arc::new(parsed);
        Ok(())
    }

    /// Has `total` partitions from now on, which is more than it has. Callers take turns.
    pub fn grow(&self, total: u32, now_ms: i64) -> Result<(), LogError> {
        let before = self.read().saved.clone();
        let added = open_partitions(
            &self.dir,
            &self.name,
            &self.ground,
            before.partitions..total,
            now_ms,
        )
        .map_err(|error| LogError::io(format_args!("add partitions to {}", self.name), &error))?;
        let saved = Saved {
            partitions: total,
            ..before
        };
        self.save(&saved)?;
        let mut now = self.now.write().unwrap_or_else(PoisonError::into_inner);
        now.saved = saved;
        now.partitions.extend(added);
        Ok(())
    }

    fn save(&self, saved: &Saved) -> Result<(), LogError> {
        let written = saved.write(&self.ground.disk, &self.dir);
        written.map_err(|error| {
            LogError::io(format_args!("write the settings of {}", self.name), &error)
        })
    }

    fn read(&self) -> RwLockReadGuard<'_, Now> {
        self.now.read().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Whether a topic can have this name; Kafka's rule, which also makes it a safe name of a directory.
pub fn is_valid_name(name: &str) -> bool {
    let is_allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"._-".contains(&byte);
    (1..=TOPIC_NAME_BYTES_MAX).contains(&name.len())
        && name != "."
        && name != ".."
        && name.bytes().all(is_allowed)
}

fn open_partitions(
    dir: &Path,
    name: &str,
    ground: &Ground,
    numbers: std::ops::Range<u32>,
    now_ms: i64,
) -> io::Result<Vec<Arc<Partition>>> {
    let open = |number: u32| {
        let Ground { disk, queue } = ground.clone();
        Partition::open(
            dir.join(number.to_string()),
            format!("{name}-{number}"),
            disk,
            queue,
            now_ms,
        )
    };
    let partitions = numbers.map(open).collect::<io::Result<Vec<_>>>()?;
    ground.disk.sync_dir(dir)?;
    Ok(partitions)
}
