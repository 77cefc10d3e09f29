//! A node whose owners, views, registry and cluster are fakes, served on a loopback port.

use baton_api::{AccessKeys, App, Cluster, Parts, Queues, Settings, TakeAnswer, Taken, Watches};
use baton_engine::call::{Call, CallError, Finished, Reply};
use baton_engine::registry::{Folded, Registry, RegistryError, RegistryWriter};
use baton_engine::search::Findable;
use baton_engine::views::{ListPage, ListQuery, Redrives, Summary};
use baton_engine::{Calls, Views};
use baton_machine::Status;
use baton_schemas::Payload;
use baton_schemas::history::{
    Cause, Event, EventKind, HistoryRecord, Started, StateType, Transition,
};
use baton_schemas::partition::partition_of;
use baton_schemas::registry::RegistryEntry;
use bytes::Bytes;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

pub const PARTITIONS: i32 = 4;
pub const ROLE: &str = "arn:aws:iam::000000000000:role/any";
pub const STARTED_MS: i64 = 1_700_000_000_250;

type Answering = dyn Fn(&Call) -> Result<Reply, CallError> + Send + Sync;

/// Owners that remember what they were asked and answer as they are told.
pub struct FakeCalls {
    pub asked: Mutex<Vec<(i32, Call)>>,
    answer: Mutex<Box<Answering>>,
}

impl FakeCalls {
    pub fn answer_with(
        &self,
        answer: impl Fn(&Call) -> Result<Reply, CallError> + Send + Sync + 'static,
    ) {
        *self.answer.lock().unwrap() = Box::new(answer);
    }
}

impl Calls for FakeCalls {
    fn call(
        &self,
        partition: i32,
        call: Call,
        answer: Box<dyn FnOnce(Result<Reply, CallError>) + Send>,
    ) {
        let reply = self.answer.lock().unwrap()(&call);
        self.asked.lock().unwrap().push((partition, call));
        answer(reply);
    }
}

/// A registry topic: a list, folded at once. Shared by the nodes of a test.
#[derive(Default)]
pub struct FakeLog {
    pub registry: Arc<Registry>,
    next: Mutex<i64>,
    /// Entries that another writer gets in just before the next write.
    pub intruders: Mutex<Vec<RegistryEntry>>,
}

impl FakeLog {
    fn append(&self, entry: &RegistryEntry) -> Result<i64, RegistryError> {
        let mut next = self.next.lock().unwrap();
        let offset = *next;
        *next += 1;
        match self
            .registry
            .fold(offset, &serde_json::to_vec(entry).unwrap())
        {
            Folded::Accepted => Ok(offset),
            Folded::Outdated { current } => Err(RegistryError::Outdated {
                arn: entry.arn.clone(),
                current,
            }),
            Folded::Unreadable(why) => panic!("{why}"),
        }
    }
}

impl RegistryWriter for FakeLog {
    fn put(
        &self,
        entry: RegistryEntry,
        answer: Box<dyn FnOnce(Result<i64, RegistryError>) + Send>,
    ) {
        for intruder in self.intruders.lock().unwrap().drain(..) {
            self.append(&intruder).unwrap();
        }
        answer(self.append(&entry));
    }

    fn read_to_end(&self, answer: Box<dyn FnOnce(Result<(), RegistryError>) + Send>) {
        answer(Ok(()));
    }
}

/// An execution's summary and history records.
type Kept = (Summary, Vec<Bytes>);

/// Views that hold what a test puts there.
#[derive(Default)]
pub struct FakeViews {
    pub executions: Mutex<BTreeMap<Arc<str>, Kept>>,
}

impl Views for FakeViews {
    fn describe(&self, execution: &str) -> Option<Summary> {
        let executions = self.executions.lock().unwrap();
        executions
            .get(execution)
            .map(|(summary, _)| summary.clone())
    }

    fn history(&self, execution: &str) -> Option<Vec<Bytes>> {
        let executions = self.executions.lock().unwrap();
        executions
            .get(execution)
            .map(|(_, records)| records.clone())
    }

    fn list(&self, query: &ListQuery) -> ListPage {
        let executions = self.executions.lock().unwrap();
        let mut found: Vec<Summary> = executions.values().map(|(s, _)| s.clone()).collect();
        let key = |start_ms: i64, arn: &Arc<str>| (std::cmp::Reverse(start_ms), arn.clone());
        found.sort_by_key(|s| key(s.start_ms, &s.execution));
        found.retain(|s| query.machine.as_ref().is_none_or(|m| *m == s.machine));
        found.retain(|s| {
            let name = s.execution.rsplit(':').next().unwrap();
            let prefix = query.name_prefix.as_ref();
            prefix.is_none_or(|prefix| name.starts_with(&**prefix))
        });
        found.retain(|s| s.findable.meets(&query.conditions));
        found.retain(|s| query.status.is_none_or(|status| status == s.status));
        found.retain(|s| {
            let after = query.after.as_ref();
            after.is_none_or(|(ms, arn)| key(s.start_ms, &s.execution) > key(*ms, arn))
        });
        let more = found.len() > query.limit;
        found.truncate(query.limit);
        let last = found.last().map(|s| (s.start_ms, s.execution.clone()));
        ListPage {
            executions: found,
            more,
            next: last.filter(|_| more),
        }
    }
}

/// Task queues whose topics were asked for.
#[derive(Default)]
pub struct FakeQueues {
    pub ensured: Mutex<Vec<Arc<str>>>,
    /// Tasks that wait on their queues.
    pub tasks: Mutex<Vec<(Arc<str>, Taken)>>,
}

impl Queues for FakeQueues {
    fn ensure(&self, queues: Vec<Arc<str>>, answer: Box<dyn FnOnce(Result<(), String>) + Send>) {
        self.ensured.lock().unwrap().extend(queues);
        answer(Ok(()));
    }

    fn take(&self, queue: Arc<str>, _patience: std::time::Duration, answer: TakeAnswer) {
        let mut tasks = self.tasks.lock().unwrap();
        let found = tasks.iter().position(|(on, _)| *on == queue);
        let task = found.map(|at| tasks.remove(at).1);
        assert!(answer(Ok(task)), "the call still waits");
    }
}

/// Who owns what, as a test says it.
#[derive(Default)]
pub struct FakeCluster {
    /// URL of the owner of each partition; `None` is this node.
    pub owners: Mutex<BTreeMap<i32, Option<Arc<str>>>>,
    pub troubles: Mutex<Vec<String>>,
}

impl Cluster for FakeCluster {
    fn partitions(&self) -> i32 {
        PARTITIONS
    }

    fn owns(&self, partition: i32) -> bool {
        self.owners.lock().unwrap().get(&partition) == Some(&None)
    }

    fn owner_url(&self, partition: i32) -> Option<Arc<str>> {
        self.owners
            .lock()
            .unwrap()
            .get(&partition)
            .cloned()
            .flatten()
    }

    fn not_ready(&self) -> Vec<String> {
        self.troubles.lock().unwrap().clone()
    }
}

/// A node and a client for it.
pub struct World {
    pub app: Arc<App>,
    pub url: String,
    pub calls: Arc<FakeCalls>,
    pub log: Arc<FakeLog>,
    pub views: Arc<FakeViews>,
    pub queues: Arc<FakeQueues>,
    pub cluster: Arc<FakeCluster>,
    pub watches: Arc<Watches>,
    client: reqwest::Client,
}

/// Status, headers and body of an answer.
pub struct Answer {
    pub status: u16,
    pub headers: reqwest::header::HeaderMap,
    pub text: String,
}

impl Answer {
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or_else(|e| panic!("{e}: {}", self.text))
    }

    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |v| v.to_str().unwrap())
    }
}

impl World {
    /// A node that owns every partition.
    pub async fn new() -> Self {
        Self::on(Arc::default(), 64).await
    }

    /// A node on this registry.
    pub async fn on(log: Arc<FakeLog>, requests_max: usize) -> Self {
        let calls = Arc::new(FakeCalls {
            asked: Mutex::default(),
            answer: Mutex::new(Box::new(|call| {
                Ok(match call {
                    Call::Start(_) => Reply::Started {
                        start_ms: STARTED_MS,
                    },
                    Call::Stop { .. } => Reply::Stopped {
                        stop_ms: STARTED_MS + 1_000,
                    },
                    Call::StartSync(start) => Reply::Finished(Box::new(Finished {
                        status: Status::Succeeded,
                        output: Some(start.input.clone()),
                        failure: Default::default(),
                        start_ms: STARTED_MS,
                        stop_ms: STARTED_MS + 120,
                    })),
                    Call::Redrive { .. } => Reply::Redriven {
                        redrive_ms: STARTED_MS + 2_000,
                    },
                    Call::Pause { paused, .. } => Reply::Paused {
                        paused_ms: paused.then_some(STARTED_MS + 500),
                    },
                    Call::Complete { .. } | Call::UpdateMapRun { .. } => Reply::Completed,
                })
            })),
        });
        let (views, queues) = (
            Arc::new(FakeViews::default()),
            Arc::new(FakeQueues::default()),
        );
        let (cluster, watches) = (
            Arc::new(FakeCluster::default()),
            Arc::new(Watches::default()),
        );
        for partition in 0..PARTITIONS {
            cluster.owners.lock().unwrap().insert(partition, None);
        }
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let parts = Parts {
            calls: calls.clone(),
            writer: log.clone(),
            registry: log.registry.clone(),
            views: views.clone(),
            queues: queues.clone(),
            cluster: cluster.clone(),
            watches: watches.clone(),
        };
        let settings = Settings {
            region: "us-east-1".into(),
            account: "000000000000".into(),
            url: url.as_str().into(),
            requests_max,
            access_keys: AccessKeys::default(),
        };
        let app = Arc::new(App::new(parts, settings).unwrap());
        let router = baton_api::router(app.clone());
        tokio::spawn(async move { axum::serve(listener, router).await });
        let client = reqwest::Client::new();
        Self {
            app,
            url,
            calls,
            log,
            views,
            queues,
            cluster,
            watches,
            client,
        }
    }

    pub async fn aws(&self, operation: &str, body: Value) -> Answer {
        let request = self.client.post(&self.url).body(body.to_string());
        let target = format!("AWSStepFunctions.{operation}");
        answer(request.header("x-amz-target", target)).await
    }

    pub async fn get(&self, path: &str) -> Answer {
        answer(self.client.get(format!("{}{path}", self.url))).await
    }

    pub async fn post(&self, path: &str, body: Value) -> Answer {
        self.send("POST", path, &[], body.to_string()).await
    }

    pub async fn send(
        &self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: String,
    ) -> Answer {
        let method = reqwest::Method::from_bytes(method.as_bytes()).unwrap();
        let mut request = self.client.request(method, format!("{}{path}", self.url));
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        answer(request.body(body)).await
    }

    /// Creates a machine of one task on queue `work`; returns its ARN.
    pub async fn machine(&self, name: &str) -> String {
        let body = json!({"name": name, "definition": task().to_string(), "roleArn": ROLE});
        let answer = self.aws("CreateStateMachine", body).await;
        assert_eq!(answer.status, 200, "{}", answer.text);
        answer.json()["stateMachineArn"]
            .as_str()
            .unwrap()
            .to_owned()
    }

    /// Puts an execution that succeeded into the views.
    pub fn closed(&self, execution: &str, start_ms: i64) {
        let machine = baton_schemas::arn::machine_of(execution).unwrap();
        let records = records(execution, &machine, start_ms);
        let summary = Summary {
            execution: execution.into(),
            machine,
            revision: 0,
            status: Status::Succeeded,
            start_ms,
            stop_ms: Some(start_ms + 500),
            redrives: Redrives::default(),
            findable: Findable::default(),
        };
        let mut executions = self.views.executions.lock().unwrap();
        executions.insert(execution.into(), (summary, records));
    }

    /// Puts the first record of an execution into the views: it runs.
    pub fn running(&self, execution: &str, start_ms: i64) {
        let machine = baton_schemas::arn::machine_of(execution).unwrap();
        let mut records = records(execution, &machine, start_ms);
        records.truncate(1);
        let summary = Summary {
            execution: execution.into(),
            machine,
            revision: 0,
            status: Status::Running,
            start_ms,
            stop_ms: None,
            redrives: Redrives::default(),
            findable: Findable::default(),
        };
        let mut executions = self.views.executions.lock().unwrap();
        executions.insert(execution.into(), (summary, records));
    }

    /// A request whose answer comes piece by piece.
    pub async fn open(&self, path: &str, headers: &[(&str, &str)]) -> reqwest::Response {
        let mut request = self.client.get(format!("{}{path}", self.url));
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        request.send().await.unwrap()
    }

    /// Makes another node the owner of every partition.
    pub fn owned_by(&self, url: &str) {
        let mut owners = self.cluster.owners.lock().unwrap();
        owners
            .values_mut()
            .for_each(|owner| *owner = Some(url.into()));
    }
}

async fn answer(request: reqwest::RequestBuilder) -> Answer {
    let answer = request.send().await.unwrap();
    Answer {
        status: answer.status().as_u16(),
        headers: answer.headers().clone(),
        text: answer.text().await.unwrap(),
    }
}

/// A definition of one task on queue `work`.
pub fn task() -> Value {
    json!({"StartAt": "Work", "States": {"Work": {
        "Type": "Task", "Resource": "arn:aws:states:::baton:task.work", "End": true
    }}})
}

/// For golden files.
pub fn pretty(value: &Value) -> String {
    serde_json::to_string_pretty(value).unwrap()
}

pub fn partition(execution: &str) -> i32 {
    partition_of(execution.as_bytes(), PARTITIONS)
}

/// The two records of an execution with one Pass state.
fn records(execution: &str, machine: &Arc<str>, start_ms: i64) -> Vec<Bytes> {
    let input = Payload::from_text(r#"{"a": 1}"#).unwrap();
    let started = Started {
        machine: machine.clone(),
        revision: 0,
        role_arn: ROLE.into(),
        traceparent: None,
        reply_to: None,
        qualifier: None,
        express: None,
        parent: None,
    };
    let (state, name): (_, Arc<str>) = (StateType::Pass, "Only".into());
    let kinds = [
        (EventKind::ExecutionStarted(Box::new(started)), 0),
        (
            EventKind::StateEntered {
                state,
                name: name.clone(),
            },
            0,
        ),
        (
            EventKind::StateExited {
                state,
                name,
                assigned: None,
            },
            2,
        ),
        (EventKind::ExecutionSucceeded, 3),
    ];
    let events: Vec<Event> = kinds
        .into_iter()
        .zip(1..)
        .map(|((kind, prev), id)| Event {
            id,
            prev,
            frame: 0,
            kind,
            data: Some(input.clone()),
        })
        .collect();
    let record = |seq: u64, now: i64, events: &[Event]| {
        let transition = Transition {
            epoch: 0,
            seq,
            cause: Cause::Timer,
            now,
            execution: execution.into(),
            events: events.to_vec(),
            rejected: None,
            passed_on: None,
            report_again: None,
            base: None,
        };
        Bytes::from(HistoryRecord::Transition(transition).to_json())
    };
    vec![
        record(1, start_ms, &events[..2]),
        record(2, start_ms + 500, &events[2..]),
    ]
}
