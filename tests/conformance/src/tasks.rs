//! The workers: commands are answered as AWS recorded that its services answered.
//!
//! Owns: which recorded call a command is (the next unused one with the same resource and equal parameters), and the
//! functions whose calls AWS does not show. Timeouts are never served: the engine's own timers must make them.

use crate::case::Case;
use crate::fixtures;
use crate::values::Bindings;
use crate::world::World;
use baton_engine::{Definitions, MAP_IO};
use baton_objects::Stores;
use baton_schemas::history::{EventKind, Failure};
use baton_schemas::{Command, Completion, Outcome, Payload, Request, TaskToken};
use serde_json::{Map, Value, json};
use std::collections::{BTreeSet, VecDeque};
use std::sync::Arc;

/// All workers of a case.
pub struct Workers<'a> {
    case: &'a Case,
    used: Vec<bool>,
    /// Tokens of commands that were taken: a command may come again.
    taken: BTreeSet<TaskToken>,
    answers: VecDeque<Completion>,
    /// The object store of the case.
    stores: Stores,
}

impl<'a> Workers<'a> {
    /// Workers that know the case's recorded calls.
    #[must_use]
    pub fn new(case: &'a Case) -> Self {
        let used = vec![false; case.list("tasks").len()];
        Self {
            case,
            used,
            taken: BTreeSet::new(),
            answers: VecDeque::new(),
            stores: fixtures::stores(case),
        }
    }

    /// Takes all commands that wait and works out their answers.
    pub fn serve(&mut self, world: &mut World) {
        while let Some((queue, command)) = world.take_command() {
            if &*queue == MAP_IO {
                let outcome = match baton_objects::serve(&self.stores, &command.input) {
                    Ok(answer) => Outcome::Succeeded(answer),
                    Err(failure) => Outcome::Failed(failure),
                };
                self.answer(&command, outcome);
            } else if self.taken.insert(command.token.clone()) {
                self.take(world, &queue, &command);
            }
        }
        while let Some(request) = world.take_request() {
            self.child(world, request);
        }
        while let Some(report) = world.take_report() {
            // A start that was refused for its placeholders went well when it was recorded.
            let refused = matches!(report.outcome, Outcome::Failed(_));
            if !(refused && self.nested(world, &report.token)) {
                self.answers.push_back(report);
            }
        }
    }

    /// Plays a nested execution as it was recorded; `false` if none was.
    fn nested(&mut self, world: &World, token: &TaskToken) -> bool {
        let (kind, name) = resource(world, token).unwrap_or_default();
        let parameters = scheduled(world, token).filter(|_| kind == "states");
        let recorded = parameters.and_then(|found| self.recorded(&kind, &name, &found));
        if let Some(index) = recorded {
            self.used[index] = true;
            self.replay(token, index);
        }
        recorded.is_some()
    }

    /// A child execution: of a machine that the case has, or as it was recorded.
    fn child(&mut self, world: &mut World, request: Request) {
        let recorded = match &request {
            Request::Start(start) if world.registry().current(&start.machine).is_none() => {
                start.parent.as_ref().filter(|parent| parent.item.is_none())
            }
            _ => None,
        };
        let Some(parent) = recorded else {
            world.request(request);
            return;
        };
        let token = TaskToken::from_opaque(&parent.token);
        if !self.taken.insert(token.clone()) {
            return;
        }
        if !self.nested(world, &token) {
            world.request(request);
        }
    }

    /// The next unused call with the same resource and equal parameters.
    fn recorded(&self, kind: &str, name: &str, parameters: &Value) -> Option<usize> {
        let tasks = self.case.list("tasks").iter().zip(&self.used);
        tasks.into_iter().position(|(task, used)| {
            !used
                && is_resource(task, kind, name)
                && Bindings::new(&self.case.literal).matches(&task["parameters"], parameters)
        })
    }

    /// What some worker says next.
    pub fn next_answer(&mut self) -> Option<Completion> {
        self.answers.pop_front()
    }

    fn take(&mut self, world: &World, queue: &str, command: &Command) {
        let parameters = command.input.to_value();
        let (kind, name) = resource(world, &command.token).unwrap_or_default();
        match self.recorded(&kind, &name, &parameters) {
            Some(index) => {
                self.used[index] = true;
                self.replay(&command.token, index);
            }
            None => {
                if let Some(outcome) = self.function(queue, &kind, &parameters) {
                    self.answer(command, outcome);
                }
            }
        }
    }

    fn replay(&mut self, token: &TaskToken, index: usize) {
        let recorded = &self.case.list("tasks")[index];
        if recorded["resourceType"] == "activity"
            && let Some(worker) = self.poller()
        {
            self.say(token, Outcome::Started { worker });
        }
        if let Some(first) = recorded.get("submitted") {
            self.say(token, Outcome::Submitted(Payload::from_value(first)));
        }
        let outcome = &recorded["outcome"];
        let kind = outcome["type"].as_str().unwrap_or("");
        if kind.ends_with("Succeeded") {
            self.say(
                token,
                Outcome::Succeeded(Payload::from_value(&outcome["output"])),
            );
        } else if kind.ends_with("Failed") {
            let failure = Failure {
                error: text(outcome, "error"),
                cause: text(outcome, "cause"),
            };
            self.say(token, Outcome::Failed(failure));
        }
    }

    fn answer(&mut self, command: &Command, outcome: Outcome) {
        self.say(&command.token, outcome);
    }

    fn say(&mut self, token: &TaskToken, outcome: Outcome) {
        let token = token.clone();
        self.answers.push_back(Completion {
            token,
            outcome,
            traceparent: None,
        });
    }

    /// Name of the worker that polled the case's activity, if one did.
    fn poller(&self) -> Option<Option<Arc<str>>> {
        let started = self
            .case
            .history()?
            .iter()
            .find(|event| event["type"] == "ActivityStarted")?;
        let name = &started["activityStartedEventDetails"]["workerName"];
        Some(name.as_str().map(Arc::from))
    }

    /// What a function of the case answers whose calls AWS does not show, such as those of a distributed Map's children.
    fn function(&self, queue: &str, kind: &str, parameters: &Value) -> Option<Outcome> {
        let (name, input) = match kind {
            "lambda" => (parameters["FunctionName"].as_str()?, &parameters["Payload"]),
            _ => (queue.strip_prefix("lambda.")?, parameters),
        };
        Some(match call(self.case, name, input)? {
            Ok(output) if kind == "lambda" => {
                Outcome::Succeeded(Payload::from_value(&sdk_answer(output)))
            }
            Ok(output) => Outcome::Succeeded(Payload::from_value(&output)),
            Err(failure) => Outcome::Failed(failure),
        })
    }
}

/// What a function of the case makes of `input`; `None` if the case has no such function.
pub fn call(case: &Case, name: &str, input: &Value) -> Option<Result<Value, Failure>> {
    let functions = case.json["functions"].as_object()?;
    let named = |key: &&String| name == key.as_str() || name.ends_with(&format!(":{key}"));
    let function = match functions.keys().find(named) {
        Some(key) => &functions[key],
        // A queue's name is escaped; with one function there is no doubt.
        None if functions.len() == 1 => functions.values().next()?,
        None => return None,
    };
    Some(Ok(match function["behaviour"].as_str()? {
        // Lambda gives a function an empty object where nothing was sent.
        "echo" | "sleep-then-echo" if input.is_null() => json!({}),
        "echo" | "sleep-then-echo" => input.clone(),
        "fixed" => match function["result"].as_str() {
            Some(bytes) => serde_json::from_str(bytes).unwrap_or_else(|_| bytes.into()),
            None => function["result"].clone(),
        },
        "large" => "a".repeat(function["bytes"].as_u64()? as usize).into(),
        "raise" => {
            let (error, message) = (&function["errorType"], &function["errorMessage"]);
            let cause = json!({"errorMessage": message, "errorType": error, "requestId": "r", "stackTrace": []});
            let error = error.as_str().map(Arc::from);
            return Some(Err(Failure {
                error,
                cause: Some(cause.to_string().into()),
            }));
        }
        _ => return None,
    }))
}

/// A function's result as Lambda's Invoke answers it.
pub fn sdk_answer(payload: Value) -> Value {
    let length = payload.to_string().len().to_string();
    let (request, trace, date) = ("request", "Root=1", "date");
    let headers = [
        ("Connection", "keep-alive"),
        ("Content-Length", &length),
        ("Content-Type", "application/json"),
        ("Date", date),
        ("X-Amz-Executed-Version", "$LATEST"),
        ("x-amzn-Remapped-Content-Length", "0"),
        ("x-amzn-RequestId", request),
        ("X-Amzn-Trace-Id", trace),
    ];
    // Lists, but for those that the recordings replaced by a placeholder.
    let all = headers.map(|(name, value)| match value {
        value if [request, trace, date].contains(&value) => (name.to_owned(), Value::from(value)),
        value => (name.to_owned(), json!([value])),
    });
    let each = headers.map(|(name, value)| (name.to_owned(), Value::from(value)));
    json!({
        "ExecutedVersion": "$LATEST",
        "Payload": payload,
        "SdkHttpMetadata": {
            "AllHttpHeaders": Map::from_iter(all),
            "HttpHeaders": Map::from_iter(each),
            "HttpStatusCode": 200,
        },
        "SdkResponseMetadata": {"RequestId": request},
        "StatusCode": 200,
    })
}

/// What a task was scheduled with.
fn scheduled(world: &World, token: &TaskToken) -> Option<Value> {
    let (execution, task) = token.parts()?;
    let events = world.seen(&execution)?.events();
    let event = events.into_iter().find(|(_, event)| event.id == task)?.1;
    event.data.map(|data| data.to_value())
}

/// Type and name of what a task calls, from the event that scheduled it.
fn resource(world: &World, token: &TaskToken) -> Option<(String, String)> {
    let (execution, task) = token.parts()?;
    let events = world.seen(&execution)?.events();
    events
        .iter()
        .rev()
        .find(|(_, event)| event.id == task)
        .and_then(|(_, event)| match &event.kind {
            EventKind::TaskScheduled(t)
            | EventKind::LambdaFunctionScheduled(t)
            | EventKind::ActivityScheduled(t) => {
                Some((t.resource.kind.to_string(), t.resource.name.to_string()))
            }
            _ => None,
        })
}

fn is_resource(task: &Value, kind: &str, name: &str) -> bool {
    let recorded = task["resourceType"].as_str().unwrap_or("");
    let same_kind = match kind {
        "" => ["lambda-arn", "activity"].contains(&recorded),
        _ => recorded == kind,
    };
    same_kind && task["resource"] == name
}

fn text(outcome: &Value, key: &str) -> Option<Arc<str>> {
    match outcome.get(key) {
        None | Some(Value::Null) => None,
        Some(Value::String(text)) => Some(Arc::from(text.as_str())),
        Some(other) => Some(Arc::from(other.to_string())),
    }
}
