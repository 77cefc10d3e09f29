//! Changing the registry by compare-and-set (R13).
//!
//! Owns: the loop of read, decide, write, and read back. The caller is answered when the record has been read back and
//! counts; when another writer was first, the decision is made again on what it wrote.

use super::error::{ApiError, ErrorCode};
use super::{App, in_time};
use crate::{ids, limits};
use baton_engine::registry::RegistryError;
use baton_engine::{Definition, Definitions};
use baton_schemas::registry::{RegistryBody, RegistryEntry};
use std::sync::Arc;
use tokio::sync::oneshot;

/// What a decision wants.
pub enum Decision {
    /// Nothing changes.
    Keep,
    /// This is what the ARN stands for from now on.
    Put(RegistryBody),
}

impl App {
    /// Changes what `arn` stands for. Returns its definition afterwards; `None` if it is free.
    ///
    /// `decide` sees the current definition and may be called several times.
    pub(crate) async fn change(
        &self,
        arn: &Arc<str>,
        decide: impl Fn(Option<&Definition>) -> Result<Decision, ApiError>,
    ) -> Result<Option<Arc<Definition>>, ApiError> {
        // What an ARN that is free again is based on is known from a refused try alone.
        let mut freed_at = None;
        for _ in 0..limits::WRITE_TRIES {
            let current = self.machine(arn).await?;
            let body = match decide(current.as_deref())? {
                Decision::Keep => return Ok(current),
                Decision::Put(body) => body,
            };
            let entry = RegistryEntry {
                v: 1,
                arn: arn.clone(),
                based_on: current
                    .as_ref()
                    .map_or(freed_at, |c| Some(c.revision as i64)),
                attempt: ids::uuid().into(),
                time_ms: ids::now_ms(),
                body,
            };
            match self.put(entry).await? {
                Ok(revision) => return Ok(self.parts.registry.revision(revision as u64)),
                Err(RegistryError::Outdated { current, .. }) => freed_at = current,
                Err(unavailable) => return Err(unavailable.into()),
            }
        }
        Err(ApiError::new(
            ErrorCode::ConflictException,
            format!(
                "{arn} was changed by others {} times in a row; try again",
                limits::WRITE_TRIES
            ),
        ))
    }

    async fn put(&self, entry: RegistryEntry) -> Result<Result<i64, RegistryError>, ApiError> {
        let (answer, answered) = oneshot::channel();
        let answer = Box::new(move |result| drop(answer.send(result)));
        self.parts.writer.put(entry, answer);
        in_time("writing to the registry", answered).await
    }
}
