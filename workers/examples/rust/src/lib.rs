//! Example handlers, as a user would write them: an image pipeline's three task queues.
//!
//! Must not: use anything of Baton but the worker library. `src/bin` has the workers that serve them.

pub mod metadata;
pub mod notify;
pub mod resize;

use baton_worker::TaskError;
use std::fmt::Display;

/// Error name of a file that is no image, or a broken one; the definition catches it.
pub const BROKEN: &str = "Image.Broken";
/// Error name of a file that can't be read or written; the definition retries it.
pub const IO: &str = "Image.Io";

/// Sets up logging: text on stderr, filtered by `RUST_LOG` (default: warnings, and this worker's own lines).
pub fn log_to_stderr() {
    let filter = tracing_subscriber::EnvFilter::try_from_default_env();
    tracing_subscriber::fmt()
        .with_writer(std::io::stderr)
        .with_env_filter(
            filter.unwrap_or_else(|_| "warn,baton_worker=info,baton_examples=info".into()),
        )
        .init();
}

/// Where the workers find Kafka: `BATON_KAFKA`, or the broker that `baton dev` starts.
#[must_use]
pub fn brokers() -> String {
    std::env::var("BATON_KAFKA").unwrap_or_else(|_| "127.0.0.1:9092".to_owned())
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
