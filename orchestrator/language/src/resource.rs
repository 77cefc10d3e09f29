//! What a Task state calls, from its `Resource` ARN.
//!
//! Owns: how a resource ARN becomes a task queue and the names AWS's history shows.

use crate::limits;
use std::fmt::Write;
use std::sync::Arc;

/// A resource that tasks can be sent to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Resource {
    /// Which family of history events it leaves.
    pub family: Family,
    /// AWS's `resourceType`: `baton`, `lambda`, ...; empty for a function or activity ARN.
    pub kind: Arc<str>,
    /// AWS's `resource`: `task.resize`, `invoke`, `invoke.waitForTaskToken`, ...; the ARN for a function or activity.
    pub name: Arc<str>,
    /// The queue that commands go to, if the ARN alone decides it; else the parameters do (`lambda:invoke`: `FunctionName`).
    pub queue: Option<Arc<str>>,
    /// `.waitForTaskToken`: the task ends when somebody gives its token back.
    pub callback: bool,
}

/// Which family of history events a task leaves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Family {
    /// `TaskScheduled`, `TaskStarted`, `TaskSucceeded`, ...
    Task,
    /// `LambdaFunctionScheduled`, ...: a plain function ARN.
    LambdaFunction,
    /// `ActivityScheduled`, ...
    Activity,
}

const CALLBACK: &str = ".waitForTaskToken";

/// Stands in the place of a queue for tasks that the orchestrator does itself: `states:startExecution`.
pub const INSIDE: &str = "inside";
/// The queue of what distributed Maps have read and written; nodes serve it themselves, it has no topic.
pub const MAP_IO: &str = "inside.map-io";

/// Actions of AWS's optimised integrations; other actions of these services AWS does not recognise.
const ACTIONS: [(&str, &[&str]); 6] = [
    (
        "dynamodb",
        &["getItem", "putItem", "updateItem", "deleteItem"],
    ),
    ("events", &["putEvents"]),
    ("lambda", &["invoke"]),
    ("sns", &["publish"]),
    ("sqs", &["sendMessage"]),
    ("states", &["startExecution"]),
];

impl Resource {
    /// Reads a `Resource` ARN.
    ///
    /// # Errors
    /// Why it can't be called, as a sentence.
    pub fn parse(arn: &str) -> Result<Self, String> {
        if let Some(service) = arn.strip_prefix("arn:aws:states:::") {
            return parse_service(arn, service);
        }
        let parts: Vec<&str> = arn.splitn(7, ':').collect();
        match parts[..] {
            ["arn", _, "lambda", _, _, "function", function] => {
                let name = function.split(':').next().unwrap_or(function);
                Self::of_arn(Family::LambdaFunction, arn, queue_of("lambda.", name))
            }
            ["arn", _, "states", _, _, "activity", name] => {
                Self::of_arn(Family::Activity, arn, queue_of("activity.", name))
            }
            _ => Err(unknown(arn)),
        }
    }

    fn of_arn(family: Family, arn: &str, queue: Option<Arc<str>>) -> Result<Self, String> {
        let queue = Some(queue.ok_or_else(|| unknown(arn))?);
        Ok(Self {
            family,
            kind: "".into(),
            name: arn.into(),
            queue,
            callback: false,
        })
    }
}

/// The queue of a Lambda function, from what `FunctionName` may hold: a name, an ARN or a part of one, with or without a
/// version or alias. `None` if it names none.
#[must_use]
pub fn lambda_queue(function: &str) -> Option<Arc<str>> {
    let name = match function.rsplit_once("function:") {
        Some((_, name)) => name,
        None => function,
    };
    queue_of("lambda.", name.split(':').next().unwrap_or(name))
}

/// `prefix` and `name`, with every byte that Kafka doesn't allow written as `.xHH`.
fn queue_of(prefix: &str, name: &str) -> Option<Arc<str>> {
    let mut queue = prefix.to_owned();
    for (i, byte) in name.bytes().enumerate() {
        // A dot that would look like the start of an escape is escaped itself, so that no two names share a queue.
        let is_plain = match byte {
            b'.' => name.as_bytes().get(i + 1) != Some(&b'x'),
            _ => is_queue_byte(byte),
        };
        if is_plain {
            queue.push(char::from(byte));
        } else {
            let _ = write!(queue, ".x{byte:02x}");
        }
    }
    (!name.is_empty() && queue.len() <= limits::QUEUE_NAME_LENGTH_MAX).then(|| queue.into())
}

fn is_queue_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"._-".contains(&byte)
}

/// Reads what follows `arn:aws:states:::`.
fn parse_service(arn: &str, service: &str) -> Result<Resource, String> {
    let versionless = service.strip_suffix(":2").unwrap_or(service);
    let (kind, _) = versionless.rsplit_once(':').ok_or_else(|| unknown(arn))?;
    let name = &service[kind.len() + 1..];
    let (action, callback) = match name.strip_suffix(CALLBACK) {
        Some(action) => (action, true),
        None => (name, false),
    };
    let action = match (callback, kind) {
        (true, _) => action,
        (false, "states") => without_sync(action, &[".sync", ".sync:2"]),
        (false, kind) if runs_jobs(kind) => without_sync(action, &[".sync"]),
        (false, _) => action,
    };
    let queue = match kind {
        "baton" => Some(baton_queue(arn, action)?),
        "lambda" if action == "invoke" => None,
        // Only what AWS recognises; a worker is not asked.
        "states" => service_queue(arn, kind, action).map(|_| Some(INSIDE.into()))?,
        _ => Some(service_queue(arn, kind, action)?),
    };
    Ok(Resource {
        family: Family::Task,
        kind: kind.into(),
        name: name.into(),
        queue,
        callback,
    })
}

/// The action of a service integration that waits for the job's end ("Run a Job"); the worker reports the start, and
/// completes the task at the end.
fn without_sync<'a>(action: &'a str, patterns: &[&str]) -> &'a str {
    let stripped = patterns.iter().find_map(|sync| action.strip_suffix(sync));
    stripped.unwrap_or(action)
}

/// Whether the service has jobs to wait for: not AWS's SDK integrations, nor those that answer at once.
fn runs_jobs(kind: &str) -> bool {
    let answers_at_once = ACTIONS.iter().any(|(known, _)| *known == kind);
    !answers_at_once && kind != "baton" && !kind.starts_with("aws-sdk:")
}

fn baton_queue(arn: &str, action: &str) -> Result<Arc<str>, String> {
    let queue = action.strip_prefix("task.").ok_or_else(|| unknown(arn))?;
    let is_legal = (1..=limits::QUEUE_NAME_LENGTH_MAX).contains(&queue.len())
        && queue.bytes().all(is_queue_byte);
    if !is_legal {
        return Err(format!(
            "'{queue}' is not a task queue: use 1 to {} characters of A-Z, a-z, 0-9, '.', '_' and '-'",
            limits::QUEUE_NAME_LENGTH_MAX
        ));
    }
    Ok(queue.into())
}

fn service_queue(arn: &str, kind: &str, action: &str) -> Result<Arc<str>, String> {
    let service = kind.strip_prefix("aws-sdk:").unwrap_or(kind);
    let is_name = |text: &str| {
        !text.is_empty() && text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-')
    };
    let is_refused = ACTIONS
        .iter()
        .any(|(known, actions)| *known == kind && !actions.contains(&action));
    if !is_name(service) || !is_name(action) || is_refused {
        return Err(unknown(arn));
    }
    queue_of("aws-sdk.", service).ok_or_else(|| unknown(arn))
}

/// AWS's own words.
fn unknown(arn: &str) -> String {
    format!(
        "The resource provided {arn} is not recognized. The value is not a valid resource ARN, or the resource is not \
         available in this region."
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(
        arn: &str,
        family: Family,
        kind: &str,
        name: &str,
        queue: Option<&str>,
        callback: bool,
    ) {
        let expected = Resource {
            family,
            kind: kind.into(),
            name: name.into(),
            queue: queue.map(Arc::from),
            callback,
        };
        assert_eq!(Resource::parse(arn), Ok(expected));
    }

    #[test]
    fn each_family_finds_its_queue() {
        check(
            "arn:aws:states:::baton:task.resize",
            Family::Task,
            "baton",
            "task.resize",
            Some("resize"),
            false,
        );
        let waiting = "task.a.b.waitForTaskToken";
        check(
            "arn:aws:states:::baton:task.a.b.waitForTaskToken",
            Family::Task,
            "baton",
            waiting,
            Some("a.b"),
            true,
        );
        check(
            "arn:aws:states:::lambda:invoke",
            Family::Task,
            "lambda",
            "invoke",
            None,
            false,
        );
        let waiting = "sendMessage.waitForTaskToken";
        check(
            "arn:aws:states:::sqs:sendMessage.waitForTaskToken",
            Family::Task,
            "sqs",
            waiting,
            Some("aws-sdk.sqs"),
            true,
        );
        check(
            "arn:aws:states:::aws-sdk:s3:putObject",
            Family::Task,
            "aws-sdk:s3",
            "putObject",
            Some("aws-sdk.s3"),
            false,
        );
        check(
            "arn:aws:states:::states:startExecution.sync:2",
            Family::Task,
            "states",
            "startExecution.sync:2",
            Some(INSIDE),
            false,
        );
        check(
            "arn:aws:states:::batch:submitJob.sync",
            Family::Task,
            "batch",
            "submitJob.sync",
            Some("aws-sdk.batch"),
            false,
        );
        let function = "arn:aws:lambda:us-east-1:1:function:f:3";
        check(
            function,
            Family::LambdaFunction,
            "",
            function,
            Some("lambda.f"),
            false,
        );
        let activity = "arn:aws:states:us-east-1:1:activity:a b";
        check(
            activity,
            Family::Activity,
            "",
            activity,
            Some("activity.a.x20b"),
            false,
        );
    }

    #[test]
    fn function_names_of_all_forms_lead_to_one_queue() {
        for name in [
            "f",
            "f:1",
            "arn:aws:lambda:us-east-1:1:function:f",
            "1:function:f:live",
        ] {
            assert_eq!(lambda_queue(name).as_deref(), Some("lambda.f"), "{name}");
        }
        assert_eq!(lambda_queue(""), None);
        assert_ne!(lambda_queue("a<b"), lambda_queue("a.x3cb"));
    }

    #[test]
    fn what_cannot_be_called_is_refused() {
        let long = format!("arn:aws:states:::baton:task.{}", "q".repeat(151));
        for arn in [
            "",
            "activity_arn",
            "arn:aws:states:::",
            "arn:aws:states:::baton:task.",
            "arn:aws:states:::baton:task.a b",
            "arn:aws:states:::baton:resize",
            "arn:aws:states:::dynamodb:query",
            "arn:aws:states:::states:stopExecution",
            "arn:aws:states:::states:startExecution.sync:3",
            "arn:aws:states:::batch:submitJob.sync:2",
            "arn:aws:states:::sqs:sendMessage.sync",
            "arn:aws:states:::aws-sdk:batch:submitJob.sync",
            "arn:aws:states:::aws-sdk:s3:",
            "arn:aws:lambda:us-east-1:1:function:",
            &long,
        ] {
            assert!(Resource::parse(arn).is_err(), "{arn}");
        }
    }
}
