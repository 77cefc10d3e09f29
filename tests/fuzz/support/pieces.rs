//! An input of several parts: what stands between them is long enough to be hit by no accident, and in the dictionary.

/// Between two parts.
pub const BETWEEN: &[u8] = b"\xff~--~\xff";

/// The parts of an input, at most so many; the last one has the rest.
pub fn pieces(mut input: &[u8], most: usize) -> Vec<&[u8]> {
    let mut all = Vec::new();
    while all.len() + 1 < most
        && let Some(at) = input
            .windows(BETWEEN.len())
            .position(|window| window == BETWEEN)
    {
        all.push(&input[..at]);
        input = &input[at + BETWEEN.len()..];
    }
    all.push(input);
    all
}
