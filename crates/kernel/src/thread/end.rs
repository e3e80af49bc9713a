//! A thread's end: what it does itself, what is done when it is off its stack, and who frees it.
//!
//! ```text
//!          the thread           off its stack, on its core      its handle, else the same
//!   ALIVE -------------> DONE ---------------------------> GONE -----------> FREE
//! ```
//!
//! `life` holds that and whether there is a handle, in one word: so of a thread that ends and a
//! handle that goes, the later one frees it, and both know who that is. A join frees it before it
//! returns.

use super::{ALIVE, DONE, GONE, HANDLE, Thread, table};
use crate::sync::TaskCx;
use crate::{WaitQueue, run_queue};
use core::sync::atomic::Ordering;

/// `ended`: its function returned, and the value is in its place.
pub(super) const VALUE: u8 = 1;
/// `ended`: it was told that it is killed.
pub(super) const KILLED: u8 = 2;

/// Ends the calling thread without a value: for whoever cannot return from its function. A
/// [`join`](super::JoinHandle::join) says so.
///
/// # Safety
///
/// Invariant **EXIT**: nothing that the thread's frames own is dropped, and its stack is given to
/// others. So they own nothing that others rely on being dropped: no guard, no waiter that is on a
/// queue, no scope of work.
pub unsafe fn exit(_cx: &mut TaskCx) -> ! {
    end(super::current())
}

/// The end of the calling thread, in its own context: what it owns goes, and so does it.
pub(super) fn end(thread: &'static Thread) -> ! {
    thread.locals.destroy();
    // From here on the body is the handle's, if there is one.
    if thread.life.fetch_add(DONE - ALIVE, Ordering::AcqRel) & HANDLE == 0 {
        drop_body(thread);
    }
    run_queue::leave_for_ever()
}

/// What is left to do for a thread that has ended and is off its stack: called by whatever runs
/// next on its core, with interrupts masked and no lock held.
#[cold]
pub(crate) fn after_end_of(thread: &'static Thread) {
    if thread.life.fetch_add(GONE - DONE, Ordering::AcqRel) & HANDLE == 0 {
        table::push_free(thread);
    } else {
        // By now it may be another thread's: that one's joiners look again, and wait on.
        WaitQueue::wake_all(&thread.joiners);
    }
}

/// Drops the value, if there is one, and gives its memory back. The body is the caller's (BODY).
pub(super) fn drop_body(thread: &Thread) {
    let Some(body) = thread.body.take() else {
        return;
    };
    if thread.ended.load(Ordering::Relaxed) & VALUE != 0 {
        // SAFETY: BODY: the caller's, and `VALUE` says that it holds one.
        unsafe { body.drop_value() };
    }
    // SAFETY: BODY: the caller's; there was no other copy.
    unsafe { body.free() }
}
