//! LeaveGroup: members go, by their own wish or an administrator's.

use kafka_protocol::ResponseError;

use super::Group;
use super::messages::{Answer, Identity};

/// One who leaves, and what became of it.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Leaver {
    /// Who; a static member may be named by its instance alone.
    pub(crate) identity: Identity,
    /// Why it could not leave.
    pub(crate) error: Option<ResponseError>,
}

impl Group {
    /// Takes members out, in order.
    pub(crate) fn leave(
        &mut self,
        leaving: Vec<Identity>,
        now_ms: i64,
        out: &mut Vec<Answer>,
    ) -> Vec<Leaver> {
        let mut leavers = Vec::with_capacity(leaving.len());
        for identity in leaving {
            let error = self.leave_one(&identity, now_ms, out).err();
            leavers.push(Leaver { identity, error });
        }
        leavers
    }

    fn leave_one(
        &mut self,
        identity: &Identity,
        now_ms: i64,
        out: &mut Vec<Answer>,
    ) -> Result<(), ResponseError> {
        if identity.instance.is_none() && self.pending.remove(&identity.member).is_some() {
            self.try_complete_join(now_ms, out);
            return Ok(());
        }
        let named = identity
            .instance
            .as_ref()
            .filter(|_| identity.member.is_empty());
        let id = match named {
            Some(instance) => self
                .instances
                .get(instance)
                .cloned()
                .ok_or(ResponseError::UnknownMemberId)?,
            None => {
                self.check_identity(identity)?;
                identity.member.clone()
            }
        };
        self.remove_member(&id, now_ms, out);
        Ok(())
    }
}
