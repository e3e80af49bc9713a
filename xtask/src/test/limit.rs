//! Time limits that mean the same on a busy machine.
//!
//! A test has its limit on an idle machine. Where more is running than there are cores, the
//! emulator gets a share of them only, so the limit grows by as much, within reason: a test
//! that hangs must still end.

use std::{
    fs, thread,
    time::{Duration, Instant},
};

const MOST: f64 = 4.0;

/// When something that started must have ended.
#[derive(Clone, Copy, Debug)]
pub struct Limit {
    start: Instant,
    time: Duration,
}

impl Limit {
    pub fn starting_now(time: Duration) -> Self {
        Self {
            start: Instant::now(),
            time,
        }
    }

    pub fn elapsed(self) -> Duration {
        self.start.elapsed()
    }

    /// The time that is left, by how busy the machine is now; `None` when it is up.
    pub fn left(self) -> Option<Duration> {
        let elapsed = self.elapsed();
        if elapsed < self.time {
            return Some(self.time - elapsed);
        }
        let cores = thread::available_parallelism().map_or(1, |n| n.get());
        let stretched = self.time.mul_f64(stretch(load(), cores));
        stretched
            .checked_sub(elapsed)
            .filter(|left| !left.is_zero())
    }
}

fn stretch(load: f64, cores: usize) -> f64 {
    (load / cores as f64).clamp(1.0, MOST)
}

/// How many threads want to run, over the last minute.
fn load() -> f64 {
    let text = fs::read_to_string("/proc/loadavg").unwrap_or_default();
    text.split(' ')
        .next()
        .and_then(|load| load.parse().ok())
        .unwrap_or(0.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_busy_machine_stretches_a_limit() {
        assert_eq!(stretch(0.5, 2), 1.0);
        assert_eq!(stretch(2.0, 2), 1.0);
        assert_eq!(stretch(6.0, 2), 3.0);
        assert_eq!(stretch(100.0, 2), MOST);
    }
}
