//! Whether an offset commit may count.

use kafka_protocol::ResponseError;

use super::messages::Identity;
use super::{Group, Phase};

impl Group {
    /// A commit by a member in the current generation counts, and is a sign of life. One without member and generation
    /// counts only while nobody is in the group: consumers that assign by hand, and administrators.
    pub(crate) fn check_commit(
        &mut self,
        identity: &Identity,
        generation: i32,
        now_ms: i64,
    ) -> Result<(), ResponseError> {
        let simple = generation < 0 && identity.member.is_empty() && identity.instance.is_none();
        if simple && self.members.is_empty() {
            return Ok(());
        }
        self.check_identity(identity)?;
        if generation != self.generation {
            return Err(ResponseError::IllegalGeneration);
        }
        if matches!(self.phase, Phase::Completing { .. }) {
            return Err(ResponseError::RebalanceInProgress);
        }
        if let Some(member) = self.members.get_mut(&identity.member) {
            member.heard(now_ms);
        }
        Ok(())
    }
}
