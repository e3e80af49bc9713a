//! The ways to wait for a condition: each call takes another one, and all do the same.

use crate::support::*;
use core::pin::pin;
use layercake_kernel::wait::{CancelToken, wait_any};
use layercake_kernel::{Host, Waiter};

/// Tokens that nobody ever cancels, and queues that nobody ever wakes. Enough that few threads share
/// one: else all would wait for its lock, and for nothing else.
const SPARE: usize = 64;
static NEVER: [CancelToken<Host>; SPARE] =
    [const { CancelToken::new("torture: never cancelled") }; SPARE];
static SILENT: [WaitQueue; SPARE] = [const { WaitQueue::new("torture: silent") }; SPARE];

/// Waits on `queue` until `ready`, in one of the ways that have no end but a wake: a wake that is
/// lost is never made good.
pub fn wait(cx: &mut TaskCx, random: &Random, queue: &WaitQueue, ready: impl Fn() -> bool) {
    let look = || ready().then_some(());
    let mine = thread::current_id() as usize % SPARE;
    match random.below(6) {
        0 | 1 => queue.wait_until(cx, |_| look()),
        2 => queue.idle_until(cx, |_| look()),
        3 => {
            let ended = queue.wait_until_cancelled(cx, &NEVER[mine], |_| look());
            assert!(ended.is_ok(), "cancelled by nobody");
        }
        4 => {
            let ended = wait_any(cx, [&SILENT[mine], queue], None, |_| look());
            assert!(ended.is_ok(), "timed out without a deadline");
        }
        _ => {
            let waiter = pin!(Waiter::new());
            let waiter = waiter.as_ref();
            loop {
                waiter.prepare(queue, cx);
                if ready() {
                    return waiter.clear();
                }
                waiter.maybe_block(cx);
                // Now and then off the queue in between: that hands an unused wake on.
                if random.below(8) == 0 {
                    waiter.clear();
                }
            }
        }
    }
}
