//! What each core's timers are: how many are armed, and how late and how unevenly those that fired were.
//!
//! What belongs here: which are counted, and the report of it. What does not: arming and firing, and the
//! counting itself (`spread.rs`).

use super::Instant;
use super::spread::{Spans, Spread};
use crate::cpu;
use crate::sync::Atomic;
use core::time::Duration;
use layercake_arch_arm64 as arch;

/// What each core has counted. Beside its block: that has to be small.
static FIRED: [Spread; cpu::MAX] = [const { Spread::new() }; cpu::MAX];

/// Notes that a timer fired on the calling core, `core`, `late` ns after its deadline.
#[inline(always)]
pub(super) fn note(core: usize, late: u64) {
    FIRED[core % cpu::MAX].note(late);
}

/// The timers of one core: what [`timers`] tells.
#[derive(Debug, Clone)]
pub struct Timers {
    /// How many are armed.
    pub armed: usize,
    /// The earliest deadline of them; it may have passed, and be about to fire.
    pub next: Option<Instant>,
    /// How late those that fired were: from the deadline to the moment at which the interrupt's handler
    /// read the clock.
    pub late: Spans,
    /// How unevenly they fired: by how much each was later, or less late, than the one before. For timers
    /// at equal distances, that is how much the time between two differs from their distance. (The first is
    /// compared with one that is not late.)
    pub jitter: Spans,
}

impl Timers {
    /// How many have fired.
    pub fn fired(&self) -> u64 {
        self.late.count()
    }

    /// More than any that fired was late: the end of the last bucket that has one.
    pub fn latest(&self) -> Option<Duration> {
        self.late.below(100)
    }
}

/// What the timers of core `id` are. The counts go on meanwhile. From any context. O(1).
///
/// # Panics
///
/// If there can be no such core.
pub fn timers(id: usize) -> Timers {
    let (late, jitter) = FIRED[id].read();
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
        late,
        jitter,
    }
}
