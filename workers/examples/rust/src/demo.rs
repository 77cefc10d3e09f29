//! The two example workflows: their files, and one worker that serves the queues of both.
//!
//! `image-uploads`: an object was created, so each image goes through the image pipeline. `sign-up`: a user signed up, so
//! the user is stored, gets a mail, and is taken through `onboarding`. `baton dev` runs them; `src/bin/demo-worker.rs` is
//! the same worker as a program of its own.

use crate::mail::Mailer;
use crate::metadata::metadata;
use crate::notify::notify;
use crate::resize::resize;
use crate::start::start;
use crate::users::Users;
use baton_worker::{Starter, Task, Worker, WorkerBuilder};
use std::path::Path;
use std::sync::Arc;

/// Pictures being decoded at the same time; each takes a core and its pixels' memory.
const RESIZES_MAX: usize = 2;

/// State machines that others start: name and ASL text.
pub const MACHINES: [(&str, &str); 2] = [
    (
        "image-pipeline",
        include_str!("../../image-pipeline.asl.json"),
    ),
    ("onboarding", include_str!("../../onboarding.asl.json")),
];

/// Topics that events come on.
pub const TOPICS: [&str; 2] = ["demo.uploads", "demo.users"];

/// Events to try: topic, key and value.
pub const EVENTS: [(&str, &str, &str); 2] = [
    (
        "demo.uploads",
        "harbour.jpg",
        include_str!("../../events/upload.json"),
    ),
    (
        "demo.users",
        "ada",
        include_str!("../../events/sign-up.json"),
    ),
];

/// Files of the demo's folder: path in it, and content. What is in `bindings` takes effect.
pub const FILES: [(&str, &[u8]); 7] = [
    (
        "bindings/image-uploads.json",
        include_bytes!("../../bindings/image-uploads.json"),
    ),
    (
        "bindings/sign-up.json",
        include_bytes!("../../bindings/sign-up.json"),
    ),
    ("audit.json", include_bytes!("../../bindings/audit.json")),
    (
        "events/upload.json",
        include_bytes!("../../events/upload.json"),
    ),
    (
        "events/sign-up.json",
        include_bytes!("../../events/sign-up.json"),
    ),
    (
        "buckets/photos/harbour.jpg",
        include_bytes!("../../images/harbour.jpg"),
    ),
    (
        "buckets/photos/chart.png",
        include_bytes!("../../images/chart.png"),
    ),
];

/// The worker of both. Users, mail and buckets are in the current folder unless the environment says otherwise.
///
/// # Errors
/// What can't be opened or used, in words.
pub fn worker(kafka: &str, prefix: &str) -> Result<WorkerBuilder, String> {
    let file = std::env::var("USERS_DB").unwrap_or_else(|_| "users.db".to_owned());
    let users = Users::open(Path::new(&file)).map_err(|e| format!("{file}: {e}"))?;
    let mailer = Mailer::from_env()?;
    let starter = Starter::with_prefix(kafka, prefix).map_err(|e| e.to_string())?;
    let (users, mailer) = (Arc::new(users), Arc::new(mailer));
    Ok(Worker::builder()
        .kafka(kafka)
        .prefix(prefix)
        .queue_blocking("image-resize", resize)
        .concurrency(RESIZES_MAX)
        .queue_blocking("image-metadata", metadata)
        .queue_blocking("notify", notify)
        .queue_blocking("store-user", move |task| users.store(&task))
        .queue_blocking("send-mail", move |task| mailer.send(&task))
        .queue("start-workflow", move |task: Task| {
            let starter = starter.clone();
            async move { start(&starter, task).await }
        }))
}
