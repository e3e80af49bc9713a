//! How a node goes back to its owner, who is then unparked: what every wake ends with, of a queue and of
//! a channel.
//!
//! Whom a wake takes off its list is in [`crate::queue`] and [`crate::channel`].

use crate::host::Host;
use crate::mutant::mutant;
use crate::node::Node;
use crate::stats::Event;
use core::num::NonZeroUsize;
use core::ptr::NonNull;
use core::sync::atomic::Ordering::Release;
use heapless::Vec;
use layercake_sync::Cpu;

/// How many waiters are woken for each time that the lock is taken (W6).
///
/// So long is the longest stretch with interrupts masked: 16 unlinks.
/// In models it is two, so that three waiters make more than one batch.
pub(crate) const BATCH: usize = if cfg!(loom) { 2 } else { 16 };

/// Those to be woken once the lock is free.
pub(crate) type Batch<H> = Vec<<H as Host>::Task, BATCH>;

/// Gives `node` back to its owner, to be unparked with the batch, and tells `note` of it. False, with
/// nothing done, if there is no room in that.
///
/// # Safety
///
/// NODE-LOCK: the caller holds the lock under which `node` is linked, and if this says true the caller
/// takes it off without touching it.
#[inline(always)]
pub(crate) unsafe fn take<H: Host>(
    node: NonNull<Node<H>>,
    how: u32,
    batch: &mut Batch<H>,
    note: impl Fn(Event),
) -> bool {
    if batch.is_full() {
        return false;
    }
    note(Event::Leaves);
    note(Event::Sent);
    // SAFETY: NODE-LOCK, by the caller's promise.
    let _ = batch.push(unsafe { hand_over(node, how) }); // there is room
    true
}

/// Gives an unlinked node back to its owner; returns whom to unpark once the lock is free.
///
/// # Safety
///
/// NODE-LOCK: the caller holds the lock under which `node` was linked until now. It does not touch the
/// node again.
#[inline(always)]
pub(crate) unsafe fn hand_over<H: Host>(node: NonNull<Node<H>>, how: u32) -> H::Task {
    // SAFETY: NODE-LAST: its owner leaves it alone, and where it is, until it sees the state below.
    let node = unsafe { node.as_ref() };
    node.woken.set::<H>();
    if mutant!(StateBeforeHandle) {
        node.state.store(how, Release);
    }
    // SAFETY: NODE-LOCK. The owner does not touch the cell before it sees the state below.
    let task = node.task.with(|task| unsafe { (*task).clone() });
    node.state.store(how, Release); // NODE-LAST
    match task {
        Some(task) => task,
        None => {
            debug_assert!(false, "a linked node without a task");
            // SAFETY: NODE-OWNER: whoever links a node has given it a task (see `link`), and takes it
            // back only when it is off the queue.
            unsafe { core::hint::unreachable_unchecked() }
        }
    }
}

/// [`Host::unpark_masked`] as a function of its own: for wakes that are inlined.
///
/// # Safety
///
/// CPU-MASK: as there.
#[inline(never)]
pub(crate) unsafe fn unpark_masked<H: Host>(
    task: H::Task,
    state: <H::Cpu as Cpu>::IrqState,
) -> NonZeroUsize {
    // SAFETY: CPU-MASK, by the caller's promise.
    unsafe { H::unpark_masked(&task, state) }
}
