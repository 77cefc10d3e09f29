//! Example handlers, as a user would write them: of an image pipeline, and of a user's sign-up.
//!
//! Must not: use anything of Baton but the worker library. `src/bin` has the workers that serve them.

pub mod bucket;
pub mod demo;
pub mod mail;
pub mod metadata;
pub mod notify;
pub mod resize;
pub mod start;
pub mod users;

use baton_worker::{TaskError, Worker, WorkerBuilder, otel};
use std::fmt::Display;
use tracing::Level;
use tracing_subscriber::Layer;
use tracing_subscriber::filter::{EnvFilter, Targets};
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;

/// Error name of a file that is no image, or a broken one; the definition catches it.
pub const BROKEN: &str = "Image.Broken";
/// Error name of a file that can't be read or written; the definition retries it.
pub const IO: &str = "Image.Io";
/// Error name of a place that no file can be at; no retry helps.
pub const BAD_PATH: &str = "Image.BadPath";

/// Sets up logging: text on stderr, filtered by `RUST_LOG` (default: warnings, and this worker's own lines). A span for
/// each task goes to the collector of `OTEL_EXPORTER_OTLP_ENDPOINT`, if that is set.
pub fn log_to_stderr() {
    let filter = EnvFilter::try_from_default_env();
    let filter = filter.unwrap_or_else(|_| "warn,baton_worker=info,baton_examples=info".into());
    let logs = tracing_subscriber::fmt::layer().with_writer(std::io::stderr);
    let (spans, problem) = match otel::layer() {
        Ok(spans) => (spans, None),
        Err(problem) => (None, Some(problem)),
    };
    let spans = spans.with_filter(Targets::new().with_target("baton_worker", Level::INFO));
    let subscriber = tracing_subscriber::registry();
    subscriber.with(logs.with_filter(filter)).with(spans).init();
    if let Some(problem) = problem {
        tracing::error!("{problem}");
    }
}

/// Where the workers find Kafka: `BATON_KAFKA`, or the broker that `baton dev` starts.
#[must_use]
pub fn brokers() -> String {
    std::env::var("BATON_KAFKA").unwrap_or_else(|_| "127.0.0.1:9092".to_owned())
}

/// A worker on that Kafka, with the librdkafka properties of the file `BATON_KAFKA_PROPERTIES`, if that is set: `name=value`
/// a line, such as `security.protocol=ssl`.
///
/// # Errors
/// What is wrong with the file, in words.
pub fn worker() -> Result<WorkerBuilder, String> {
    let worker = Worker::builder().kafka(brokers());
    let Ok(path) = std::env::var("BATON_KAFKA_PROPERTIES") else {
        return Ok(worker);
    };
    let text = std::fs::read_to_string(&path)
        .map_err(|e| format!("BATON_KAFKA_PROPERTIES={path}: {e}"))?;
    text.lines()
        .filter(|line| !line.trim().is_empty())
        .try_fold(worker, |worker, line| {
            let (name, value) = line
                .split_once('=')
                .ok_or_else(|| format!("{path}: {line:?} is not name=value"))?;
            Ok(worker.kafka_config(name.trim(), value.trim()))
        })
}

fn broken(path: &str, why: impl Display) -> TaskError {
    TaskError::new(BROKEN, format!("{path}: {why}"))
}

fn io(path: &str, why: impl Display) -> TaskError {
    TaskError::new(IO, format!("{path}: {why}"))
}

fn of_image(path: &str, error: image::ImageError) -> TaskError {
    match error {
        image::ImageError::IoError(e) if e.kind() != std::io::ErrorKind::UnexpectedEof => {
            io(path, e)
        }
        other => broken(path, other),
    }
}
