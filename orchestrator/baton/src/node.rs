//! What the API sees of this node: the engine's ports, answered by the running engine and the store.

use crate::figures;
use crate::telemetry::recorder::Recorder;
use baton_api::{Cluster, Figure, GroupState, QueueState, Queues, TakeAnswer, TakeError, Taken};
use baton_kafka::activities::{TakeRefused, TakenTask};
use baton_kafka::survey::{Group, Queue};
use baton_kafka::{Readiness, RuntimeHandle};
use baton_store::Store;
use std::sync::Arc;
use std::time::Duration;

/// This node.
pub struct Node {
    /// The running engine.
    pub engine: RuntimeHandle,
    /// The local store.
    pub store: Arc<Store>,
    /// What makes traces, if they are wanted.
    pub recorder: Option<Arc<Recorder>>,
}

impl Cluster for Node {
    fn partitions(&self) -> i32 {
        self.engine.partitions()
    }

    fn owns(&self, partition: i32) -> bool {
        self.engine.serves(partition)
    }

    fn owner_url(&self, partition: i32) -> Option<Arc<str>> {
        self.engine.node_url(partition)
    }

    fn not_ready(&self) -> Vec<String> {
        let mut reasons = reasons(&self.engine.readiness());
        if let Some(why) = self.store.ended() {
            reasons.push(format!("the local store writes no more: {why}"));
        }
        reasons
    }

    fn figures(&self) -> Vec<Figure> {
        let mut all = figures::engine(&self.engine.metrics());
        all.extend(figures::measured(&self.engine.measured()));
        all.extend(figures::ownership(&self.engine.readiness()));
        all.extend(figures::store(&self.store));
        all.extend(figures::traces(
            self.recorder.as_deref().map(Recorder::counters),
        ));
        all.extend(figures::process());
        all
    }
}

impl Queues for Node {
    fn ensure(&self, queues: Vec<Arc<str>>, answer: Box<dyn FnOnce(Result<(), String>) + Send>) {
        let engine = self.engine.clone();
        // Asking the broker blocks; the runtime's threads for that are bounded.
        tokio::task::spawn_blocking(move || {
            let queues: Vec<&str> = queues.iter().map(|queue| &**queue).collect();
            answer(engine.ensure_queues(&queues).map_err(|e| e.to_string()));
        });
    }

    fn survey(&self) -> Result<Vec<QueueState>, String> {
        let group = |group: Group| GroupState {
            name: group.name,
            lag: group.lag,
            done: group.done,
            members: group
                .members
                .into_iter()
                .map(|member| (member.client, member.host, member.partitions))
                .collect(),
        };
        let queue = |queue: Queue| QueueState {
            name: queue.name,
            topic: queue.topic,
            partitions: queue.partitions,
            end: queue.end,
            groups: queue.groups.into_iter().map(group).collect(),
        };
        let found = self.engine.survey().map_err(|e| e.to_string())?;
        Ok(found.into_iter().map(queue).collect())
    }

    fn take(&self, queue: Arc<str>, patience: Duration, answer: TakeAnswer) {
        let shown = |task: TakenTask| Taken {
            token: task.token,
            input: task.input,
        };
        let refused = |refused| match refused {
            TakeRefused::TooMany(max) => TakeError::TooMany(max),
            TakeRefused::Unavailable(why) => TakeError::Unavailable(why),
        };
        let answer = Box::new(move |taken: Result<Option<TakenTask>, TakeRefused>| {
            answer(taken.map(|task| task.map(shown)).map_err(refused))
        });
        self.engine.take_task(queue, patience, answer);
    }
}

/// Why the engine is not ready, in words; empty when it is.
fn reasons(readiness: &Readiness) -> Vec<String> {
    if readiness.ready {
        return Vec::new();
    }
    let mut reasons = Vec::new();
    for (partition, why) in &readiness.halted {
        reasons.push(format!("partition {partition} has halted: {why}"));
    }
    if !readiness.producers_usable {
        reasons.push("the producers do not reach Kafka".to_owned());
    }
    let is_served = |partition: &&i32| readiness.serving.contains(partition);
    let behind = readiness.assigned.iter().filter(|p| !is_served(p)).count();
    if behind > 0 {
        let all = readiness.assigned.len();
        reasons.push(format!(
            "{behind} of {all} assigned partitions are still being read"
        ));
    }
    if reasons.is_empty() {
        reasons.push(
            "the consumer group has not yet said which partitions are this node's".to_owned(),
        );
    }
    reasons
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_ready_says_why() {
        let mut readiness = Readiness {
            producers_usable: true,
            ..Readiness::default()
        };
        assert_eq!(reasons(&readiness).len(), 1);
        readiness.assigned = vec![0, 1];
        readiness.serving = vec![0];
        readiness.halted = vec![(1, "a gap".to_owned())];
        let said = [
            "partition 1 has halted: a gap",
            "1 of 2 assigned partitions are still being read",
        ];
        assert_eq!(reasons(&readiness), said);
        readiness.ready = true;
        assert_eq!(reasons(&readiness), Vec::<String>::new());
    }
}
