//! What became of the executions of a job.
//!
//! Owns: which errors say that a repeated action was done already, which can't be mended, and the name of what is started
//! again.

use crate::app::error::{ApiError, ErrorCode};
use crate::limits;
use baton_schemas::arn::{ExecutionArn, arn_hash};
use baton_schemas::registry::{JobAction, JobProgress};
use std::sync::Arc;

/// What became of one execution.
pub enum Outcome {
    Done,
    Skipped,
    Failed(Arc<str>),
}

/// Counts what became of an execution.
pub fn count(progress: &mut JobProgress, execution: Arc<str>, outcome: Outcome) {
    match outcome {
        Outcome::Done => progress.done += 1,
        Outcome::Skipped => progress.skipped += 1,
        Outcome::Failed(why) => {
            progress.failed += 1;
            if progress.failures.len() < limits::JOB_FAILURES_MAX {
                progress.failures.push((execution, why));
            }
        }
    }
}

/// The name of the execution that is started again by a job: the same each time, so that it is started once.
pub fn name_again(execution: &str, job: &str) -> String {
    let name = ExecutionArn::parse(execution).map_or(execution, |arn| arn.name);
    let mark = format!("-again-{:08x}", arn_hash(job) as u32);
    let kept = limits::NAME_LENGTH_MAX - mark.len();
    let name: String = match name.chars().count() > kept {
        false => name.to_owned(),
        // Two long names that begin alike stay two.
        true => {
            let hash = format!("{:08x}", arn_hash(execution) as u32);
            let begin: String = name.chars().take(kept - hash.len()).collect();
            begin + &hash
        }
    };
    name + &mark
}

/// Whether trying again can't help.
pub fn is_final(error: &ApiError) -> bool {
    matches!(
        error.code,
        ErrorCode::StateMachineDoesNotExist
            | ErrorCode::StateMachineTypeNotSupported
            | ErrorCode::InvalidArn
            | ErrorCode::ValidationException
    )
}

/// Whether the execution is as the job wants it, by this job before a crash or by somebody else.
pub fn is_done_already(action: JobAction, error: &ApiError) -> bool {
    match action {
        JobAction::Stop => error.code == ErrorCode::ExecutionDoesNotExist,
        JobAction::Redrive => error.message.contains("is RUNNING"),
        JobAction::StartAgain => error.code == ErrorCode::ExecutionAlreadyExists,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_started_again_has_one_name() {
        let arn = |name: &str| format!("arn:aws:states:us-east-1:000000000000:execution:m:{name}");
        let again = name_again(&arn("order-1"), "job");
        assert_eq!(again, name_again(&arn("order-1"), "job"));
        assert!(again.starts_with("order-1-again-"), "{again}");
        assert_ne!(again, name_again(&arn("order-1"), "other"));
        let long = "x".repeat(80);
        let (a, b) = (format!("{}a", &long[1..]), format!("{}b", &long[1..]));
        let (a, b) = (name_again(&arn(&a), "job"), name_again(&arn(&b), "job"));
        assert_ne!(a, b);
        assert_eq!(a.chars().count(), limits::NAME_LENGTH_MAX);
    }
}
