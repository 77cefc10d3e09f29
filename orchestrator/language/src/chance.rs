//! Randomness that is not random: a sequence of numbers fixed by a name, so that the same decision is made wherever it
//! is made.
//!
//! Owns: the generator behind `States.UUID`, `States.MathRandom`, `$uuid`, `$random` and `$shuffle`. Not for secrets.

use std::cell::Cell;

/// A sequence of numbers fixed by a name (an execution's ARN) and a number (an event id). Hashes the name at first use,
/// so that making one costs nothing.
#[derive(Debug)]
pub struct Chance<'a> {
    name: &'a str,
    number: u64,
    state: Cell<Option<u64>>,
}

impl<'a> Chance<'a> {
    /// The sequence of this name and number.
    #[must_use]
    pub fn new(name: &'a str, number: u64) -> Self {
        Self {
            name,
            number,
            state: Cell::new(None),
        }
    }

    /// The next number.
    pub fn next_u64(&self) -> u64 {
        let state = self
            .state
            .get()
            .unwrap_or_else(|| self.seed())
            .wrapping_add(0x9e37_79b9_7f4a_7c15);
        self.state.set(Some(state));
        mix(state)
    }

    /// The next number from 0 (inclusive) to 1 (exclusive).
    pub fn next_f64(&self) -> f64 {
        unit(self.next_u64())
    }

    /// The next UUID, of version 4.
    pub fn next_uuid(&self) -> String {
        let high = (self.next_u64() & !0xf000) | 0x4000;
        let low = (self.next_u64() & !(0b11 << 62)) | (0b10 << 62);
        format!(
            "{:08x}-{:04x}-{:04x}-{:04x}-{:012x}",
            high >> 32,
            (high >> 16) & 0xffff,
            high & 0xffff,
            low >> 48,
            low & 0xffff_ffff_ffff
        )
    }

    /// FNV-1a over the name, mixed with the number.
    fn seed(&self) -> u64 {
        let hash = self
            .name
            .bytes()
            .fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
                (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
            });
        mix(hash ^ mix(self.number))
    }
}

/// A number from 0 (inclusive) to 1 (exclusive), fixed by `seed`: the first of Java's `java.util.Random`, which AWS draws
/// from (its documentation gives the algorithm: a linear congruential generator of 48 bits).
pub(crate) fn seeded(seed: i64) -> f64 {
    const MULTIPLIER: u64 = 0x5_deec_e66d;
    const MASK: u64 = (1 << 48) - 1;
    let mut state = (seed as u64 ^ MULTIPLIER) & MASK;
    let mut next = |bits: u32| {
        state = (state.wrapping_mul(MULTIPLIER).wrapping_add(0xb)) & MASK;
        state >> (48 - bits)
    };
    let high = next(26) << 27;
    (high + next(27)) as f64 / (1_u64 << 53) as f64
}

/// The bits as a number from 0 (inclusive) to 1 (exclusive).
pub(crate) fn unit(bits: u64) -> f64 {
    (bits >> 11) as f64 / (1_u64 << 53) as f64
}

/// The finisher of splitmix64.
fn mix(mut bits: u64) -> u64 {
    bits = (bits ^ (bits >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    bits = (bits ^ (bits >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    bits ^ (bits >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_name_and_number_give_the_same_sequence() {
        let draw = |name, number| {
            let chance = Chance::new(name, number);
            (chance.next_uuid(), chance.next_f64().to_bits())
        };
        assert_eq!(draw("arn:a", 3), draw("arn:a", 3));
        assert_ne!(draw("arn:a", 3), draw("arn:a", 4));
        assert_ne!(draw("arn:a", 3), draw("arn:b", 3));
    }

    #[test]
    fn uuids_are_of_version_4_and_numbers_are_spread() {
        let chance = Chance::new("arn", 1);
        for _ in 0..100 {
            let uuid = chance.next_uuid();
            assert_eq!((uuid.len(), &uuid[14..15]), (36, "4"), "{uuid}");
            assert!("89ab".contains(&uuid[19..20]), "{uuid}");
        }
        let mean = (0..1_000).map(|_| chance.next_f64()).sum::<f64>() / 1_000.0;
        assert!((0.45..0.55).contains(&mean), "{mean}");
        // Recorded from AWS.
        assert_eq!(seeded(42), 0.727_563_680_032_868_1);
        assert_eq!(seeded(0), 0.730_967_787_376_657);
        assert_eq!(seeded(7), 0.730_699_042_060_042_1);
    }
}
