//! `Retry`: whether and when a state is tried again.
//!
//! Owns: the choice of a retrier and the length of its delay (ASL "Retrying after error"). Jitter is seeded by execution
//! and event id: the same failure has the same delay wherever it is decided.

use crate::errors;
use crate::frame::seconds_to_ms;
use baton_language::limits::SECONDS_MAX;
use baton_language::program::Retrier;
use baton_schemas::arn::arn_hash;

/// Which retrier takes `error`, from 0: the first that matches, if it has attempts left.
pub(crate) fn pick(retriers: &[Retrier], used: &[u32], error: Option<&str>) -> Option<usize> {
    let index = retriers
        .iter()
        .position(|retrier| errors::matches(&retrier.errors, error))?;
    let count = used.get(index).copied().unwrap_or(0);
    (u64::from(count) < retriers[index].max_attempts).then_some(index)
}

/// Delay before attempt `count` + 1 of this retrier, milliseconds; `seed` is text that names the failure.
pub(crate) fn delay_ms(retrier: &Retrier, count: u32, seed: &str) -> i64 {
    let longest = retrier.max_delay_s.unwrap_or(SECONDS_MAX).min(SECONDS_MAX);
    let longest_ms = seconds_to_ms(longest);
    let mut delay = seconds_to_ms(retrier.interval_s) as f64;
    for _ in 0..count {
        delay *= retrier.backoff_rate;
        if delay >= longest_ms as f64 || retrier.backoff_rate <= 1.0 {
            break;
        }
    }
    let delay_ms = (delay as i64).clamp(0, longest_ms);
    if retrier.full_jitter {
        share(delay_ms, seed)
    } else {
        delay_ms
    }
}

/// A number between 0 and `most`, by `seed`.
fn share(most: i64, seed: &str) -> i64 {
    let hash = arn_hash(seed);
    let mut mixed = (hash as u64) ^ ((hash >> 64) as u64);
    mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    mixed ^= mixed >> 31;
    let range = u128::from(most.unsigned_abs()) + 1;
    ((u128::from(mixed) * range) >> 64) as i64
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Arc;

    fn retrier() -> Retrier {
        Retrier {
            errors: vec![Arc::from("States.ALL")],
            interval_s: 2,
            max_attempts: 3,
            backoff_rate: 1.5,
            max_delay_s: Some(4),
            full_jitter: false,
        }
    }

    #[test]
    fn delays_grow_to_the_longest() {
        let delays: Vec<i64> = (0..5)
            .map(|count| delay_ms(&retrier(), count, "x"))
            .collect();
        assert_eq!(delays, [2_000, 3_000, 4_000, 4_000, 4_000]);
    }

    #[test]
    fn jitter_stays_within_the_delay_and_repeats() {
        let jittered = Retrier {
            full_jitter: true,
            ..retrier()
        };
        let delays: Vec<i64> = (0..100)
            .map(|n| delay_ms(&jittered, 0, &format!("arn#{n}")))
            .collect();
        assert!(delays.iter().all(|delay| (0..=2_000).contains(delay)));
        assert!(
            delays.iter().any(|delay| *delay > 1_500) && delays.iter().any(|delay| *delay < 500)
        );
        assert_eq!(delays[7], delay_ms(&jittered, 0, "arn#7"));
    }

    #[test]
    fn a_used_up_retrier_gives_way_to_none() {
        assert_eq!(pick(&[retrier()], &[2], Some("E")), Some(0));
        assert_eq!(pick(&[retrier()], &[3], Some("E")), None);
        assert_eq!(pick(&[retrier()], &[], Some("States.Runtime")), None);
    }
}
