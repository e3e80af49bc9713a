//! The loop in which a thread is parked while its node is on a list: on that of a queue, or of a channel.
//!
//! How it gets on a list, and what a wake means to it, is in [`crate::waiter`] and in `channel/place.rs`.

use crate::host::Host;
use crate::mutant::mutant;
use crate::node::{Node, state};
use crate::time::Instant;
use crate::waiter::TimedOut;
use core::sync::atomic::Ordering::Acquire;
use layercake_sync::TaskCx;

/// Whether a waiter looks if it was woken before it parks. It need not if it has not parked since it was
/// put on the queue: then a wake has left its permit, and the park returns at once.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum LookFirst {
    Yes,
    No,
}

/// What a wake left.
pub(crate) struct Woken {
    /// The node's state.
    pub how: u32,
    /// Whether the thread was parked at all.
    pub parked: bool,
}

/// Parks the calling thread until `node`, its own, is woken, or until `deadline`. It calls `tell` before
/// each park.
///
/// `withdraw` takes the node off its list, and says `false` if a wake was first: so of a wake and the
/// deadline that come together one wins (W9). The node is on no list when this returns.
#[inline(always)]
pub(crate) fn park<H: Host>(
    node: &Node<H>,
    cx: &mut TaskCx,
    deadline: Option<Instant>,
    look_first: LookFirst,
    tell: impl Fn(),
    withdraw: impl Fn() -> bool,
) -> Result<Woken, TimedOut> {
    let mut parked = false;
    loop {
        if parked || look_first == LookFirst::Yes {
            let how = node.state.load(Acquire);
            if how != state::WAITING {
                return Ok(Woken { how, parked });
            }
        }
        tell();
        let extends = parked && mutant!(VainWakeExtends);
        H::park(cx, deadline.filter(|_| !extends));
        parked = true;
        if let Some(deadline) = deadline
            && node.state.load(Acquire) == state::WAITING
            && H::now() >= deadline
            && (withdraw() || mutant!(DeadlineIgnoresWake))
        {
            return Err(TimedOut);
        }
    }
}
