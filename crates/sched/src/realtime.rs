//! The real-time class: which of 64 fixed priorities have somebody waiting.
//!
//! A bitmap beside the lists, as every kernel with fixed priorities keeps: finding the most urgent
//! one is one instruction, whatever the number of threads.

#![forbid(unsafe_code)]

/// Bit `p` is set while somebody waits at priority `p`.
#[derive(Clone, Copy, Default)]
pub(crate) struct Bitmap(u64);

impl Bitmap {
    pub(crate) const EMPTY: Self = Self(0);

    #[inline(always)]
    pub(crate) fn set(&mut self, priority: u8) {
        self.0 |= 1 << (priority & 63);
    }

    #[inline(always)]
    pub(crate) fn clear(&mut self, priority: u8) {
        self.0 &= !(1 << (priority & 63));
    }

    #[inline(always)]
    pub(crate) fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// The highest priority at which somebody waits.
    #[inline(always)]
    pub(crate) fn highest(self) -> Option<u8> {
        if self.0 == 0 {
            None
        } else {
            Some(63 - self.0.leading_zeros() as u8)
        }
    }

    /// Whether somebody waits at `priority`.
    #[inline(always)]
    pub(crate) fn has(self, priority: u8) -> bool {
        self.0 >> (priority & 63) & 1 != 0
    }

    /// Whether somebody waits above `priority`.
    #[inline(always)]
    pub(crate) fn above(self, priority: u8) -> bool {
        self.0 >> (priority & 63) > 1
    }

    /// The priorities at which somebody waits, from the highest down.
    pub(crate) fn iter(self) -> impl Iterator<Item = u8> {
        let mut left = self;
        core::iter::from_fn(move || {
            let p = left.highest()?;
            left.clear(p);
            Some(p)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::Bitmap;

    #[test]
    fn the_highest_bit_is_the_most_urgent() {
        let mut map = Bitmap::EMPTY;
        assert_eq!(map.highest(), None);
        for p in [0, 63, 31] {
            map.set(p);
        }
        assert!(map.iter().eq([63, 31, 0]));
        assert!(map.above(62) && !map.above(63) && map.above(0));
        map.clear(63);
        assert!(map.highest() == Some(31) && map.has(31) && !map.has(63));
        assert!(!map.above(31) && map.above(30));
    }
}
