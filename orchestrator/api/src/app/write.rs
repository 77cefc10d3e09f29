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
        Err(beaten(arn))
    }

    /// Changes what `arn` stands for, where that is not a machine. Returns what it stands for afterwards; `None` if it is
    /// free.
    ///
    /// `decide` sees what it stands for now and may be called several times.
    pub(crate) async fn change_held(
        &self,
        arn: &Arc<str>,
        decide: impl Fn(Option<&RegistryBody>) -> Result<Decision, ApiError>,
    ) -> Result<Option<RegistryBody>, ApiError> {
        for _ in 0..limits::WRITE_TRIES {
            // Read first: if what follows is newer than this revision, the write is refused and decided again.
            let based_on = self.parts.registry.revision_of(arn);
            let held = self.parts.registry.held(arn);
            if based_on.is_none() {
                self.read_registry().await?;
                if self.parts.registry.revision_of(arn).is_some() {
                    continue;
                }
            }
            let body = match decide(held.as_ref().map(|held| &held.body))? {
                Decision::Keep => return Ok(held.map(|held| held.body.clone())),
                Decision::Put(body) => body,
            };
            let entry = RegistryEntry {
                v: 1,
                arn: arn.clone(),
                based_on,
                attempt: ids::uuid().into(),
                time_ms: ids::now_ms(),
                body: body.clone(),
            };
            match self.put(entry).await? {
                Ok(_) => return Ok(Some(body).filter(|body| *body != RegistryBody::Deleted)),
                Err(RegistryError::Outdated { .. }) => {}
                Err(unavailable) => return Err(unavailable.into()),
            }
        }
        Err(beaten(arn))
    }

    /// Frees the ARN of something that is not a machine, if it is taken.
    pub(crate) async fn delete_held(&self, arn: &str) -> Result<(), ApiError> {
        self.change_held(&arn.into(), |held| {
            Ok(match held {
                None => Decision::Keep,
                Some(_) => Decision::Put(RegistryBody::Deleted),
            })
        })
        .await?;
        Ok(())
    }

    async fn put(&self, entry: RegistryEntry) -> Result<Result<i64, RegistryError>, ApiError> {
        let (answer, answered) = oneshot::channel();
        let answer = Box::new(move |result| drop(answer.send(result)));
        self.parts.writer.put(entry, answer);
        in_time("writing to the registry", answered, limits::CALL_TIMEOUT).await
    }
}

fn beaten(arn: &str) -> ApiError {
    ApiError::new(
        ErrorCode::ConflictException,
        format!(
            "{arn} was changed by others {} times in a row; try again",
            limits::WRITE_TRIES
        ),
    )
}
