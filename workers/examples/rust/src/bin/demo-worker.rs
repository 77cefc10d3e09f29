//! The worker of the two example workflows, on Kafka from `BATON_KAFKA`: users in `users.db` (`USERS_DB`), mail by
//! `SMTP_URL` or into `mail` (`MAIL_SPOOL`), objects in `buckets` (`BUCKETS`).

use baton_examples::{brokers, demo, log_to_stderr};
use std::process::ExitCode;

#[tokio::main]
async fn main() -> ExitCode {
    log_to_stderr();
    let worker = match demo::worker(&brokers(), "baton.") {
        Ok(worker) => worker,
        Err(error) => {
            tracing::error!(error, "the worker can't start");
            return ExitCode::FAILURE;
        }
    };
    match worker.run().await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            tracing::error!(%error, "worker stopped");
            ExitCode::FAILURE
        }
    }
}
