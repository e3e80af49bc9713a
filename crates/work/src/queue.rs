//! The queue: which items wait for a worker, in which order, and who works on it.
//!
//! Here are the queue as its users know it, and how items come onto it. How they leave it again is
//! in [`crate::lists`] and [`crate::leave`], what a worker thread does in between in [`crate::worker`].
//!
//! Locks: a queue's lock is taken with interrupts masked, never within another queue's, and
//! nothing is woken, run or freed under it.

use crate::calls::Call;
use crate::const_unless_loom;
use crate::item::Item;
use crate::lists::Inner;
use crate::owner::{Release, Share};
use crate::pool::{Recruiter, Terms};
use core::fmt;
use core::ptr::{self, NonNull};
use core::sync::atomic::Ordering::Release as Publish;
use layercake_sync::{Atomic, IrqOff, SpinGuard, SpinLock};
use layercake_wait::{Host, WaitQueue};

/// What [`WorkQueue::queue`] did.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[must_use = "an item that was refused does not run"]
pub enum Queued {
    /// The item was idle and is on the queue now.
    New,
    /// It was on a queue already, this one or another: its pending run sees all that the caller
    /// stored before.
    Coalesced,
    /// It runs now, and is on the queue to run once more after that.
    WillRunAgain,
    /// Nothing: the item is [disabled](crate::Work::disable), or being
    /// [cancelled](crate::Work::cancel_sync).
    Disabled,
    /// Nothing: the queue is closed.
    Closed,
}

impl Queued {
    /// Whether a run comes that sees what the caller stored before it queued.
    pub const fn accepted(self) -> bool {
        !matches!(self, Self::Disabled | Self::Closed)
    }
}

/// A queue of [`Work`](crate::Work), and the worker threads that run it.
///
/// Items run in the order in which they were queued. With one worker, one at a time; with
/// several, they start in that order. The queue makes no threads: the host gives it one or more,
/// each of which calls [`run_worker`](WorkQueue::run_worker).
///
/// It is `'static`: items and those who wait for them remember it without holding it.
#[repr(C)] // what the lock protects first: the address of the lock is the queue's
pub struct WorkQueue<H: Host> {
    pub(crate) inner: SpinLock<Inner<H>, IrqOff<H::Cpu>>,
    name: &'static str,
    /// How many items may run at once, however many workers there are; of a pool, without sleeping.
    limit: usize,
    /// What makes it a pool, if it is one.
    terms: Option<Terms<H>>,
    /// Who waits for items: woken when a run has ended, and when an item was withdrawn.
    pub(crate) done: WaitQueue<H>,
}

impl<H: Host> WorkQueue<H> {
    const_unless_loom! {
        /// An empty queue. `name` is for people: reports show it.
        pub const fn new(name: &'static str) -> Self {
            Self::with_limit(name, usize::MAX)
        }
    }

    const_unless_loom! {
        /// An empty queue whose items run strictly one after the other, in the order of queueing,
        /// however many workers it has.
        pub const fn ordered(name: &'static str) -> Self {
            Self::with_limit(name, 1)
        }
    }

    const_unless_loom! {
        /// An empty queue of which at most `max_active` items run at once, however many workers it
        /// has.
        ///
        /// # Panics
        ///
        /// When `max_active` is zero.
        pub const fn with_limit(name: &'static str, max_active: usize) -> Self {
            Self::with_terms(name, max_active, None)
        }
    }

    const_unless_loom! {
        /// An empty queue whose number of workers follows the need: at most `concurrency` of its
        /// items *run* at once, and those that sleep do not count. It asks `recruiter` for workers,
        /// and has at most `most_workers`.
        ///
        /// For one core, `concurrency` is 1: one item at a time runs there, and when it sleeps the
        /// next one does. The host has a part in this: see the [README](crate#pools).
        ///
        /// # Panics
        ///
        /// When `concurrency` or `most_workers` is zero.
        pub const fn pool(
            name: &'static str,
            concurrency: usize,
            most_workers: usize,
            recruiter: &'static Recruiter<H>,
        ) -> Self {
            assert!(most_workers > 0, "a pool of no workers runs nothing");
            let terms = Terms {
                most: most_workers,
                recruiter,
            };
            Self::with_terms(name, concurrency, Some(terms))
        }
    }

    const_unless_loom! {
        const fn with_terms(
            name: &'static str,
            limit: usize,
            terms: Option<Terms<H>>,
        ) -> Self {
            assert!(limit > 0, "a queue with a limit of zero runs nothing");
            Self {
                name,
                limit,
                terms,
                done: WaitQueue::new(name),
                inner: SpinLock::new(Inner::new(limit)).named(name),
            }
        }
    }

    /// The name that it was made with.
    pub const fn name(&self) -> &'static str {
        self.name
    }

    /// How many items may run at once; of a pool, without sleeping.
    pub(crate) const fn limit(&self) -> usize {
        self.limit
    }

    /// Whether one item at a time runs, and none overtakes.
    pub(crate) const fn is_ordered(&self) -> bool {
        self.limit == 1 && !self.is_pool()
    }

    /// What makes it a pool.
    pub(crate) const fn terms(&self) -> Option<&Terms<H>> {
        self.terms.as_ref()
    }

    /// Whether its number of workers follows the need.
    #[inline(always)]
    pub(crate) const fn is_pool(&self) -> bool {
        self.terms.is_some()
    }

    /// Takes the lock.
    #[inline(always)]
    pub(crate) fn lock(&self) -> SpinGuard<'_, Inner<H>, IrqOff<H::Cpu>> {
        // SAFETY: CX-ATOMIC: with interrupts masked, and nothing in this crate sleeps as long as
        // it holds this guard.
        self.inner.lock(unsafe { Atomic::assume() })
    }

    /// Queues `work` (a `&'static Work` or a `&Arc<Work>`); says what that did.
    ///
    /// Unless it is refused, a run of the item begins after this call that sees everything that
    /// the caller stored before it (K1).
    ///
    /// Any context, hard IRQ too; never blocks, allocates or frees. O(1).
    #[inline]
    pub fn queue(&'static self, work: impl Share<H>) -> Queued {
        // SAFETY: OWNED, 1 and 2: `work` keeps the item for this call, `retain` beyond it.
        unsafe { self.enqueue(work.work().cast(), || work.retain()) }
    }

    /// Gives `work` to the queue for one run, after which it is freed, unless it was queued again
    /// by [`Running::again`](crate::Running::again).
    ///
    /// Any context, hard IRQ too; never blocks, allocates or frees. O(1).
    ///
    /// # Errors
    ///
    /// Gives the item back when the queue is closed.
    #[cfg(feature = "alloc")]
    pub fn queue_boxed<T: Send + Sync + 'static>(
        &'static self,
        work: core::pin::Pin<alloc::boxed::Box<crate::Work<H, T>>>,
    ) -> Result<(), core::pin::Pin<alloc::boxed::Box<crate::Work<H, T>>>> {
        let boxed = crate::owner::Boxed::from_box(work);
        // SAFETY: OWNED: the box stays leaked until its release.
        let queued = unsafe { self.enqueue(boxed.work().cast(), || boxed.retain()) };
        match queued {
            Queued::New => Ok(()),
            // SAFETY: OWNED: refused, so no queue has it; nobody else could have queued it.
            _ => Err(unsafe { boxed.into_box() }),
        }
    }

    /// Queues `item`; `retain` takes the reference if the item turns busy by this.
    ///
    /// # Safety
    ///
    /// OWNED: `item` stays alive and in its place for this call and, if `retain` is called, until
    /// what it returned is. If `retain` takes no reference, something else keeps the item while
    /// it is busy.
    #[inline(always)]
    pub(crate) unsafe fn enqueue(
        &'static self,
        item: NonNull<Item<H>>,
        retain: impl FnOnce() -> Option<Release>,
    ) -> Queued {
        // SAFETY: OWNED, for this call.
        if unsafe { item.as_ref() }.join() {
            return Queued::Coalesced;
        }
        // SAFETY: OWNED, by the caller's promise.
        unsafe { self.enqueue_slow(item, retain) }
    }

    /// [`enqueue`](Self::enqueue) when the item was not seen pending.
    ///
    /// # Safety
    ///
    /// As for [`enqueue`](Self::enqueue).
    #[inline(never)] // so that joining a pending run needs no stack frame
    unsafe fn enqueue_slow(
        &'static self,
        item: NonNull<Item<H>>,
        retain: impl FnOnce() -> Option<Release>,
    ) -> Queued {
        let mut inner = self.lock();
        // SAFETY: OWNED, for this call.
        let it = unsafe { item.as_ref() };
        let (queued, full) = it.claim(inner.closed);
        inner.counts.coalesced += u64::from(full);
        match queued {
            // SAFETY: OWNED: this call turned the item busy, and the lock is held.
            Queued::New => unsafe { it.hold(retain()) },
            Queued::WillRunAgain => {}
            Queued::Coalesced | Queued::Disabled | Queued::Closed => return queued,
        }
        // SAFETY: QUEUE-LOCK and OWNED: this call turned it pending, and it stays alive.
        unsafe { self.append(&mut inner, item) };
        self.call_for(&mut inner, 1).make_after(inner);
        queued
    }

    /// Puts on a pending item whose delay is over.
    ///
    /// `None` when the queue is closed; otherwise whom to call.
    ///
    /// # Safety
    ///
    /// DELAY-LOCK: the caller has just taken the item off its [`Delays`](crate::Delays), and still
    /// holds the lock of those. It makes the call when it has given that back.
    pub(crate) unsafe fn take_over(&'static self, item: NonNull<Item<H>>) -> Option<Call<H>> {
        let mut inner = self.lock();
        if inner.closed {
            return None;
        }
        // SAFETY: QUEUE-LOCK and OWNED: it is pending, on no list, and stays alive.
        unsafe { self.append(&mut inner, item) };
        Some(self.call_for(&mut inner, 1))
    }

    /// Links `item` behind all others. The caller counts it, by [`call_for`](Self::call_for).
    ///
    /// # Safety
    ///
    /// QUEUE-LOCK, OWNED: the item is pending, on no queue, and stays alive until it is taken off
    /// this one.
    #[inline(always)]
    unsafe fn append(&'static self, inner: &mut Inner<H>, item: NonNull<Item<H>>) {
        // SAFETY: OWNED, by the caller's promise.
        let it = unsafe { item.as_ref() };
        // SAFETY: QUEUE-LOCK: it is on no other queue, so nobody else may write this.
        unsafe { it.set_ticket(inner.next_ticket) };
        inner.waits.comes::<H>(inner.next_ticket);
        inner.next_ticket += 1;
        // SAFETY: QUEUE-LOCK and OWNED, by the caller's promise.
        unsafe { inner.ready.push_back(item) };
        // Release: who reads the queue here without its lock goes there and looks again.
        it.queue.store(ptr::from_ref(self).cast_mut(), Publish);
    }

    /// Lets no more items in. Those that are on the queue still run; then the workers return from
    /// [`run_worker`](WorkQueue::run_worker). [`drain`](WorkQueue::drain) waits for that.
    ///
    /// An item that runs cannot queue itself again either. Any context. A closed queue stays
    /// closed.
    pub fn close(&'static self) {
        self.lock().closed = true;
        self.call_all();
    }
}

impl<H: Host> fmt::Debug for WorkQueue<H> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WorkQueue")
            .field("name", &self.name)
            .field("report", &self.report())
            .finish_non_exhaustive()
    }
}
