//! What each core's timers are: how many are armed, and how late those that fired were.
//!
//! What belongs here: the counting, and the report of it. What does not: arming and firing.

use super::Instant;
use crate::cpu::{self, Counts};
use crate::sync::Atomic;
use core::sync::atomic::{AtomicU64, Ordering};
use core::time::Duration;
use layercake_arch_arm64 as arch;

/// How many spans of lateness are told apart: the first is 0 and 1 ns, each other one ends at twice
/// its beginning.
pub const BUCKETS: usize = 64;

/// What a core has counted. Beside its block: that has to be small.
struct Fired {
    late: [AtomicU64; BUCKETS],
}

static FIRED: [Fired; cpu::MAX] = [const {
    Fired {
        late: [const { AtomicU64::new(0) }; BUCKETS],
    }
}; cpu::MAX];

/// Notes that a timer fired on the calling core, `core`, `late` ns after its deadline.
#[inline(always)]
pub(super) fn note(core: usize, late: u64) {
    let bucket = (late | 1).ilog2() as usize;
    Counts::add(&FIRED[core % cpu::MAX].late[bucket]);
}

/// The timers of one core: what [`timers`] tells.
#[derive(Debug, Clone)]
pub struct Timers {
    /// How many are armed.
    pub armed: usize,
    /// The earliest deadline of them; it may have passed, and be about to fire.
    pub next: Option<Instant>,
    /// How many have fired, by how late that was: see [`bucket_end`].
    pub late: [u64; BUCKETS],
}

impl Timers {
    /// How many have fired.
    pub fn fired(&self) -> u64 {
        self.late.iter().sum()
    }

    /// More than any that fired was late: the end of the last bucket that has one.
    pub fn latest(&self) -> Option<Duration> {
        self.late.iter().rposition(|n| *n > 0).map(bucket_end)
    }
}

/// The lateness below which one is counted in bucket `n` of [`Timers::late`], if it is in none before.
/// (How late: from the deadline to the moment at which the interrupt's handler read the clock.)
pub fn bucket_end(n: usize) -> Duration {
    Duration::from_nanos(2_u64.checked_pow(n as u32 + 1).unwrap_or(u64::MAX))
}

/// What the timers of core `id` are. The counts go on meanwhile. From any context. O(1).
///
/// # Panics
///
/// If there can be no such core.
pub fn timers(id: usize) -> Timers {
    let fired = &FIRED[id];
    let state = arch::irq::save();
    // SAFETY: CX-MASKED: interrupts are masked, and nothing sleeps until they are restored.
    let queue = cpu::core(id).timers.lock(unsafe { Atomic::assume() });
    let (armed, next) = (queue.len(), queue.next_deadline());
    drop(queue);
    // SAFETY: IRQ-NEST: `state` is from above.
    unsafe { arch::irq::restore(state) };
    Timers {
        armed,
        next: next.map(Instant::from_nanos),
        late: fired.late.each_ref().map(|n| n.load(Ordering::Relaxed)),
    }
}
