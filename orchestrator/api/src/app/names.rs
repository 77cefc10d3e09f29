//! What names and ARNs may look like, with AWS's errors.

use super::error::{ApiError, ErrorCode};
use crate::limits::NAME_LENGTH_MAX;
use baton_schemas::arn::ExecutionArn;

/// Checks the name of a machine or execution.
///
/// # Errors
/// InvalidName, as AWS words it (API reference, StartExecution, `name`: no white space, brackets `<>{}[]`, wildcards
/// `?*`, special characters, control characters; at most 80 characters).
pub fn check_name(name: &str) -> Result<(), ApiError> {
    let bad = |c: char| {
        c.is_whitespace()
            || c.is_control()
            || "<>{}[]?*\"#%\\^|~`$&,;:/".contains(c)
            || matches!(c, '\u{fffe}' | '\u{ffff}')
    };
    if name.is_empty() || name.chars().count() > NAME_LENGTH_MAX || name.chars().any(bad) {
        return Err(ApiError::new(
            ErrorCode::InvalidName,
            format!("Invalid Name: '{name}'"),
        ));
    }
    Ok(())
}

/// A machine's ARN taken apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MachineRef<'a> {
    /// ARN of the machine itself.
    pub machine: &'a str,
    /// What is named behind it.
    pub qualifier: Option<Qualifier<'a>>,
}

/// What may be named behind a machine's ARN.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Qualifier<'a> {
    /// A version, by its number.
    Version(u64),
    /// An alias, by its name.
    Alias(&'a str),
}

/// Takes the ARN of a machine, version or alias apart.
///
/// # Errors
/// InvalidArn.
pub fn machine_ref(arn: &str) -> Result<MachineRef<'_>, ApiError> {
    let rest = resource(arn, "stateMachine")?;
    let Some((_, name)) = rest.split_once(':') else {
        return Ok(MachineRef {
            machine: arn,
            qualifier: None,
        });
    };
    let bad = || invalid_arn(&format!("Invalid ARN: {arn}"));
    if name.is_empty() || name.contains(':') {
        return Err(bad());
    }
    let is_number = name.bytes().all(|b| b.is_ascii_digit());
    let qualifier = if is_number {
        Qualifier::Version(name.parse().map_err(|_| bad())?)
    } else {
        Qualifier::Alias(name)
    };
    Ok(MachineRef {
        machine: &arn[..arn.len() - name.len() - 1],
        qualifier: Some(qualifier),
    })
}

/// The name of an activity in its ARN.
///
/// # Errors
/// InvalidArn.
pub fn activity_name(arn: &str) -> Result<&str, ApiError> {
    let name = resource(arn, "activity")?;
    match name.contains(':') {
        true => Err(invalid_arn(&format!("Invalid ARN: {arn}"))),
        false => Ok(name),
    }
}

/// Checks that `arn` is one of a state machine, without version or alias.
///
/// # Errors
/// InvalidArn; StateMachineDoesNotExist for a version or alias, where only the machine itself will do.
pub fn check_machine_arn(arn: &str) -> Result<(), ApiError> {
    let parts = resource(arn, "stateMachine")?;
    if parts.contains(':') {
        return Err(ApiError::no_machine(arn));
    }
    Ok(())
}

/// Checks that `arn` is one of an execution.
///
/// # Errors
/// InvalidArn.
pub fn check_execution_arn(arn: &str) -> Result<(), ApiError> {
    resource(arn, "execution")?;
    match ExecutionArn::parse(arn) {
        Some(_) => Ok(()),
        None => Err(invalid_arn(&format!("Invalid ARN: {arn}"))),
    }
}

/// What follows the resource type in an ARN of Step Functions.
fn resource<'a>(arn: &'a str, expected: &str) -> Result<&'a str, ApiError> {
    if !arn.starts_with("arn:") {
        return Err(invalid_arn(&format!("Invalid ARN prefix: {arn}")));
    }
    let parts: Vec<&str> = arn.splitn(7, ':').collect();
    let ["arn", "aws", "states", region, account, kind, rest] = parts.as_slice() else {
        return Err(invalid_arn(&format!("Invalid ARN: {arn}")));
    };
    if *kind != expected {
        return Err(invalid_arn(&format!(
            "Resource type not valid in this context: {kind}"
        )));
    }
    if region.is_empty() || account.is_empty() || rest.is_empty() {
        return Err(invalid_arn(&format!("Invalid ARN: {arn}")));
    }
    Ok(rest)
}

fn invalid_arn(what: &str) -> ApiError {
    ApiError::new(ErrorCode::InvalidArn, format!("Invalid Arn: '{what}'"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_aws_refuses_are_refused() {
        for name in [
            "", "a b", "a\"", "a#", "a%", "a*", "a/", "a;", "a>", "a?", "a[", "a\u{1f}", "a\u{7f}",
            "a^", "a`", "a|", "a}", "a:b",
        ] {
            let error = check_name(name).unwrap_err();
            assert_eq!(error.message, format!("Invalid Name: '{name}'"));
        }
        assert!(check_name(&"a".repeat(81)).is_err());
        for name in ["a", "Order-1_2.3", &"a".repeat(80), "a!b", "a(b)'@+="] {
            assert_eq!(check_name(name), Ok(()), "{name}");
        }
    }

    #[test]
    fn versions_and_aliases_are_told_apart() {
        let machine = "arn:aws:states:us-east-1:000000000000:stateMachine:m";
        fn qualifier(text: &str) -> Result<Option<Qualifier<'_>>, ApiError> {
            machine_ref(text).map(|found| found.qualifier)
        }
        assert_eq!(qualifier(machine), Ok(None));
        let version = format!("{machine}:12");
        let found = machine_ref(&version).unwrap();
        assert_eq!(found.machine, machine);
        assert_eq!(found.qualifier, Some(Qualifier::Version(12)));
        let alias = format!("{machine}:v1.2");
        assert_eq!(qualifier(&alias), Ok(Some(Qualifier::Alias("v1.2"))));
        for bad in ["", "1:2", "99999999999999999999999"] {
            assert!(machine_ref(&format!("{machine}:{bad}")).is_err(), "{bad}");
        }
    }

    #[test]
    fn arns_are_checked_by_type() {
        let machine = "arn:aws:states:us-east-1:000000000000:stateMachine:m";
        let execution = "arn:aws:states:us-east-1:000000000000:execution:m:e";
        assert_eq!(check_machine_arn(machine), Ok(()));
        assert_eq!(check_execution_arn(execution), Ok(()));
        let message = |result: Result<(), ApiError>| result.unwrap_err().message;
        assert_eq!(
            message(check_machine_arn("nonsense")),
            "Invalid Arn: 'Invalid ARN prefix: nonsense'"
        );
        assert_eq!(
            message(check_machine_arn(execution)),
            "Invalid Arn: 'Resource type not valid in this context: execution'"
        );
        assert!(check_execution_arn("arn:aws:states:us-east-1:000000000000:execution:m").is_err());
        let version = check_machine_arn(&format!("{machine}:1")).unwrap_err();
        assert_eq!(version.code, ErrorCode::StateMachineDoesNotExist);
    }
}
