//! ARNs in AWS's shape.
//!
//! Owns: how machine and execution ARNs are built and taken apart, and the hash that remembers a closed execution's name.

use std::sync::Arc;

/// Longest name of a machine or execution, characters (AWS: 80).
pub const NAME_LENGTH_MAX: usize = 80;

/// Longest execution ARN, bytes; with it a task token stays below [`crate::token::TOKEN_LENGTH_MAX`]. AWS's bounds on
/// names, regions and accounts keep every ARN below that, at four bytes a character.
pub const ARN_LENGTH_MAX: usize = 720;

/// `arn:aws:states:<region>:<account>:execution:<machine>:<name>` taken apart, or
/// `arn:aws:states:<region>:<account>:express:<machine>:<name>:<id>`.
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
    /// What tells Express executions of the same name apart.
    pub id: Option<&'a str>,
}

impl<'a> ExecutionArn<'a> {
    /// Takes an execution ARN apart; `None` if it is not one.
    #[must_use]
    pub fn parse(arn: &'a str) -> Option<Self> {
        let mut parts = arn.strip_prefix("arn:aws:states:")?.splitn(5, ':');
        let (region, account) = (parts.next()?, parts.next()?);
        let kind = parts.next()?;
        let (machine, mut name) = (parts.next()?, parts.next()?);
        let mut id = None;
        match kind {
            "execution" => {}
            "express" => {
                let (before, behind) = name.split_once(':')?;
                (name, id) = (before, Some(behind).filter(|id| !id.is_empty()));
                id?;
            }
            _ => return None,
        }
        (!machine.is_empty() && !name.is_empty()).then_some(Self {
            region,
            account,
            machine,
            name,
            id,
        })
    }
}

/// Builds a state machine ARN.
#[must_use]
pub fn state_machine_arn(region: &str, account: &str, name: &str) -> Arc<str> {
    format!("arn:aws:states:{region}:{account}:stateMachine:{name}").into()
}

/// The ARN of execution `name` of the machine with ARN `machine`; `None` if that is not a machine's ARN.
///
/// A version or alias behind the machine's name is left out, as AWS does.
#[must_use]
pub fn execution_arn(machine: &str, name: &str) -> Option<Arc<str>> {
    let (region, account, machine_name) = machine_parts(machine)?;
    Some(format!("arn:aws:states:{region}:{account}:execution:{machine_name}:{name}").into())
}

/// The ARN of the Express execution `name` of the machine with ARN `machine`; `id` tells it from others of that name.
#[must_use]
pub fn express_arn(machine: &str, name: &str, id: &str) -> Option<Arc<str>> {
    let (region, account, machine_name) = machine_parts(machine)?;
    Some(format!("arn:aws:states:{region}:{account}:express:{machine_name}:{name}:{id}").into())
}

/// Region, account and name of a machine's ARN.
fn machine_parts(machine: &str) -> Option<(&str, &str, &str)> {
    let mut parts = machine.strip_prefix("arn:aws:states:")?.split(':');
    let (region, account) = (parts.next()?, parts.next()?);
    if parts.next()? != "stateMachine" {
        return None;
    }
    let name = parts.next().filter(|name| !name.is_empty())?;
    Some((region, account, name))
}

/// ARNs of alias and version of `machine` in a qualifier: `3` is a version, `live:3` an alias and where it led.
#[must_use]
pub fn alias_and_version(
    machine: &str,
    qualifier: Option<&str>,
) -> (Option<String>, Option<String>) {
    let Some(qualifier) = qualifier else {
        return (None, None);
    };
    let (alias, version) = match qualifier.rsplit_once(':') {
        Some((alias, version)) => (Some(alias), version),
        None => (None, qualifier),
    };
    (
        alias.map(|alias| format!("{machine}:{alias}")),
        Some(format!("{machine}:{version}")),
    )
}

/// What is wrong with the name of a machine or execution, to be put behind "the name"; `None` if nothing is.
///
/// Source: `name` of CreateStateMachine and StartExecution in AWS's API reference.
#[must_use]
pub fn name_problem(name: &str) -> Option<String> {
    let length = name.chars().count();
    if length == 0 {
        return Some("is empty".to_owned());
    }
    if length > NAME_LENGTH_MAX {
        return Some(format!(
            "has {length} characters; at most {NAME_LENGTH_MAX} are allowed"
        ));
    }
    let bad = name.chars().find(|c| {
        c.is_whitespace()
            || c.is_control()
            || matches!(c, '\u{fffe}' | '\u{ffff}')
            || "<>{}[]?*\"#%\\^|~`$&,;:/".contains(*c)
    })?;
    Some(format!(
        "contains {bad:?}, which AWS does not allow in names"
    ))
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
    arn.bytes().fold(BASE, |hash, byte| {
        (hash ^ u128::from(byte)).wrapping_mul(PRIME)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn an_execution_knows_its_machine() {
        let machine = state_machine_arn("us-east-1", "000000000000", "m");
        let execution = execution_arn(&machine, "e").expect("a machine's ARN");
        assert_eq!(
            &*execution,
            "arn:aws:states:us-east-1:000000000000:execution:m:e"
        );
        assert_eq!(machine_of(&execution), Some(machine.clone()));
        assert_eq!(
            execution_arn(&format!("{machine}:3"), "e"),
            Some(execution),
            "a version is left out"
        );
    }

    #[test]
    fn an_express_execution_has_an_id_behind_its_name() {
        let machine = state_machine_arn("us-east-1", "000000000000", "m");
        let arn = express_arn(&machine, "e", "4711").expect("a machine's ARN");
        assert_eq!(
            &*arn,
            "arn:aws:states:us-east-1:000000000000:express:m:e:4711"
        );
        let parsed = ExecutionArn::parse(&arn).expect("an execution's ARN");
        assert_eq!((parsed.name, parsed.id), ("e", Some("4711")));
        assert_eq!(machine_of(&arn), Some(machine));
        for bad in [
            "arn:aws:states:r:a:express:m:e",
            "arn:aws:states:r:a:express:m:e:",
        ] {
            assert_eq!(ExecutionArn::parse(bad), None);
        }
    }

    #[test]
    fn a_qualifier_names_a_version_and_perhaps_an_alias() {
        assert_eq!(alias_and_version("m", None), (None, None));
        assert_eq!(
            alias_and_version("m", Some("3")),
            (None, Some("m:3".into()))
        );
        let both = (Some("m:live".into()), Some("m:3".into()));
        assert_eq!(alias_and_version("m", Some("live:3")), both);
    }

    #[test]
    fn what_is_not_an_arn_is_none() {
        for text in [
            "",
            "arn:aws:states:r:a:stateMachine:m",
            "arn:aws:states:r:a:execution:m",
            "arn:aws:states:r:a:execution::e",
        ] {
            assert_eq!(ExecutionArn::parse(text), None, "{text}");
        }
        for text in [
            "",
            "x:stateMachine:m",
            "arn:aws:states:r:a:stateMachine:",
            "arn:aws:states:r:a:activity:m",
        ] {
            assert_eq!(execution_arn(text, "e"), None, "{text}");
        }
    }

    #[test]
    fn names_follow_aws() {
        assert_eq!(name_problem("Order_2024-06.é"), None);
        assert_eq!(name_problem(&"é".repeat(NAME_LENGTH_MAX)), None);
        for (name, why) in [
            ("", "is empty"),
            ("a b", "contains ' '"),
            ("a:b", "contains ':'"),
            (&"n".repeat(81), "81 characters"),
        ] {
            let problem = name_problem(name).expect(name);
            assert!(problem.contains(why), "{problem}");
        }
    }

    #[test]
    fn the_hash_is_fnv_1a() {
        // Vectors of draft-eastlake-fnv, appendix C.
        assert_eq!(arn_hash(""), 0x6c62_272e_07bb_0142_62b8_2175_6295_c58d);
        assert_eq!(arn_hash("a"), 0xd228_cb69_6f1a_8caf_7891_2b70_4e4a_8964);
        assert_eq!(
            arn_hash("foobar"),
            0x343e_1662_793c_64bf_6f0d_3597_ba44_6f18
        );
    }

    proptest! {
        #[test]
        fn taking_apart_never_panics(text in "(arn:aws:states:)?.{0,60}") {
            let _ = (ExecutionArn::parse(&text), machine_of(&text), execution_arn(&text, &text), name_problem(&text));
        }
    }
}
