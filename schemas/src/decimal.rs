//! Whole numbers as decimal text without an allocation, for headers on the hot path.
//!
//! Owns: the stack buffer. Must not: parse (that is `str::parse`).

/// Digits of `u64::MAX`, and room for a sign.
const LENGTH_MAX: usize = 21;

/// A number in decimal, on the stack.
#[derive(Clone, Copy, Debug)]
pub struct Decimal {
    bytes: [u8; LENGTH_MAX],
    start: usize,
}

impl Decimal {
    /// `n` in decimal.
    #[must_use]
    pub fn new(n: i64) -> Self {
        let mut decimal = Self::unsigned(n.unsigned_abs());
        if n < 0 {
            decimal.push_front(b'-');
        }
        decimal
    }

    /// `n` in decimal.
    #[must_use]
    pub fn unsigned(mut n: u64) -> Self {
        let mut decimal = Self {
            bytes: [0; LENGTH_MAX],
            start: LENGTH_MAX,
        };
        loop {
            decimal.push_front(b'0' + (n % 10) as u8);
            n /= 10;
            if n == 0 {
                return decimal;
            }
        }
    }

    /// The text, in ASCII.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        &self.bytes[self.start..]
    }

    fn push_front(&mut self, byte: u8) {
        self.start -= 1;
        self.bytes[self.start] = byte;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn writes_what_to_string_writes(signed: i64, unsigned: u64) {
            prop_assert_eq!(Decimal::new(signed).as_bytes().to_vec(), signed.to_string().into_bytes());
            prop_assert_eq!(Decimal::unsigned(unsigned).as_bytes().to_vec(), unsigned.to_string().into_bytes());
        }
    }

    #[test]
    fn the_longest_numbers_fit() {
        for n in [0, i64::MIN, i64::MAX] {
            assert_eq!(Decimal::new(n).as_bytes(), n.to_string().as_bytes());
        }
        assert_eq!(
            Decimal::unsigned(u64::MAX).as_bytes(),
            u64::MAX.to_string().as_bytes()
        );
    }
}
