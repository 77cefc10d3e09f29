//! Succeed: ends its scope with success.

use super::Draft;
use crate::program::StateKind;

pub(super) fn parse(_draft: &mut Draft<'_, '_, '_>) -> Option<StateKind> {
    Some(StateKind::Succeed)
}
