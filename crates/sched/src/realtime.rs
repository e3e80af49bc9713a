//! The real-time class: which of 64 fixed priorities have somebody runnable.
//!
//! A bitmap beside the rings, as most kernels with fixed priorities keep: finding the most urgent
//! one is one instruction, whatever the number of threads. It counts in levels, 63 minus the
//! priority, because what the machine counts is leading zeros.

#![forbid(unsafe_code)]

/// Bit `63 - level` is set while somebody runnable has `level`.
#[derive(Clone, Copy, Default)]
pub(crate) struct Bitmap(u64);

impl Bitmap {
    pub(crate) const EMPTY: Self = Self(0);

    #[inline(always)]
    pub(crate) fn set(&mut self, level: u8) {
        self.0 |= (1 << 63) >> (level & 63);
    }

    #[inline(always)]
    pub(crate) fn clear(&mut self, level: u8) {
        self.0 &= !((1 << 63) >> (level & 63));
    }

    #[inline(always)]
    pub(crate) fn with(mut self, level: u8) -> Self {
        self.set(level);
        self
    }

    #[inline(always)]
    pub(crate) fn without(mut self, level: u8) -> Self {
        self.clear(level);
        self
    }

    /// Whether all that there are are less urgent than `level`.
    #[inline(always)]
    pub(crate) fn is_below(self, level: u8) -> bool {
        self.0 < (1 << 63) >> (level & 63)
    }

    /// The level of the most urgent; 64 if there is nobody, which is the level of the fair class.
    #[inline(always)]
    pub(crate) fn top(self) -> u8 {
        self.0.leading_zeros() as u8
    }

    /// The levels that somebody has, the most urgent first.
    pub(crate) fn iter(self) -> impl Iterator<Item = u8> {
        let mut left = self;
        core::iter::from_fn(move || {
            let level = left.top();
            left.clear(level);
            (level < 64).then_some(level)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::Bitmap;

    #[test]
    fn the_lowest_level_is_on_top() {
        let mut map = Bitmap::EMPTY;
        assert_eq!(map.top(), 64);
        for level in [63, 0, 31] {
            map.set(level);
        }
        assert!(map.iter().eq([0, 31, 63]));
        map.clear(0);
        assert_eq!(map.top(), 31);
    }
}
