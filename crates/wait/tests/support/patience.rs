//! Waiting for what other threads do, where nothing says when it is done.

use std::time::{Duration, Instant};

/// How long a test waits for what must happen: far longer than anything takes on a busy machine.
const PATIENCE: Duration = Duration::from_secs(if cfg!(miri) { 1200 } else { 120 });

/// Waits until `f` is true; if it never is, says `what` there would be to wait for.
pub fn until(what: &str, f: impl Fn() -> bool) {
    let start = Instant::now();
    while !f() {
        assert!(start.elapsed() < PATIENCE, "{what}");
        std::thread::yield_now();
    }
}
