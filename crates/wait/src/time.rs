//! A point in time, as every clock of the kernel counts it: nanoseconds since boot.
//!
//! Only the type is here. Who knows what time it is now is the [`Host`](crate::Host).

use core::ops::Add;
use core::time::Duration;

/// Nanoseconds since boot, on a clock that never goes back.
///
/// 2^64 ns are 584 years; sums saturate there, so a deadline "too far away" means "never".
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Instant(u64);

impl Instant {
    /// The start of time: boot.
    pub const ZERO: Self = Self(0);

    /// The end of time: a deadline that never comes.
    pub const MAX: Self = Self(u64::MAX);

    /// The instant `nanos` ns after boot.
    #[inline]
    pub const fn from_nanos(nanos: u64) -> Self {
        Self(nanos)
    }

    /// Nanoseconds since boot.
    #[inline]
    pub const fn as_nanos(self) -> u64 {
        self.0
    }

    /// `self + span`, or `None` beyond the end of time.
    #[inline]
    pub const fn checked_add(self, span: Duration) -> Option<Self> {
        match self.0.checked_add(nanos(span)) {
            Some(sum) => Some(Self(sum)),
            None => None,
        }
    }

    /// `self + span`, or the end of time.
    #[inline]
    pub const fn saturating_add(self, span: Duration) -> Self {
        Self(self.0.saturating_add(nanos(span)))
    }

    /// How long after `earlier` this is; zero when it is before.
    #[inline]
    pub const fn saturating_duration_since(self, earlier: Self) -> Duration {
        Duration::from_nanos(self.0.saturating_sub(earlier.0))
    }
}

/// Whole nanoseconds of `span`, at most `u64::MAX`.
const fn nanos(span: Duration) -> u64 {
    let nanos = span.as_nanos();
    if nanos > u64::MAX as u128 {
        u64::MAX
    } else {
        nanos as u64
    }
}

/// Saturates, as [`Instant::saturating_add`] does.
impl Add<Duration> for Instant {
    type Output = Self;

    fn add(self, span: Duration) -> Self {
        self.saturating_add(span)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sums_saturate_at_the_end_of_time() {
        let t = Instant::from_nanos(u64::MAX - 1);
        assert_eq!(t + Duration::from_nanos(1), Instant::MAX);
        assert_eq!(t + Duration::from_nanos(2), Instant::MAX);
        assert_eq!(t.checked_add(Duration::from_nanos(1)), Some(Instant::MAX));
        assert_eq!(t.checked_add(Duration::from_nanos(2)), None);
        assert_eq!(Instant::ZERO + Duration::MAX, Instant::MAX);
        // One more than can be counted.
        let beyond = Duration::from_nanos(u64::MAX) + Duration::from_nanos(1);
        assert_eq!(Instant::ZERO + beyond, Instant::MAX);
    }

    #[test]
    fn differences_stop_at_zero() {
        let (early, late) = (Instant::from_nanos(5), Instant::from_nanos(9));
        assert_eq!(
            late.saturating_duration_since(early),
            Duration::from_nanos(4)
        );
        assert_eq!(early.saturating_duration_since(late), Duration::ZERO);
    }
}
