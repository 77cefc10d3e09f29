//! A node without sockets: the API's router over an owner in a world of its own.
//!
//! Owns: the ports that the API needs, done by the world, and the passing of time. Must not: know steps.

use super::answers::Answer;
use crate::case::{ACCOUNT, Case, REGION};
use crate::tasks::Workers;
use crate::world::World;
use axum::Router;
use axum::body::Body;
use axum::http::Request;
use baton_api::{AccessKeys, App, Cluster, Parts, Queues, Settings, TakeAnswer, Taken, Watches};
use baton_engine::call::{Call, CallError, Reply};
use baton_engine::registry::{RegistryError, RegistryWriter};
use baton_engine::views::{ListPage, ListQuery, Summary};
use baton_engine::{Calls, Views};
use baton_schemas::Command;
use baton_schemas::arn::ExecutionArn;
use baton_schemas::registry::RegistryEntry;
use bytes::Bytes;
use serde_json::Value;
use std::cmp::Reverse;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tower::ServiceExt;

/// Largest answer that is read, bytes.
const ANSWER_BYTES_MAX: usize = 64 << 20;
/// Most completions and ticks between two steps.
const STEPS_MAX: usize = 200_000;

/// An API and what is behind it.
pub struct Node {
    shared: Arc<Shared>,
    router: Router,
    runtime: tokio::runtime::Runtime,
}

/// What the API's ports work on.
struct Shared {
    world: Mutex<World>,
    case: Case,
    /// Tasks of activities, until a call takes them.
    activities: Mutex<Vec<(Arc<str>, Command)>>,
    /// Whether what is started ends before the start is answered.
    hurried: AtomicBool,
}

impl Node {
    /// A node that owns everything, with the case's workers.
    ///
    /// # Panics
    /// If no runtime or client can be made.
    pub fn new(case: &Case) -> Self {
        let world = World::new(false);
        let registry = world.registry().clone();
        let shared = Arc::new(Shared {
            world: Mutex::new(world),
            case: Case::new(case.json.clone()),
            activities: Mutex::default(),
            hurried: AtomicBool::new(false),
        });
        let parts = Parts {
            calls: shared.clone(),
            writer: shared.clone(),
            registry,
            views: shared.clone(),
            queues: shared.clone(),
            cluster: shared.clone(),
            watches: Arc::new(Watches::default()),
        };
        let settings = Settings {
            region: REGION.into(),
            account: ACCOUNT.into(),
            url: "http://localhost".into(),
            requests_max: 1,
            access_keys: AccessKeys::default(),
        };
        let app = App::new(parts, settings).expect("a client for no other node");
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .expect("a runtime");
        Self {
            shared,
            router: baton_api::router(Arc::new(app)),
            runtime,
        }
    }

    /// Makes a call of the AWS protocol.
    ///
    /// # Errors
    /// When there is no answer, or it is not JSON.
    pub fn call(&self, operation: &str, args: &Value) -> Result<Answer, String> {
        // Nobody waits for a synchronous execution but the call itself.
        let synchronous = operation == "StartSyncExecution";
        self.shared.hurried.store(synchronous, Ordering::Relaxed);
        let request = Request::post("/")
            .header("x-amz-target", format!("AWSStepFunctions.{operation}"))
            .header("content-type", "application/x-amz-json-1.0")
            .body(Body::from(args.to_string()))
            .map_err(|e| e.to_string())?;
        self.runtime.block_on(async {
            let answer = self.router.clone().oneshot(request).await;
            let answer = answer.unwrap_or_else(|never| match never {});
            let status = answer.status().as_u16();
            let body = axum::body::to_bytes(answer.into_body(), ANSWER_BYTES_MAX).await;
            let body = body.map_err(|e| e.to_string())?;
            let body = serde_json::from_slice(&body).map_err(|e| e.to_string())?;
            Ok(Answer { status, body })
        })
    }

    /// Lets workers answer and time pass until everything that runs has ended, but for `but`.
    pub fn settle(&self, but: &[String]) {
        self.shared.settle(&mut self.shared.world(), but);
    }
}

impl Shared {
    fn world(&self) -> MutexGuard<'_, World> {
        self.world.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn set_activities_aside(&self, world: &mut World) {
        let taken = world.take_commands_of(|queue| queue.starts_with("activity."));
        self.activities().extend(taken);
    }

    fn activities(&self) -> MutexGuard<'_, Vec<(Arc<str>, Command)>> {
        self.activities
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    fn settle(&self, world: &mut World, but: &[String]) {
        let mut workers = Workers::new(&self.case);
        for _ in 0..STEPS_MAX {
            self.set_activities_aside(world);
            workers.serve(world);
            if let Some(completion) = workers.next_answer() {
                world.complete(completion);
                continue;
            }
            let open = world.all_seen().filter(|seen| seen.is_open());
            let open: Vec<_> = open.map(|seen| seen.summary.execution.clone()).collect();
            let waited = open
                .iter()
                .filter(|execution| !but.iter().any(|other| **other == ***execution))
                .any(|execution| world.wait(execution));
            if !waited {
                return;
            }
        }
    }
}

impl Calls for Shared {
    fn call(
        &self,
        _partition: i32,
        call: Call,
        answer: Box<dyn FnOnce(Result<Reply, CallError>) + Send>,
    ) {
        let mut world = self.world();
        let reply = world.call(call);
        // No two starts are at the same time, so lists have an order.
        world.pass_ms(1);
        if self.hurried.load(Ordering::Relaxed) {
            self.settle(&mut world, &[]);
        }
        drop(world);
        answer(reply);
    }
}

impl RegistryWriter for Shared {
    fn put(
        &self,
        entry: RegistryEntry,
        answer: Box<dyn FnOnce(Result<i64, RegistryError>) + Send>,
    ) {
        let result = self.world().register(&entry);
        answer(result);
    }

    fn read_to_end(&self, answer: Box<dyn FnOnce(Result<(), RegistryError>) + Send>) {
        answer(Ok(()));
    }
}

impl Views for Shared {
    fn describe(&self, execution: &str) -> Option<Summary> {
        self.world()
            .seen(execution)
            .map(|seen| seen.summary.clone())
    }

    fn history(&self, execution: &str) -> Option<Vec<Bytes>> {
        self.world()
            .seen(execution)
            .map(|seen| seen.records.clone())
    }

    fn list(&self, query: &ListQuery) -> ListPage {
        let world = self.world();
        let all = world.all_seen().map(|seen| seen.summary.clone());
        let mut found: Vec<Summary> = all.filter(|summary| is_wanted(query, summary)).collect();
        found.sort_by_key(|s| (Reverse(s.start_ms), s.execution.clone()));
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

fn is_wanted(query: &ListQuery, summary: &Summary) -> bool {
    let key = |start_ms: i64, arn: &Arc<str>| (Reverse(start_ms), arn.clone());
    let name = ExecutionArn::parse(&summary.execution).map_or("", |arn| arn.name);
    let behind =
        |(ms, arn): &(i64, Arc<str>)| key(summary.start_ms, &summary.execution) > key(*ms, arn);
    query
        .machine
        .as_ref()
        .is_none_or(|machine| *machine == summary.machine)
        && query.status.is_none_or(|status| status == summary.status)
        && query
            .started_from_ms
            .is_none_or(|from| summary.start_ms >= from)
        && query
            .started_before_ms
            .is_none_or(|before| summary.start_ms < before)
        && query
            .name_prefix
            .as_ref()
            .is_none_or(|prefix| name.starts_with(&**prefix))
        && query.after.as_ref().is_none_or(behind)
}

impl Queues for Shared {
    fn ensure(&self, _queues: Vec<Arc<str>>, answer: Box<dyn FnOnce(Result<(), String>) + Send>) {
        answer(Ok(()));
    }

    fn take(&self, queue: Arc<str>, _patience: Duration, answer: TakeAnswer) {
        self.set_activities_aside(&mut self.world());
        let mut waiting = self.activities();
        let found = waiting.iter().position(|(on, _)| *on == queue);
        let task = found.map(|at| waiting.remove(at).1).map(|command| Taken {
            token: command.token.as_str().into(),
            input: command.input.as_str().to_owned(),
        });
        drop(waiting);
        // The call waits until it is answered.
        let _ = answer(Ok(task));
    }
}

impl Cluster for Shared {
    fn partitions(&self) -> i32 {
        1
    }

    fn owns(&self, _partition: i32) -> bool {
        true
    }

    fn owner_url(&self, _partition: i32) -> Option<Arc<str>> {
        None
    }

    fn not_ready(&self) -> Vec<String> {
        Vec::new()
    }
}
