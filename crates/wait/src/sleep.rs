//! Sleeping for a time: a park with a deadline, on no queue at all.

use crate::host::Host;
use crate::time::Instant;
use core::time::Duration;
use layercake_sync::TaskCx;

/// Blocks for at least `span`.
pub fn sleep<H: Host>(cx: &mut TaskCx, span: Duration) {
    sleep_until::<H>(cx, H::now() + span);
}

/// Blocks until `deadline`; returns at once when it is past.
///
/// Permits that arrive meanwhile are used up without ending the sleep. That loses nothing: a
/// permit only says "look again", and whoever waits looks before it parks.
pub fn sleep_until<H: Host>(cx: &mut TaskCx, deadline: Instant) {
    while H::now() < deadline {
        H::blocked_on("sleep");
        H::park(cx, Some(deadline));
    }
}
