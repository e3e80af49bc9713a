//! The owner's side of an item: its function, its data, and what queues need around them.

use crate::const_unless_loom;
use crate::item::Item;
use crate::queue::WorkQueue;
use crate::running::Running;
use core::fmt;
use core::marker::PhantomPinned;
use core::ptr::NonNull;
use core::sync::atomic::Ordering::Relaxed;
use layercake_sync::TaskCx;
use layercake_wait::Host;

/// A piece of work: a function, the data that it works on, and what a queue needs to hold it.
///
/// It is queued by [`WorkQueue::queue`], from any context, and its function is run once for it by
/// a worker thread of that queue; the function may sleep. Queueing it again before it runs joins
/// the pending run, queueing it during the run makes it run once more (K3). It never runs twice
/// at the same time, whatever queues it is put on (K2).
///
/// The data is shared: the function gets it through [`Running`], everybody else through
/// [`data`](Work::data).
#[repr(C)] // ITEM-FIRST
pub struct Work<H: Host, T = ()> {
    pub(crate) item: Item<H>,
    func: fn(&Running<'_, H, T>, &mut TaskCx),
    data: T,
    _pinned: PhantomPinned,
}

// SAFETY: ITEM-STATE. `item` is shared by the protocol of this file; the data is only lent as `&T`.
unsafe impl<H: Host, T: Sync> Sync for Work<H, T> {}
// SAFETY: OWNED: a `Work` that can be moved is idle; then it is its data and some words.
unsafe impl<H: Host, T: Send> Send for Work<H, T> {}

impl<H: Host> Work<H> {
    const_unless_loom! {
        /// An idle item without data. `name` is for people: reports show it.
        pub const fn new(name: &'static str, func: fn(&Running<'_, H, ()>, &mut TaskCx)) -> Self {
            Self::with_data(name, (), func)
        }
    }
}

impl<H: Host, T> Work<H, T> {
    const_unless_loom! {
        /// An idle item that works on `data`.
        pub const fn with_data(
            name: &'static str,
            data: T,
            func: fn(&Running<'_, H, T>, &mut TaskCx),
        ) -> Self {
            Self {
                item: Item::new(name, call::<H, T>),
                func,
                data,
                _pinned: PhantomPinned,
            }
        }
    }

    /// The name that it was made with.
    pub const fn name(&self) -> &'static str {
        self.item.name
    }

    /// What it works on.
    pub const fn data(&self) -> &T {
        &self.data
    }

    /// Whether it is on a queue, or delayed. For reports: it may change at once.
    pub fn is_pending(&self) -> bool {
        self.item.state(Relaxed).pending()
    }

    /// Whether its function runs. For reports: it may change at once.
    pub fn is_running(&self) -> bool {
        self.item.state(Relaxed).running()
    }
}

impl<H: Host, T> fmt::Debug for Work<H, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Work")
            .field("name", &self.item.name)
            .field("pending", &self.is_pending())
            .field("running", &self.is_running())
            .finish_non_exhaustive()
    }
}

/// Runs the function of the `Work` around `item`.
///
/// # Safety
///
/// RUN-OWNS: the caller is the worker that runs `item`, on `queue`; `item` is the start of a
/// `Work<H, T>`.
unsafe fn call<H: Host, T>(item: NonNull<Item<H>>, queue: &'static WorkQueue<H>, cx: &mut TaskCx) {
    // SAFETY: ITEM-FIRST, and by RUN-OWNS the item stays as long as it runs.
    let work = unsafe { item.cast::<Work<H, T>>().as_ref() };
    // SAFETY: RUN-OWNS, by the caller's promise.
    let running = unsafe { Running::new(work, queue) };
    (work.func)(&running, cx);
}
