//! Executions that AWS recorded, run through the machine and compared event by event.
//!
//! Owns: which cases are run and how many must pass (a ratchet). The recordings lie outside the repository; where they
//! are absent the test says so and passes. Rules of comparison: the recordings' own README, "Comparing histories".

mod case;
mod compare;
mod world;

use compare::Levels;
use std::collections::BTreeMap;

/// Cases that must pass at least, by level: result, cause, events as a bag, events in order with ids.
const FLOOR: Levels<usize> = Levels {
    result: 585,
    cause: 47,
    bag: 253,
    order: 249,
};

#[derive(Default)]
struct Row {
    run: usize,
    refused: usize,
    passed: Levels<usize>,
    comparable: Levels<usize>,
}

#[test]
fn histories_are_as_aws_recorded_them() {
    let Some(cases) = case::load() else {
        eprintln!(
            "skipped: the recorded executions are not here (../shared/conformance/aws beside the workspace)"
        );
        return;
    };
    let mut rows: BTreeMap<String, Row> = BTreeMap::new();
    let mut failures = Vec::new();
    for case in cases.iter().filter(|case| case.is_runnable()) {
        let row = rows.entry(case.area.clone()).or_default();
        match world::run(case) {
            Err(why) => {
                row.refused += 1;
                failures.push(format!("not compiled: {}: {why}", case.id));
            }
            Ok(outcome) => {
                row.run += 1;
                let levels = compare::levels(case, &outcome);
                row.passed
                    .count(levels.clone().map(|level| level == Some(Ok(()))));
                row.comparable
                    .count(levels.clone().map(|level| level.is_some()));
                failures.extend(
                    levels
                        .first_failure()
                        .map(|why| format!("{}: {why}", case.id)),
                );
            }
        }
    }
    let passed = report(&rows, &failures);
    for (level, passed, floor) in passed.beside(&FLOOR) {
        assert!(
            passed >= floor,
            "{level}: {passed} cases pass, {floor} did before"
        );
    }
}

fn report(rows: &BTreeMap<String, Row>, failures: &[String]) -> Levels<usize> {
    for failure in failures {
        println!("{failure}");
    }
    let mut total = Row::default();
    println!(
        "{:<22} {:>4} {:>7}  result    cause     bag       order",
        "area", "run", "refused"
    );
    for (area, row) in rows {
        print_row(area, row);
        total.run += row.run;
        total.refused += row.refused;
        total.passed.add(&row.passed);
        total.comparable.add(&row.comparable);
    }
    print_row("total", &total);
    total.passed
}

fn print_row(area: &str, row: &Row) {
    let cells: Vec<String> = row
        .passed
        .beside(&row.comparable)
        .map(|(_, passed, of)| format!("{:<9}", format!("{passed}/{of}")))
        .collect();
    println!(
        "{area:<22} {:>4} {:>7}  {}",
        row.run,
        row.refused,
        cells.join(" ")
    );
}
