//! Pseudo-random numbers that are the same in each run.

/// A pseudo-random number generator (xorshift, 64 bits).
#[derive(Debug, Clone)]
pub struct Random(u64);

impl Random {
    /// Creates a generator from `seed`, which must not be 0.
    pub fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// Returns a number below `bound`, or 0 if `bound` is 0.
    pub fn below(&mut self, bound: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 >> 16).unwrap_or(0) % bound.max(1)
    }

    /// Returns any byte.
    pub fn byte(&mut self) -> u8 {
        self.below(256).to_le_bytes()[0]
    }

    /// Returns one of the elements, or `None` if the slice is empty.
    pub fn pick<'a, T>(&mut self, from: &'a [T]) -> Option<&'a T> {
        from.get(self.below(from.len()))
    }

    /// Returns one of the elements.
    ///
    /// # Panics
    /// If the slice is empty.
    pub fn one_of<'a, T>(&mut self, from: &'a [T]) -> &'a T {
        self.pick(from).expect("something to choose from")
    }
}
