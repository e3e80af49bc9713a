//! The cores that are up, and how busy each was: for the commands that show them.

use crate::show::Percent;
use core::time::Duration;
use layercake_kernel::{
    cpu, thread,
    time::{self, Instant},
};

/// The numbers of the cores that are up.
pub fn online() -> impl Iterator<Item = usize> {
    let mask = cpu::online_mask();
    (0..cpu::MAX).filter(move |core| mask & (1 << core) != 0)
}

/// How long each core has idled, at a moment.
pub struct Idle {
    at: Instant,
    idled: [Duration; cpu::MAX],
}

impl Idle {
    pub fn now() -> Self {
        let idled = |core| {
            thread::look_up(core as u32)
                .map_or(Duration::ZERO, |idle: thread::ThreadInfo| idle.run_time)
        };
        Self {
            at: time::now(),
            idled: core::array::from_fn(idled),
        }
    }

    /// How long `core` has idled since it started.
    pub fn of(&self, core: usize) -> Duration {
        self.idled[core]
    }

    /// The time from `before` to here.
    pub fn since(&self, before: &Self) -> Duration {
        self.at.saturating_duration_since(before.at)
    }

    /// How much of the time from `before` to here `core` was busy.
    pub fn load(&self, core: usize, before: &Self) -> Percent {
        let idled = self.idled[core].saturating_sub(before.idled[core]);
        let span = self.since(before);
        Percent::of(span.saturating_sub(idled), span)
    }
}
