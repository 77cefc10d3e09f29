//! What a Task state calls, from its `Resource` ARN.
//!
//! Owns: how a resource ARN becomes a task queue and the names AWS's history shows.

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
