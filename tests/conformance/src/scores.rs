//! The table: areas by levels, and the totals that the project aims at.
//!
//! Owns: counting. A case counts at a level only where something was recorded to compare.

use crate::case::Case;
use crate::verdict::{LEVELS, Verdict};
use std::collections::BTreeMap;
use std::fmt::Write;

/// Passed, and how many there were.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Score {
    passed: usize,
    total: usize,
}

/// Cases counted by area, and by what is aimed at.
#[derive(Debug, Default)]
pub struct Scores {
    areas: BTreeMap<String, [Score; 4]>,
    /// `(name, aim in per mille)` to the score.
    aims: BTreeMap<(&'static str, usize), Score>,
}

impl Score {
    fn count(&mut self, passed: bool) {
        self.total += 1;
        self.passed += usize::from(passed);
    }
}

impl Scores {
    /// Counts a case.
    pub fn add(&mut self, case: &Case, verdict: &Verdict) {
        let area = match case.kind.as_str() {
            "execution" => format!("execution {}", case.area),
            other => other.to_owned(),
        };
        for step in verdict.steps.iter().flatten() {
            let score = self.aims.entry(("api: steps", 950)).or_default();
            score.count(step.is_ok());
        }
        for row in [area, "total".to_owned()] {
            let scores = self.areas.entry(row).or_default();
            for (score, level) in scores.iter_mut().zip(verdict.levels()) {
                level.iter().for_each(|level| score.count(level.is_ok()));
            }
        }
        let Some((result, history)) = aims(case) else {
            return;
        };
        if let Some(level) = &verdict.result {
            self.aims.entry(result).or_default().count(level.is_ok());
        }
        if let (Some(aim), Some(holds)) = (history, verdict.highest_history()) {
            self.aims.entry(aim).or_default().count(holds);
        }
    }

    /// As text: a row for each area, then the aims.
    #[must_use]
    pub fn table(&self) -> String {
        let mut text = row("area", LEVELS.map(str::to_owned));
        let total = self.areas.iter().filter(|(area, _)| *area == "total");
        for (area, scores) in self
            .areas
            .iter()
            .filter(|(area, _)| *area != "total")
            .chain(total)
        {
            text.push_str(&row(area, scores.map(shown)));
        }
        text.push('\n');
        for ((name, aim), score) in &self.aims {
            let percent = 100.0 * score.passed as f64 / score.total.max(1) as f64;
            let met = score.passed * 1_000 >= score.total * aim;
            let aim = *aim as f64 / 10.0;
            let _ = writeln!(
                text,
                "{name:<52} {:>9}  {percent:>5.1} %  (aim {aim} %){}",
                shown(*score),
                if met { "" } else { "  below" }
            );
        }
        text
    }
}

type Aim = (&'static str, usize);

/// What a case counts towards: its result, and its history at the highest level that can be compared.
fn aims(case: &Case) -> Option<(Aim, Option<Aim>)> {
    Some(match (case.kind.as_str(), case.tier.as_str()) {
        ("execution", "interpreter") => (
            ("interpreter: results", 1_000),
            Some(("interpreter: histories at their highest level", 990)),
        ),
        ("execution", "worker") if case.is_replayable() => (
            ("worker, replayable: results", 1_000),
            Some(("worker, replayable: histories", 980)),
        ),
        ("execution", "service") if case.is_replayable() => (
            ("service, replayable: results", 950),
            Some(("service, replayable: histories", 950)),
        ),
        ("execution", _) => (("not replayable from tasks: results", 0), None),
        ("test_state", _) => (("TestState: answers", 980), None),
        ("validate", _) => (("ValidateStateMachineDefinition: answers", 1_000), None),
        _ => return None,
    })
}

fn shown(score: Score) -> String {
    match score.total {
        0 => "-".to_owned(),
        total => format!("{}/{total}", score.passed),
    }
}

fn row(area: &str, cells: [String; 4]) -> String {
    let [a, b, c, d] = cells;
    format!("{area:<34} {a:>9} {b:>9} {c:>9} {d:>9}\n")
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_case_counts_where_something_was_recorded() {
        let case = Case::new(json!({"kind": "execution", "area": "base", "tier": "interpreter"}));
        let verdict = Verdict {
            result: Some(Ok(())),
            order: Some(Err("differs".to_owned())),
            ..Verdict::default()
        };
        let mut scores = Scores::default();
        scores.add(&case, &verdict);
        let table = scores.table();
        assert!(
            table.contains(
                "execution base                           1/1         -         -       0/1"
            ),
            "{table}"
        );
        assert!(table.contains("interpreter: results                                       1/1  100.0 %  (aim 100 %)\n"), "{table}");
        assert!(table.contains("0/1    0.0 %  (aim 99 %)  below"), "{table}");
    }
}
