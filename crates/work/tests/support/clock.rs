//! A host whose clock stands until it is told to go on. Each test is on one thread, which has a clock of
//! its own. Who uses it has `like_std.rs` beside it.

use crate::like_std::{LikeStd, Ways};
use layercake_sync::TaskCx;
use layercake_wait::Instant;
use std::cell::Cell;
use std::time::Duration;

thread_local! {
    /// The time, in ns.
    pub static CLOCK: Cell<u64> = const { Cell::new(0) };
}

/// Lets `time` go by.
pub fn pass(time: Duration) {
    let nanos = u64::try_from(time.as_nanos()).expect("less than 500 years");
    CLOCK.set(CLOCK.get() + nanos);
}

/// The host of `std` threads, with that clock.
pub struct ClockWays;

pub type ClockHost = LikeStd<ClockWays>;

impl Ways for ClockWays {
    fn park(_: &mut TaskCx, _: Option<Instant>) {
        panic!("nobody would wake the only thread");
    }
    fn now() -> Instant {
        Instant::from_nanos(CLOCK.get())
    }
}
