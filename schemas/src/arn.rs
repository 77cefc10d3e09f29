//! ARNs in AWS's shape.
//!
//! Owns: how machine and execution ARNs are built and taken apart, and the hash that remembers a closed execution's name.

use std::sync::Arc;

/// Longest name of a machine or execution, characters (AWS: 80).
pub const NAME_LENGTH_MAX: usize = 80;

/// `arn:aws:states:<region>:<account>:execution:<machine>:<name>` taken apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ExecutionArn<'a> {
    /// Region.
    pub region: &'a str,
    /// Account.
    pub account: &'a str,
    /// Name of the state machine.
    pub machine: &'a str,
    /// Name of the execution.
    pub name: &'a str,
}

impl<'a> ExecutionArn<'a> {
    /// Takes an execution ARN apart; `None` if it is not one.
    #[must_use]
    pub fn parse(arn: &'a str) -> Option<Self> {
        let mut parts = arn.strip_prefix("arn:aws:states:")?.splitn(5, ':');
        let (region, account) = (parts.next()?, parts.next()?);
        if parts.next()? != "execution" {
            return None;
        }
        let (machine, name) = (parts.next()?, parts.next()?);
        (!machine.is_empty() && !name.is_empty()).then_some(Self { region, account, machine, name })
    }
}

/// Builds a state machine ARN.
#[must_use]
pub fn state_machine_arn(region: &str, account: &str, name: &str) -> Arc<str> {
    format!("arn:aws:states:{region}:{account}:stateMachine:{name}").into()
}

/// The ARN of execution `name` of the machine with ARN `machine`; `None` if that is not a machine's ARN.
#[must_use]
pub fn execution_arn(machine: &str, name: &str) -> Option<Arc<str>> {
    let (head, machine_name) = machine.split_once(":stateMachine:")?;
    Some(format!("{head}:execution:{machine_name}:{name}").into())
}

/// The ARN of the machine that an execution ARN belongs to.
#[must_use]
pub fn machine_of(execution: &str) -> Option<Arc<str>> {
    let arn = ExecutionArn::parse(execution)?;
    Some(state_machine_arn(arn.region, arn.account, arn.machine))
}

/// 128-bit FNV-1a of `arn`; stable for ever, since it is stored.
#[must_use]
pub fn arn_hash(arn: &str) -> u128 {
    const PRIME: u128 = 0x0000_0000_0100_0000_0000_0000_0000_013b;
    const BASE: u128 = 0x6c62_272e_07bb_0142_62b8_2175_6295_c58d;
    arn.bytes().fold(BASE, |hash, byte| (hash ^ u128::from(byte)).wrapping_mul(PRIME))
}
