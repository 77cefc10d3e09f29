//! What is known not to pass: the ratchet.
//!
//! Owns: the files `known-gaps...`, one for each suite. A line `reason:` opens a group; each line below it names levels, or
//! steps (`s1` is the first), and a case:
//!
//! ```text
//! # comment
//! reason: why these don't pass
//!   1,2,3 the/case.py::id
//! ```
//!
//! A case that fails at a level that is not listed is a step back; a listed one that passes must be taken out.

use crate::verdict::Verdict;
use std::collections::{BTreeMap, BTreeSet};

/// Levels that are known to fail, by case, with the reason.
#[derive(Debug, Default)]
pub struct Gaps {
    cases: BTreeMap<String, Gap>,
}

#[derive(Debug)]
struct Gap {
    levels: BTreeSet<String>,
    reason: String,
}

impl Gaps {
    /// Reads the file's text.
    ///
    /// # Errors
    /// The line that can't be read, and why.
    pub fn parse(text: &str) -> Result<Self, String> {
        let (mut gaps, mut reason) = (Self::default(), None);
        for (number, line) in text.lines().enumerate() {
            let place = |what: &str| format!("known-gaps line {}: {what}: {line}", number + 1);
            let line = line.trim();
            if line.is_empty() || line.starts_with('#') {
                continue;
            }
            if let Some(words) = line.strip_prefix("reason:") {
                reason = Some(words.trim().to_owned());
                continue;
            }
            let (levels, id) = line
                .split_once(' ')
                .ok_or_else(|| place("expected levels and a case"))?;
            let reason = reason
                .clone()
                .filter(|r| !r.is_empty())
                .ok_or_else(|| place("no reason above"))?;
            let levels = levels.split(',').map(str::to_owned).collect();
            if gaps
                .cases
                .insert(id.trim().to_owned(), Gap { levels, reason })
                .is_some()
            {
                return Err(place("listed twice"));
            }
        }
        Ok(gaps)
    }

    /// What is wrong with the list as to this case: a failure that it doesn't have, or a pass that it doesn't expect.
    #[must_use]
    pub fn complaint(&self, id: &str, verdict: &Verdict) -> Option<String> {
        let failed = verdict.failed();
        let none = BTreeSet::new();
        let listed = self.cases.get(id).map_or(&none, |gap| &gap.levels);
        let new: Vec<&str> = failed
            .iter()
            .map(String::as_str)
            .filter(|level| !listed.contains(*level))
            .collect();
        if !new.is_empty() {
            let why = verdict.first_failure().unwrap_or_default();
            return Some(format!("fails: {} {id}\n    {why}", new.join(",")));
        }
        let gone: Vec<&str> = listed
            .iter()
            .filter(|level| !failed.contains(level))
            .map(String::as_str)
            .collect();
        if gone.is_empty() {
            return None;
        }
        Some(format!(
            "passes, but is in known-gaps: {} {id}",
            gone.join(",")
        ))
    }

    /// Why the case is listed.
    #[must_use]
    pub fn reason(&self, id: &str) -> Option<&str> {
        self.cases.get(id).map(|gap| gap.reason.as_str())
    }
}

/// The file's text without the levels at which a case passes by now; nothing is added.
#[must_use]
pub fn without_passes(text: &str, verdicts: &BTreeMap<String, Verdict>) -> String {
    let mut kept = String::with_capacity(text.len());
    for line in text.lines() {
        let entry = line
            .trim()
            .split_once(' ')
            .filter(|_| line.starts_with(' '));
        let Some((levels, verdict)) =
            entry.and_then(|(levels, id)| Some((levels, verdicts.get(id.trim())?)))
        else {
            kept.push_str(line);
            kept.push('\n');
            continue;
        };
        let failed = verdict.failed();
        let left: Vec<&str> = levels
            .split(',')
            .filter(|level| failed.iter().any(|other| other == level))
            .collect();
        if !left.is_empty() {
            kept.push_str(&line.replacen(levels, &left.join(","), 1));
            kept.push('\n');
        }
    }
    kept
}

#[cfg(test)]
mod tests {
    use super::*;

    fn verdict(result: bool, bag: bool) -> Verdict {
        let check = |holds: bool| {
            Some(if holds {
                Ok(())
            } else {
                Err("differs".to_owned())
            })
        };
        Verdict {
            result: check(result),
            bag: check(bag),
            ..Verdict::default()
        }
    }

    #[test]
    fn both_directions_are_complained_about() {
        let gaps = Gaps::parse("# x\nreason: because\n  2 a::b[c d]\n").expect("it parses");
        assert_eq!(gaps.complaint("a::b[c d]", &verdict(true, false)), None);
        assert_eq!(gaps.reason("a::b[c d]"), Some("because"));
        assert!(
            gaps.complaint("a::b[c d]", &verdict(true, true))
                .is_some_and(|c| c.starts_with("passes"))
        );
        assert!(
            gaps.complaint("a::b[c d]", &verdict(false, false))
                .is_some_and(|c| c.starts_with("fails: 1 a"))
        );
        assert!(
            gaps.complaint("other", &verdict(true, false))
                .is_some_and(|c| c.contains("differs"))
        );
    }

    #[test]
    fn what_passes_is_taken_out() {
        let text = "# x\nreason: because\n  1,2 a b\n  2 c\n  1 d\n";
        let verdicts = BTreeMap::from([
            ("a b".to_owned(), verdict(true, false)),
            ("c".to_owned(), verdict(true, true)),
        ]);
        let left = "# x\nreason: because\n  2 a b\n  1 d\n";
        assert_eq!(without_passes(text, &verdicts), left);
    }

    #[test]
    fn a_line_without_a_reason_is_refused() {
        assert!(Gaps::parse("1 a").is_err());
        assert!(Gaps::parse("reason: r\n1 a\n2 a").is_err());
    }
}
