//! Which RAM the kernel may give out: a short sorted list of ranges.
//!
//! Arithmetic of ranges only, without hardware: [`dtb`](crate::dtb) fills it from a device tree,
//! [`Memory::of`] from one range that is known otherwise. Giving the RAM out belongs to the
//! kernel.

use core::fmt;
use core::ops::Range;

/// Bounds of all ranges are multiples of it.
pub const PAGE: u64 = 4096;

/// Most ranges that are kept apart. A Pi 4 has three banks at most (below and above the
/// VideoCore's share, above 4 GiB) and a handful of reservations in them.
pub const MOST: usize = 24;

/// Why a memory map cannot be had.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Error {
    /// Nothing is left.
    Empty,
    /// More than [`MOST`] ranges.
    TooManyRanges,
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Empty => "no usable memory is left",
            Self::TooManyRanges => "memory is in too many pieces",
        })
    }
}

/// RAM that may be used: ranges of whole pages, by address, none empty, with a gap between any
/// two.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Memory {
    ranges: heapless::Vec<Range<u64>, MOST>,
}

impl Memory {
    /// The map of a machine with this RAM, of which `taken` is in use already.
    ///
    /// # Errors
    /// [`Error::Empty`] when nothing is left.
    pub fn of(ram: Range<u64>, taken: &[Range<u64>]) -> Result<Self, Error> {
        let mut memory = Self::default();
        memory.add(ram)?;
        for range in taken {
            memory.remove(range.clone())?;
        }
        memory.not_empty()
    }

    /// The ranges, by address.
    pub fn iter(&self) -> impl Iterator<Item = Range<u64>> + '_ {
        self.ranges.iter().cloned()
    }

    /// Bytes in all ranges together.
    #[must_use]
    pub fn total(&self) -> u64 {
        self.ranges.iter().map(|r| r.end - r.start).sum()
    }

    /// Adds the whole pages in `range`. What is there already is there once.
    pub(crate) fn add(&mut self, range: Range<u64>) -> Result<(), Error> {
        let mut new = range.start.next_multiple_of_page()..range.end / PAGE * PAGE;
        if new.is_empty() {
            return Ok(());
        }
        self.ranges.retain(|old| {
            let apart = old.end < new.start || new.end < old.start;
            if !apart {
                new = new.start.min(old.start)..new.end.max(old.end);
            }
            apart
        });
        let place = self.ranges.partition_point(|old| old.start < new.start);
        self.ranges
            .insert(place, new)
            .map_err(|_| Error::TooManyRanges)
    }

    /// Takes out all pages that `range` touches.
    pub(crate) fn remove(&mut self, range: Range<u64>) -> Result<(), Error> {
        if range.is_empty() {
            return Ok(());
        }
        let (start, end) = (range.start / PAGE * PAGE, range.end.next_multiple_of_page());
        let before = core::mem::take(&mut self.ranges);
        for old in before {
            for rest in [old.start..old.end.min(start), old.start.max(end)..old.end] {
                if !rest.is_empty() {
                    self.ranges.push(rest).map_err(|_| Error::TooManyRanges)?;
                }
            }
        }
        Ok(())
    }

    /// Keeps only what is in `window`.
    pub(crate) fn clip(&mut self, window: Range<u64>) -> Result<(), Error> {
        self.remove(0..window.start)?;
        self.remove(window.end..u64::MAX)
    }

    pub(crate) fn not_empty(self) -> Result<Self, Error> {
        if self.ranges.is_empty() {
            Err(Error::Empty)
        } else {
            Ok(self)
        }
    }
}

/// Rounding up that ends at the last page instead of overflowing.
trait Page {
    fn next_multiple_of_page(self) -> u64;
}

impl Page for u64 {
    fn next_multiple_of_page(self) -> u64 {
        self.checked_next_multiple_of(PAGE)
            .unwrap_or(u64::MAX / PAGE * PAGE)
    }
}

#[cfg(test)]
#[allow(clippy::single_range_in_vec_init)] // lists of one range are meant
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::vec::Vec;

    const P: u64 = PAGE;

    fn ranges(memory: &Memory) -> Vec<Range<u64>> {
        memory.iter().collect()
    }

    #[test]
    fn memory_is_rounded_in_and_reservations_are_rounded_out() {
        let memory = Memory::of(1..10 * P + 1, &[4 * P + 1..4 * P + 2]).unwrap();
        assert_eq!(ranges(&memory), [P..4 * P, 5 * P..10 * P]);
        assert_eq!(memory.total(), 8 * P);
    }

    #[test]
    fn nothing_left_is_an_error() {
        assert_eq!(Memory::of(0..P - 1, &[]), Err(Error::Empty));
        assert_eq!(Memory::of(0..P, &[P - 1..P]), Err(Error::Empty));
        assert_eq!(Memory::of(0..0, &[]), Err(Error::Empty));
    }

    #[test]
    #[allow(clippy::reversed_empty_ranges)] // the bad input itself
    fn empty_and_reversed_ranges_do_nothing() {
        let memory = Memory::of(0..4 * P, &[P..P, 3 * P..P]).unwrap();
        assert_eq!(ranges(&memory), [0..4 * P]);
        assert_eq!(Memory::of(4 * P..0, &[]), Err(Error::Empty));
    }

    #[test]
    fn too_many_pieces_are_refused() {
        let holes: Vec<_> = (0..MOST as u64)
            .map(|n| (2 * n + 1) * P..(2 * n + 2) * P)
            .collect();
        assert!(Memory::of(0..1000 * P, &holes[1..]).is_ok());
        assert_eq!(Memory::of(0..1000 * P, &holes), Err(Error::TooManyRanges));
    }

    proptest! {
        /// Against a plain array of pages.
        #[test]
        fn same_as_a_map_of_pages(
            steps in prop::collection::vec((any::<bool>(), 0_u64..64, 0_u64..20), 1..12)
        ) {
            let mut memory = Memory::default();
            let mut pages = [false; 84];
            for (add, start, length) in steps {
                let range = start * P..(start + length) * P;
                if add { memory.add(range) } else { memory.remove(range) }.unwrap();
                pages[start as usize..(start + length) as usize].fill(add);
            }
            let mut found = [false; 84];
            let mut last = None;
            for range in memory.iter() {
                prop_assert!(last.is_none_or(|end| end < range.start) && !range.is_empty());
                found[(range.start / P) as usize..(range.end / P) as usize].fill(true);
                last = Some(range.end);
            }
            prop_assert_eq!(&found[..], &pages[..]);
        }

        #[test]
        fn no_range_makes_it_panic(
            steps in prop::collection::vec((0_u8..3, any::<u64>(), any::<u64>()), 0..40)
        ) {
            let mut memory = Memory::default();
            for (what, start, end) in steps {
                let _ = match what {
                    0 => memory.add(start..end),
                    1 => memory.remove(start..end),
                    _ => memory.clip(start..end),
                };
            }
        }
    }
}
