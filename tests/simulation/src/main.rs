//! The command line of the simulation: `simulation --seeds N [--from S] [--full] [--without R] [--trace]`.

use baton_simulation::SEEDS_PER_RULE;
use baton_simulation::programs::Programs;
use clap::Parser;
use std::process::ExitCode;
use std::sync::Arc;

#[derive(Parser)]
#[command(about = "Runs the partition owner in a simulated world and checks what must always hold")]
struct Arguments {
    /// How many seeds.
    #[arg(long, default_value_t = 200)]
    seeds: u64,
    /// The first seed.
    #[arg(long, default_value_t = 0)]
    from: u64,
    /// Also take out each rule in turn and show that it is caught.
    #[arg(long)]
    full: bool,
    /// Take this rule (1 to 14) out.
    #[arg(long, default_value_t = 0)]
    without: usize,
    /// Print every step.
    #[arg(long)]
    trace: bool,
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let programs = Arc::new(Programs::new());
    let (mut failed, mut steps, mut executions, mut records) = (0, 0, 0, 0);
    for seed in arguments.from..arguments.from + arguments.seeds {
        let outcome = baton_simulation::run(seed, arguments.without, &programs, arguments.trace);
        steps += outcome.steps;
        executions += outcome.executions;
        records += outcome.records;
        if let Some(broken) = outcome.broken {
            println!(
                "seed {seed}: {broken}\n  again: --from {seed} --seeds 1 --without {} --trace",
                arguments.without
            );
            failed += 1;
            if failed >= 10 {
                break;
            }
        }
    }
    println!(
        "{} seeds, {steps} steps, {executions} executions, {records} records: {failed} failed",
        arguments.seeds
    );
    let mut checks_failed = usize::from(failed > 0);
    let mut checks = 1;
    if arguments.full {
        for rule in 1..=14 {
            checks += 1;
            checks_failed += usize::from(!is_caught(rule, &programs));
        }
    }
    println!("{} passed, {checks_failed} failed", checks - checks_failed);
    if checks_failed == 0 {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}

/// Whether some seed shows that the engine needs this rule.
fn is_caught(rule: usize, programs: &Arc<Programs>) -> bool {
    match baton_simulation::catch(rule, SEEDS_PER_RULE, programs) {
        Some((seed, broken)) => {
            println!("without R{rule}: caught by seed {seed}: {broken}");
            true
        }
        None => {
            println!("without R{rule}: NOT caught in {SEEDS_PER_RULE} seeds");
            false
        }
    }
}
