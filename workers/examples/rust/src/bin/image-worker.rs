//! The image pipeline's worker: serves the queues named on the command line, or all three.
//!
//! `image-worker [image-resize] [image-metadata] [notify]`; Kafka from `BATON_KAFKA` and
//! `BATON_KAFKA_PROPERTIES`.

use baton_examples::{log_to_stderr, metadata::metadata, notify::notify, resize::resize, worker};
use std::process::ExitCode;

/// Pictures being decoded at the same time; each takes a core and its pixels' memory.
const RESIZES_MAX: usize = 2;

#[tokio::main]
async fn main() -> ExitCode {
    log_to_stderr();
    let asked: Vec<String> = std::env::args().skip(1).collect();
    let mut worker = match worker() {
        Ok(worker) => worker,
        Err(problem) => {
            tracing::error!(problem, "the worker can't start");
            return ExitCode::FAILURE;
        }
    };
    for queue in ["image-resize", "image-metadata", "notify"] {
        if !asked.is_empty() && !asked.iter().any(|name| name == queue) {
            continue;
        }
        worker = match queue {
            "image-resize" => worker
                .queue_blocking(queue, resize)
                .concurrency(RESIZES_MAX),
            "image-metadata" => worker.queue_blocking(queue, metadata),
            _ => worker.queue_blocking(queue, notify),
        };
    }
    match worker.run().await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            tracing::error!(%error, "worker stopped");
            ExitCode::FAILURE
        }
    }
}
