//! Virtual time: fixed-point numbers that wrap around, and the arithmetic on them.
//!
//! What belongs here: the number and its limits. What does not: who gets how much of it, which is
//! [`crate::fair`]'s business.
//!
//! # The fixed point, and why nothing overflows
//!
//! A fair entity of weight `w` that runs for `t` ns ages by `t * 2^20 / w` units, rounded down. At
//! nice 0 (`w` = 1024) a unit is 2^-10 ns; at nice -20 (`w` = 88,818) it is 0.085 ns of running;
//! so rounding takes less than 0.1 ns from each charge, and nothing is lost from the sums, which
//! are made of the rounded values.
//!
//! * One charge counts at most [`CHARGE_MAX`] = 2^34 ns (17 s): `t * 2^20 <= 2^54` fits, and what
//!   a core ran on beyond that without its kernel looking at it is forgiven.
//! * A slice is at most [`crate::SLICE_MAX`] < 2^30 ns, so a virtual slice is at most
//!   `2^50 / 15 < 2^47` units; lags are held within two of them when an entity is placed.
//! * `weight * (difference of virtual times)` is real time times 2^20: at most 2^54 for a charge and
//!   2^51 for a placement. A lag grows while others run ahead, once each between two turns of the
//!   one that lags; 256 unattended charges of 17 s each would be needed to come near 2^63.
//! * Virtual times themselves wrap at 2^64. They are compared by the sign of their difference,
//!   which is right as long as those compared lie within 2^63 of each other; by the above they lie
//!   within 2^58. Who sleeps while the queue's time runs on by more than 2^63 (104 days with one
//!   nice 0 thread always running) is held within two slices when it comes back, as anyone is.

#![forbid(unsafe_code)]

use core::cmp::Ordering;

/// Units of virtual time in a nanosecond of an entity of weight 1: 2^20.
const SHIFT: u32 = 20;

/// The longest time in ns that one charge counts.
pub(crate) const CHARGE_MAX: u64 = 1 << 34;

/// A point in virtual time.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(crate) struct VirtualTime(u64);

impl VirtualTime {
    pub(crate) const ZERO: Self = Self(0);

    /// How far `self` lies after `earlier`; negative if it lies before.
    #[inline(always)]
    pub(crate) fn since(self, earlier: Self) -> i64 {
        self.0.wrapping_sub(earlier.0) as i64
    }

    /// The point `units` later; earlier, if negative.
    #[inline(always)]
    pub(crate) fn plus(self, units: i64) -> Self {
        Self(self.0.wrapping_add(units as u64))
    }
}

impl Ord for VirtualTime {
    #[inline(always)]
    fn cmp(&self, other: &Self) -> Ordering {
        self.since(*other).cmp(&0)
    }
}

impl PartialOrd for VirtualTime {
    #[inline(always)]
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

/// The virtual time by which `ns` of running age an entity of `weight`.
#[inline(always)]
pub(crate) fn from_ns(ns: u64, weight: u32) -> i64 {
    ((ns.min(CHARGE_MAX) << SHIFT) / u64::from(weight)) as i64
}

/// The time in ns in which an entity of `weight` ages by `units`, rounded up; 0 if negative.
#[inline(always)]
pub(crate) fn to_ns(units: i64, weight: u32) -> u64 {
    (units.max(0) as u64 * u64::from(weight)).div_ceil(1 << SHIFT)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn order_survives_the_wrap() {
        let before = VirtualTime(u64::MAX - 5);
        let after = before.plus(10);
        assert!(before < after);
        assert_eq!(after.since(before), 10);
        assert_eq!(before.since(after), -10);
    }

    #[test]
    fn there_and_back_is_exact_to_a_nanosecond() {
        for weight in [15, 1024, 88_818] {
            for ns in [0, 1, 999, 1_000_000, CHARGE_MAX] {
                let back = to_ns(from_ns(ns, weight), weight);
                assert!(back == ns, "{ns} ns at weight {weight} came back as {back}");
            }
        }
    }

    #[test]
    fn the_longest_charge_fits() {
        assert_eq!(from_ns(u64::MAX, 1024), (CHARGE_MAX << 10) as i64);
    }
}
