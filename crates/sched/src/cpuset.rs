//! A set of cores, at most 64.

#![forbid(unsafe_code)]

use core::fmt;

/// A set of cores by number, 0..=63: where a thread may run, which cores are up.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct CpuSet(u64);

impl CpuSet {
    /// The number of cores that a set can speak of.
    pub const CAPACITY: usize = 64;
    /// No core.
    pub const NONE: Self = Self(0);
    /// Every core there can be.
    pub const ALL: Self = Self(u64::MAX);

    /// The set whose bit `n` says whether core `n` is in it.
    pub const fn from_bits(bits: u64) -> Self {
        Self(bits)
    }

    /// Bit `n` says whether core `n` is in the set.
    pub const fn bits(self) -> u64 {
        self.0
    }

    /// The set of `core` alone; empty if there can be no such core.
    pub const fn one(core: usize) -> Self {
        if core < Self::CAPACITY {
            Self(1 << core)
        } else {
            Self::NONE
        }
    }

    /// The cores `0..n`.
    pub const fn first(n: usize) -> Self {
        if n >= Self::CAPACITY {
            Self::ALL
        } else {
            Self((1 << n) - 1)
        }
    }

    /// Whether `core` is in the set.
    pub const fn contains(self, core: usize) -> bool {
        core < Self::CAPACITY && self.0 >> core & 1 != 0
    }

    /// This set and `core`.
    #[must_use]
    pub const fn with(self, core: usize) -> Self {
        Self(self.0 | Self::one(core).0)
    }

    /// This set without `core`.
    #[must_use]
    pub const fn without(self, core: usize) -> Self {
        Self(self.0 & !Self::one(core).0)
    }

    /// The cores that are in both.
    #[must_use]
    pub const fn and(self, other: Self) -> Self {
        Self(self.0 & other.0)
    }

    /// Whether no core is in the set.
    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// How many cores are in the set.
    pub const fn len(self) -> usize {
        self.0.count_ones() as usize
    }

    /// The cores in the set, in rising order.
    pub const fn iter(self) -> Cpus {
        Cpus(self.0)
    }
}

impl fmt::Debug for CpuSet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.iter()).finish()
    }
}

impl FromIterator<usize> for CpuSet {
    fn from_iter<I: IntoIterator<Item = usize>>(cores: I) -> Self {
        cores.into_iter().fold(Self::NONE, Self::with)
    }
}

impl IntoIterator for CpuSet {
    type Item = usize;
    type IntoIter = Cpus;
    fn into_iter(self) -> Cpus {
        self.iter()
    }
}

/// The cores of a [`CpuSet`], in rising order.
#[derive(Clone, Debug)]
pub struct Cpus(u64);

impl Iterator for Cpus {
    type Item = usize;
    fn next(&mut self) -> Option<usize> {
        if self.0 == 0 {
            return None;
        }
        let core = self.0.trailing_zeros() as usize;
        self.0 &= self.0 - 1;
        Some(core)
    }
}

#[cfg(test)]
mod tests {
    use super::CpuSet;

    #[test]
    fn a_set_holds_what_was_put_in() {
        let set: CpuSet = [0, 3, 63].into_iter().collect();
        assert!(set.contains(3) && !set.contains(4) && !set.contains(64));
        assert_eq!(set.iter().sum::<usize>(), 66);
        assert_eq!(set.without(3).len(), 2);
        assert_eq!(CpuSet::first(4).bits(), 0b1111);
        assert_eq!(CpuSet::first(64), CpuSet::ALL);
        assert!(CpuSet::one(64).is_empty());
    }
}
