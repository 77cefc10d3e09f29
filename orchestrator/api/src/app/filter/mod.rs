//! Which executions are meant: a filter, and the text that a person writes it as.
//!
//! Owns: the language of `where` (docs/http.md): conditions joined by `and`, about what every execution has or about
//! search attributes. Lists, saved views, jobs and streams all take it. Must not: know which machines declare which
//! attributes: one that an execution does not have is a condition that does not hold.

mod parse;

use super::App;
use super::error::ApiError;
use super::list::{ListRequest, status_of};
use crate::limits::{CONDITIONS_MAX, WHERE_LENGTH_MAX};
use baton_engine::search::{Condition, Field, Op};
use baton_schemas::time::parse_rfc3339;
use std::sync::Arc;

/// Which executions are meant.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Filter {
    /// Of this machine: name or ARN.
    pub machine: Option<Arc<str>>,
    /// With this status.
    pub status: Option<Arc<str>>,
    /// Started at or after, milliseconds since the epoch.
    pub from_ms: Option<i64>,
    /// Started before.
    pub before_ms: Option<i64>,
    /// Name begins with this.
    pub name_prefix: Option<Arc<str>>,
    /// All of these hold.
    pub conditions: Vec<Condition>,
}

impl Filter {
    /// Reads a `where`.
    ///
    /// # Errors
    /// ValidationException that says where it is wrong.
    pub fn parse(text: &str) -> Result<Self, ApiError> {
        if text.len() > WHERE_LENGTH_MAX {
            return Err(wrong(&format!("longer than {WHERE_LENGTH_MAX} bytes")));
        }
        let mut filter = Self::default();
        let mut rest = text.trim_start();
        loop {
            let (name, behind) = parse::word(rest)?;
            let (op, behind) = parse::operator(name, behind.trim_start())?;
            let (value, behind) = parse::value(name, behind.trim_start())?;
            filter.add(name, op, &value)?;
            rest = behind.trim_start();
            if rest.is_empty() {
                return Ok(filter);
            }
            match parse::word(rest) {
                Ok((and, behind)) if and.eq_ignore_ascii_case("and") => rest = behind.trim_start(),
                _ => return Err(wrong(&format!("expected 'and' or the end before '{rest}'"))),
            }
        }
    }

    /// Adds one condition.
    ///
    /// # Errors
    /// ValidationException.
    pub fn add(&mut self, name: &str, op: Op, value: &str) -> Result<(), ApiError> {
        match name {
            "machine" => once(name, &mut self.machine, only_equal(name, op, value)?),
            "status" => {
                let status = only_equal(name, op, value)?;
                if status_of(value).is_none() {
                    let expected = "RUNNING, SUCCEEDED, FAILED, TIMED_OUT or ABORTED";
                    return Err(wrong(&format!("status {value}: must be {expected}")));
                }
                once(name, &mut self.status, status)
            }
            "name" => match value.strip_suffix('*').filter(|_| op == Op::Equal) {
                Some(prefix) => once(name, &mut self.name_prefix, prefix.into()),
                None => Err(wrong("name takes = and how it begins: name = 'order-*'")),
            },
            "started" => self.started(op, value),
            _ => {
                let field = match name {
                    "error" => Field::Error,
                    _ => Field::Attribute(name.into()),
                };
                self.push(field, op, value)
            }
        }
    }

    /// As a list asks for it.
    pub fn request(&self, app: &App) -> ListRequest {
        let machine = self.machine.as_ref().map(|machine| {
            if machine.starts_with("arn:") {
                machine.clone()
            } else {
                app.machine_arn(machine)
            }
        });
        ListRequest {
            machine,
            status: self.status.clone(),
            from_ms: self.from_ms,
            before_ms: self.before_ms,
            name_prefix: self.name_prefix.clone(),
            conditions: self.conditions.clone(),
            ..ListRequest::default()
        }
    }

    /// What holds only if both hold.
    ///
    /// # Errors
    /// ValidationException if both name a machine, status or name.
    pub fn and(mut self, other: Self) -> Result<Self, ApiError> {
        let fields = [
            ("machine", &mut self.machine, other.machine),
            ("status", &mut self.status, other.status),
            ("name", &mut self.name_prefix, other.name_prefix),
        ];
        for (name, mine, theirs) in fields {
            if let Some(theirs) = theirs {
                once(name, mine, theirs)?;
            }
        }
        self.from_ms = self.from_ms.max(other.from_ms);
        self.before_ms = earlier(self.before_ms, other.before_ms);
        self.conditions.extend(other.conditions);
        Ok(self)
    }

    fn started(&mut self, op: Op, value: &str) -> Result<(), ApiError> {
        let Some(ms) = parse_rfc3339(value) else {
            return Err(wrong(&format!(
                "started {value}: must be a time such as 2026-01-31T12:00:00Z"
            )));
        };
        let next = ms.saturating_add(1);
        match op {
            Op::GreaterOrEqual => self.from_ms = self.from_ms.max(Some(ms)),
            Op::Greater => self.from_ms = self.from_ms.max(Some(next)),
            Op::Less => self.before_ms = earlier(self.before_ms, Some(ms)),
            Op::LessOrEqual => self.before_ms = earlier(self.before_ms, Some(next)),
            Op::Equal | Op::Unequal | Op::Prefix => {
                return Err(wrong("started takes <, <=, > and >="));
            }
        }
        Ok(())
    }

    fn push(&mut self, field: Field, op: Op, value: &str) -> Result<(), ApiError> {
        if self.conditions.len() == CONDITIONS_MAX {
            return Err(wrong(&format!("more than {CONDITIONS_MAX} conditions")));
        }
        let (op, value) = match value.strip_suffix('*') {
            Some(prefix) if op == Op::Equal => (Op::Prefix, prefix),
            _ => (op, value),
        };
        let value = value.into();
        self.conditions.push(Condition { field, op, value });
        Ok(())
    }
}

fn earlier(a: Option<i64>, b: Option<i64>) -> Option<i64> {
    match (a, b) {
        (Some(a), Some(b)) => Some(a.min(b)),
        (one, other) => one.or(other),
    }
}

fn once(name: &str, mine: &mut Option<Arc<str>>, value: Arc<str>) -> Result<(), ApiError> {
    match mine {
        Some(before) if *before != value => {
            Err(wrong(&format!("{name} is both {before} and {value}")))
        }
        _ => {
            *mine = Some(value);
            Ok(())
        }
    }
}

fn only_equal(name: &str, op: Op, value: &str) -> Result<Arc<str>, ApiError> {
    match op {
        Op::Equal => Ok(value.into()),
        _ => Err(wrong(&format!("{name} takes = alone"))),
    }
}

fn wrong(why: &str) -> ApiError {
    ApiError::validation(format!(
        "where: {why}; it reads like: machine = orders and status = FAILED and error = 'Card.*' and total >= 100"
    ))
}

#[cfg(test)]
mod tests;
