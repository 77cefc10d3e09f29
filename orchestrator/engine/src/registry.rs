//! The registry: definitions by compare-and-set over a log (R13). Sans-IO.
//!
//! Owns: the fold of the registry topic, and which of two writers won. A record counts only if the revision it is based
//! on is the current one of its ARN when it is read in offset order; its own offset is the revision it makes. Must not:
//! know where records come from, or let what a record says (an unknown body, a definition that this build can't compile)
//! decide who won: every build must agree on that, so the body is looked at only after the compare-and-set.

use crate::attributes::Attributes;
use crate::definitions::{Definition, Definitions};
use baton_schemas::registry::{RegistryBody, RegistryEntry, StateMachineEntry};
use serde::Deserialize;
use std::collections::BTreeMap;
use std::ops::Bound;
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard};

/// The ARN under which [`RegistryBody::Cluster`] is stored.
pub const CLUSTER_ARN: &str = "arn:aws:states:::baton:cluster";
/// The version of registry records that this build writes, and the newest that it reads.
pub const ENTRY_VERSION: u32 = 1;

/// The folded registry, shared by owners and API. Reads don't block writers for long.
#[derive(Default)]
pub struct Registry {
    state: RwLock<State>,
}

#[derive(Default)]
struct State {
    /// Revision that counts for each ARN in use.
    revisions: BTreeMap<Arc<str>, i64>,
    /// Current definition of each state machine.
    current: BTreeMap<Arc<str>, Arc<Definition>>,
    /// Every definition that ever counted, by revision.
    definitions: BTreeMap<u64, Arc<Definition>>,
    /// The offset at which each ARN in use was free before.
    born: BTreeMap<Arc<str>, i64>,
    /// What versions, aliases, activities, tags, saved views and jobs stand for, by ARN.
    held: BTreeMap<Arc<str>, Arc<Held>>,
    /// The highest version that each machine ever had since it was created.
    highest: BTreeMap<Arc<str>, u64>,
    partitions: Option<i32>,
}

/// What an ARN that is not a state machine's stands for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Held {
    /// The revision that a change must be based on.
    pub revision: i64,
    /// What was stored.
    pub body: RegistryBody,
}

/// What became of a record when it was read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Folded {
    /// It counts; the ARN's revision is now this record's offset.
    Accepted,
    /// It was based on a revision that is no longer current; nothing changed.
    Outdated {
        /// The revision that is current, if the ARN exists.
        current: Option<i64>,
    },
    /// It can't be read (also: a newer format version, a definition that this build can't compile). If it is clear at
    /// least which ARN it changes, it counts for the compare-and-set, and the ARN has no definition here until the next.
    Unreadable(String),
}

/// Why a write to the registry failed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RegistryError {
    /// Another writer was first; read again and decide anew.
    #[error("somebody else changed {arn} at the same time; its current revision is {current:?}")]
    Outdated {
        /// The ARN.
        arn: Arc<str>,
        /// Its current revision.
        current: Option<i64>,
    },
    /// The topic did not take it, or nothing was read back in time.
    #[error("the registry topic can't be written or read: {0}")]
    Unavailable(String),
}

/// How the API writes to the registry.
pub trait RegistryWriter: Send + Sync {
    /// Appends `entry` and calls `answer` once its own record has been read back: with the revision it made, or why not.
    fn put(&self, entry: RegistryEntry, answer: Box<dyn FnOnce(Result<i64, RegistryError>) + Send>);

    /// Calls `answer` when everything that was in the topic at this moment has been folded.
    fn read_to_end(&self, answer: Box<dyn FnOnce(Result<(), RegistryError>) + Send>);
}

impl Registry {
    /// Folds one record of the registry topic; records must come in offset order.
    pub fn fold(&self, offset: i64, value: &[u8]) -> Folded {
        let head = match serde_json::from_slice::<Head>(value) {
            Ok(head) => head,
            Err(e) => return Folded::Unreadable(format!("not a registry record: {e}")),
        };
        let body = read_body(offset, &head, value);
        let mut state = self.state.write().unwrap_or_else(PoisonError::into_inner);
        let current = state.revisions.get(&head.arn).copied();
        if head.based_on != current {
            return Folded::Outdated { current };
        }
        state.revisions.insert(head.arn.clone(), offset);
        if current.is_none() {
            state.born.insert(head.arn.clone(), offset);
        }
        state.current.remove(&head.arn);
        state.held.remove(&head.arn);
        match body {
            Ok(Body::Machine(definition)) => {
                state
                    .definitions
                    .insert(definition.revision, definition.clone());
                state.current.insert(head.arn, definition);
            }
            Ok(Body::Held(body)) => {
                if let RegistryBody::Version(version) = &body
                    && state.born.get(&version.machine) == Some(&version.of)
                {
                    let highest = state.highest.entry(version.machine.clone()).or_default();
                    *highest = version.number.max(*highest);
                }
                let revision = offset;
                state
                    .held
                    .insert(head.arn, Arc::new(Held { revision, body }));
            }
            Ok(Body::Deleted) => {
                state.revisions.remove(&head.arn);
                state.born.remove(&head.arn);
                state.highest.remove(&head.arn);
            }
            Ok(Body::Cluster { partitions }) => state.partitions = Some(partitions),
            Err(reason) => return Folded::Unreadable(format!("{}: {reason}", head.arn)),
        }
        Folded::Accepted
    }

    /// The number of partitions recorded for this cluster of topics, if any was.
    pub fn partitions(&self) -> Option<i32> {
        self.read().partitions
    }

    /// The revision that a change of `arn` must be based on; `None` if the ARN is free.
    pub fn revision_of(&self, arn: &str) -> Option<i64> {
        self.read().revisions.get(arn).copied()
    }

    /// All current state machines, by ARN.
    pub fn machines(&self) -> Vec<Arc<Definition>> {
        self.read().current.values().cloned().collect()
    }

    /// The offset that created what `arn` stands for; `None` if the ARN is free.
    pub fn born(&self, arn: &str) -> Option<i64> {
        self.read().born.get(arn).copied()
    }

    /// What a version, alias, activity, tags or saved view with this ARN stand for.
    pub fn held(&self, arn: &str) -> Option<Arc<Held>> {
        self.read().held.get(arn).cloned()
    }

    /// All of these whose ARN begins with `prefix`, in the order of their ARNs.
    pub fn held_under(&self, prefix: &str) -> Vec<(Arc<str>, Arc<Held>)> {
        let state = self.read();
        let from = state
            .held
            .range::<str, _>((Bound::Included(prefix), Bound::Unbounded));
        from.take_while(|(arn, _)| arn.starts_with(prefix))
            .map(|(arn, held)| (arn.clone(), held.clone()))
            .collect()
    }

    /// The highest number that a version of this machine ever had; 0 if it never had one.
    pub fn highest_version(&self, machine: &str) -> u64 {
        self.read().highest.get(machine).copied().unwrap_or(0)
    }

    fn read(&self) -> RwLockReadGuard<'_, State> {
        self.state.read().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Definitions for Registry {
    fn revision(&self, revision: u64) -> Option<Arc<Definition>> {
        self.read().definitions.get(&revision).cloned()
    }

    fn current(&self, machine: &str) -> Option<Arc<Definition>> {
        self.read().current.get(machine).cloned()
    }
}

/// The part of a record that decides who won; must stay readable in every version.
#[derive(Deserialize)]
struct Head {
    v: u32,
    arn: Arc<str>,
    based_on: Option<i64>,
}

/// What a record says, ready to be stored.
enum Body {
    Machine(Arc<Definition>),
    Held(RegistryBody),
    Deleted,
    Cluster { partitions: i32 },
}

/// Reads and compiles before the lock is taken: compiling may take a while.
fn read_body(offset: i64, head: &Head, value: &[u8]) -> Result<Body, String> {
    if head.v > ENTRY_VERSION {
        return Err(format!(
            "written as version {}; this build reads up to {ENTRY_VERSION}: upgrade baton",
            head.v
        ));
    }
    let entry: RegistryEntry = serde_json::from_slice(value).map_err(|e| e.to_string())?;
    Ok(match entry.body {
        RegistryBody::StateMachine(machine) => {
            Body::Machine(Arc::new(definition(offset, entry.arn, machine)?))
        }
        body @ (RegistryBody::Version(_)
        | RegistryBody::Alias(_)
        | RegistryBody::Activity(_)
        | RegistryBody::Tags(_)
        | RegistryBody::SavedView(_)
        | RegistryBody::Job(_)) => Body::Held(body),
        RegistryBody::Deleted => Body::Deleted,
        RegistryBody::Cluster { partitions } => Body::Cluster { partitions },
    })
}

fn definition(offset: i64, arn: Arc<str>, entry: StateMachineEntry) -> Result<Definition, String> {
    let revision = u64::try_from(offset).map_err(|_| format!("offset {offset} is no revision"))?;
    match baton_language::compile(&entry.definition) {
        Ok((program, _warnings)) => Ok(Definition {
            arn,
            revision,
            // Executions don't depend on them: a declaration that only another build knows costs the search, no more.
            attributes: Attributes::compile(&entry.search_attributes).unwrap_or_default(),
            entry,
            program: Arc::new(program),
        }),
        Err(findings) => {
            let first = findings
                .first()
                .map_or("no reason given", |finding| finding.message.as_str());
            Err(format!("this build can't compile the definition: {first}"))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use baton_schemas::registry::VersionEntry;

    const ARN: &str = "arn:aws:states:us-east-1:000000000000:stateMachine:m";

    fn record(arn: &str, based_on: Option<i64>, body: RegistryBody) -> Vec<u8> {
        let entry = RegistryEntry {
            v: 1,
            arn: arn.into(),
            based_on,
            attempt: "a".into(),
            time_ms: 0,
            body,
        };
        serde_json::to_vec(&entry).expect("entries serialise")
    }

    fn machine(state: &str) -> RegistryBody {
        RegistryBody::StateMachine(StateMachineEntry {
            name: "m".into(),
            definition: format!(
                r#"{{"StartAt":"{state}","States":{{"{state}":{{"Type":"Succeed"}}}}}}"#
            )
            .into(),
            role_arn: "arn:aws:iam::000000000000:role/r".into(),
            kind: "STANDARD".into(),
            created_ms: 0,
            settings: serde_json::Value::Null,
            search_attributes: Default::default(),
        })
    }

    #[test]
    fn the_first_of_two_writers_wins_and_every_reader_agrees() {
        let log = [
            record(ARN, None, machine("A")),
            record(ARN, None, machine("B")),
            record(ARN, Some(0), machine("C")),
            record(ARN, Some(0), machine("D")),
        ];
        for _reader in 0..2 {
            let registry = Registry::default();
            let folded: Vec<Folded> = (0..)
                .zip(&log)
                .map(|(offset, value)| registry.fold(offset, value))
                .collect();
            assert_eq!(
                folded,
                [
                    Folded::Accepted,
                    Folded::Outdated { current: Some(0) },
                    Folded::Accepted,
                    Folded::Outdated { current: Some(2) }
                ]
            );
            assert_eq!(registry.revision_of(ARN), Some(2));
            let current = registry.current(ARN).expect("it exists");
            assert_eq!(
                (current.revision, &*current.program.states[0].name),
                (2, "C")
            );
        }
    }

    #[test]
    fn old_revisions_stay_and_those_that_lost_never_were() {
        let registry = Registry::default();
        registry.fold(5, &record(ARN, None, machine("A")));
        registry.fold(6, &record(ARN, None, machine("B")));
        registry.fold(7, &record(ARN, Some(5), machine("C")));
        registry.fold(8, &record(ARN, Some(7), RegistryBody::Deleted));
        assert_eq!(
            &*registry.revision(5).expect("the first").program.states[0].name,
            "A"
        );
        assert!(registry.revision(6).is_none());
        assert_eq!(
            &*registry.revision(7).expect("the second").program.states[0].name,
            "C"
        );
        assert!(registry.current(ARN).is_none() && registry.machines().is_empty());
    }

    #[test]
    fn a_deleted_name_is_free_but_not_for_who_knew_it_before() {
        let registry = Registry::default();
        registry.fold(0, &record(ARN, None, machine("A")));
        assert_eq!(
            registry.fold(1, &record(ARN, Some(0), RegistryBody::Deleted)),
            Folded::Accepted
        );
        assert_eq!(
            registry.fold(2, &record(ARN, Some(0), machine("B"))),
            Folded::Outdated { current: None }
        );
        assert_eq!(
            registry.fold(3, &record(ARN, None, machine("C"))),
            Folded::Accepted
        );
        assert_eq!(registry.revision_of(ARN), Some(3));
    }

    fn version(of: i64, number: u64) -> RegistryBody {
        RegistryBody::Version(VersionEntry {
            machine: ARN.into(),
            of,
            number,
            revision: 0,
            description: "".into(),
            created_ms: 0,
        })
    }

    #[test]
    fn numbers_of_versions_are_remembered_until_the_machine_is_deleted() {
        let registry = Registry::default();
        let (first, second) = (format!("{ARN}:1"), format!("{ARN}:2"));
        registry.fold(0, &record(ARN, None, machine("A")));
        registry.fold(1, &record(&first, None, version(0, 1)));
        registry.fold(2, &record(&second, None, version(0, 2)));
        let found = registry.held_under(&format!("{ARN}:"));
        let arns: Vec<&str> = found.iter().map(|(arn, _)| &**arn).collect();
        assert_eq!(arns, [&first, &second]);
        assert_eq!(registry.held(&second).map(|held| held.revision), Some(2));
        registry.fold(3, &record(&second, Some(2), RegistryBody::Deleted));
        assert!(registry.held(&second).is_none());
        assert_eq!(
            (registry.born(ARN), registry.highest_version(ARN)),
            (Some(0), 2)
        );
        registry.fold(4, &record(ARN, Some(0), RegistryBody::Deleted));
        registry.fold(5, &record(ARN, None, machine("A")));
        registry.fold(6, &record(&second, None, version(0, 2)));
        let born = (registry.born(ARN), registry.highest_version(ARN));
        assert_eq!(
            born,
            (Some(5), 0),
            "a version of the machine that was deleted counts for nothing"
        );
    }

    #[test]
    fn what_cannot_be_read_still_decides_who_won() {
        let registry = Registry::default();
        let newer =
            format!(r#"{{"v":9,"arn":"{ARN}","based_on":null,"attempt":"x","body":{{"what":1}}}}"#);
        let Folded::Unreadable(reason) = registry.fold(0, newer.as_bytes()) else {
            panic!("a newer version")
        };
        assert!(
            reason.contains("version 9") && reason.contains("upgrade"),
            "{reason}"
        );
        assert_eq!(
            registry.fold(1, &record(ARN, None, machine("A"))),
            Folded::Outdated { current: Some(0) }
        );
        assert_eq!(
            registry.fold(2, &record(ARN, Some(0), machine("A"))),
            Folded::Accepted
        );
        assert!(matches!(registry.fold(3, b"{"), Folded::Unreadable(_)));
        assert_eq!(registry.revision_of(ARN), Some(2));
    }

    #[test]
    fn the_number_of_partitions_is_recorded_once() {
        let registry = Registry::default();
        assert_eq!(registry.partitions(), None);
        registry.fold(
            0,
            &record(CLUSTER_ARN, None, RegistryBody::Cluster { partitions: 4 }),
        );
        let second = registry.fold(
            1,
            &record(CLUSTER_ARN, None, RegistryBody::Cluster { partitions: 8 }),
        );
        assert_eq!(second, Folded::Outdated { current: Some(0) });
        assert_eq!(registry.partitions(), Some(4));
    }
}
