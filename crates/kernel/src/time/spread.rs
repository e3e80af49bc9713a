//! How spans of time are spread: how late something came, and how unevenly, counted by length.
//!
//! What belongs here: the counting, and what can be asked of the counts. What does not: what is late.

use crate::cpu::Counts;
use core::sync::atomic::{AtomicU64, Ordering};
use core::time::Duration;

/// How many lengths are told apart: the first is 0 and 1 ns, each other one ends at twice its beginning.
pub const BUCKETS: usize = 64;

/// The length below which a span is counted in bucket `n` of [`Spans::counts`], if it is in none before.
pub fn bucket_end(n: usize) -> Duration {
    Duration::from_nanos(2_u64.checked_pow(n as u32 + 1).unwrap_or(u64::MAX))
}

/// Spans of time, by their length.
#[derive(Debug, Clone)]
pub struct Spans {
    /// How many there were of each length: see [`bucket_end`].
    pub counts: [u64; BUCKETS],
}

impl Spans {
    /// How many there were.
    pub fn count(&self) -> u64 {
        self.counts.iter().sum()
    }

    /// A length that `percent` of them, at the least, are below: the end of a bucket. None if there
    /// were no spans.
    pub fn below(&self, percent: u64) -> Option<Duration> {
        let wanted = (u128::from(self.count()) * u128::from(percent)).div_ceil(100);
        let mut seen = 0;
        let bucket = self.counts.iter().position(|n| {
            seen += u128::from(*n);
            seen > 0 && seen >= wanted
        });
        bucket.map(bucket_end)
    }
}

/// Counts spans. One writer at a time.
struct Counters([AtomicU64; BUCKETS]);

impl Counters {
    const fn new() -> Self {
        Self([const { AtomicU64::new(0) }; BUCKETS])
    }

    #[inline(always)]
    fn note(&self, ns: u64) {
        Counts::add(&self.0[(ns | 1).ilog2() as usize]);
    }

    fn read(&self) -> Spans {
        Spans {
            counts: self.0.each_ref().map(|n| n.load(Ordering::Relaxed)),
        }
    }
}

/// Counts how late something is that happens again and again, and its jitter: how much each lateness
/// differs from the one before. (By so much the time between both differs from what it should be.)
///
/// One writer at a time, whom the next one comes after; read by anyone.
pub(crate) struct Spread {
    late: Counters,
    jitter: Counters,
    /// The lateness that was noted last; of the first it is the difference from 0.
    last: AtomicU64,
}

impl Spread {
    pub(crate) const fn new() -> Self {
        Self {
            late: Counters::new(),
            jitter: Counters::new(),
            last: AtomicU64::new(0),
        }
    }

    /// Notes that it was late by so many ns.
    #[inline(always)]
    pub(crate) fn note(&self, late: u64) {
        self.late.note(late);
        self.jitter
            .note(late.abs_diff(self.last.load(Ordering::Relaxed)));
        self.last.store(late, Ordering::Relaxed);
    }

    /// Begins anew.
    #[cfg(feature = "stats")]
    pub(crate) fn clear(&self) {
        for counter in self.late.0.iter().chain(&self.jitter.0) {
            counter.store(0, Ordering::Relaxed);
        }
        self.last.store(0, Ordering::Relaxed);
    }

    /// The lateness and the jitter so far.
    pub(crate) fn read(&self) -> (Spans, Spans) {
        (self.late.read(), self.jitter.read())
    }
}
