//! Delays: items that wait for a point in time before they go to a queue.
//!
//! A delayed item is pending: whoever queues it joins, whoever cancels it finds it here. What is
//! here is the list by deadline, its lock, and the thread that looks at the clock. How an item is
//! run when its delay is over is the business of the queue that it goes to.
//!
//! Locks: that of a `Delays` comes before a queue's. An item goes from one to the other under both,
//! with interrupts masked: so a canceller finds it here or there, and expiry racing cancel has one
//! winner (K4).

use crate::const_unless_loom;
use crate::item::Item;
use crate::mutant::mutant;
use crate::owner::{Release, Share};
use crate::queue::{Queued, WorkQueue};
use core::fmt;
use core::mem::offset_of;
use core::ptr::{self, NonNull};
use core::sync::atomic::Ordering::{AcqRel, Relaxed, Release as Publish};
use core::time::Duration;
use layercake_sync::{Atomic, IrqOff, SpinGuard, SpinLock, TaskCx};
use layercake_timer::{TimerQueue, TimerRef};
use layercake_wait::{Host, Instant, WaitQueue};

/// Items that wait for their time, and the thread that sees to it.
///
/// The host gives it one thread, which calls [`run`](Delays::run), at a priority at least that of
/// the workers that it serves. One `Delays` is enough for a system; several share less.
pub struct Delays<H: Host> {
    name: &'static str,
    /// The thread in `run`, when it waits.
    keeper: WaitQueue<H>,
    inner: SpinLock<Inner, IrqOff<H::Cpu>>,
}

/// What the lock protects.
struct Inner {
    timers: TimerQueue,
    closed: bool,
    came: u64,
    handed_over: u64,
    cancelled: u64,
    coalesced: u64,
}

/// A [`Delays`] at one moment. At every moment `came == delayed + handed_over + cancelled`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DelayReport {
    /// Its name.
    pub name: &'static str,
    /// Items that wait for their time now.
    pub delayed: usize,
    /// The first of these times.
    pub next: Option<Instant>,
    /// Items that were delayed here.
    pub came: u64,
    /// Items that went to a queue.
    pub handed_over: u64,
    /// Items that were cancelled here, or whose queue was closed when their time came.
    pub cancelled: u64,
    /// Calls that joined an item which was cancelled here. Those of an item that went to a queue
    /// are counted there.
    pub coalesced: u64,
}

impl<H: Host> Delays<H> {
    const_unless_loom! {
        /// Nothing delayed. `name` is for people: reports show it.
        pub const fn new(name: &'static str) -> Self {
            Self {
                name,
                keeper: WaitQueue::new(name),
                inner: SpinLock::new(Inner {
                    timers: TimerQueue::new(),
                    closed: false,
                    came: 0,
                    handed_over: 0,
                    cancelled: 0,
                    coalesced: 0,
                }),
            }
        }
    }

    fn lock(&self) -> SpinGuard<'_, Inner, IrqOff<H::Cpu>> {
        // SAFETY: CX-ATOMIC: with interrupts masked, and nothing in this crate sleeps as long as
        // it holds this guard.
        self.inner.lock(unsafe { Atomic::assume() })
    }

    /// Puts `work` on `queue` at the time `at`; says what that did.
    ///
    /// Until then the item is pending here: queueing it again by any call is answered
    /// [`Queued::Coalesced`], and leaves its time and its queue as they are. A time in the past is
    /// now. If the queue is closed when the time comes, the item is cancelled.
    ///
    /// Any context; never blocks, allocates or frees. O(log n) of the items delayed here.
    pub fn queue_at(
        &'static self,
        queue: &'static WorkQueue<H>,
        work: impl Share<H>,
        at: Instant,
    ) -> Queued {
        // SAFETY: OWNED, 1 and 2: `work` keeps the item for this call, `retain` beyond it.
        unsafe { self.enqueue(work.work().cast(), queue, |_, _| at, || work.retain()) }
    }

    /// [`queue_at`](Delays::queue_at) the time that is `delay` from now.
    pub fn queue_after(
        &'static self,
        queue: &'static WorkQueue<H>,
        work: impl Share<H>,
        delay: Duration,
    ) -> Queued {
        // SAFETY: OWNED, 1 and 2, as above.
        unsafe {
            self.enqueue(
                work.work().cast(),
                queue,
                |_, now| now + delay,
                || work.retain(),
            )
        }
    }

    /// [`queue_at`](Delays::queue_at), whatever the item was pending for: here or on a queue, that
    /// is cancelled first. So the answer is never [`Queued::Coalesced`].
    ///
    /// The run that comes sees what those stored who had queued the item before.
    pub fn requeue_at(
        &'static self,
        queue: &'static WorkQueue<H>,
        work: impl Share<H>,
        at: Instant,
    ) -> Queued {
        let item: NonNull<Item<H>> = work.work().cast();
        loop {
            // SAFETY: OWNED, 1 and 2, as above.
            match unsafe { self.enqueue(item, queue, |_, _| at, || work.retain()) } {
                Queued::Coalesced => {}
                queued => return queued,
            }
            // SAFETY: OWNED, 1: `work` keeps the item.
            unsafe { item.as_ref() }.cancel();
        }
    }

    /// Delays `item`, for `queue`, until `when(last, now)`; `last` is what it was delayed for before.
    ///
    /// # Safety
    ///
    /// OWNED: as for [`WorkQueue::enqueue`].
    pub(crate) unsafe fn enqueue(
        &'static self,
        item: NonNull<Item<H>>,
        queue: &'static WorkQueue<H>,
        when: impl FnOnce(Option<Instant>, Instant) -> Instant,
        retain: impl FnOnce() -> Option<Release>,
    ) -> Queued {
        let mut guard = self.lock();
        let inner = &mut *guard;
        // SAFETY: OWNED, for this call.
        let it = unsafe { item.as_ref() };
        let (queued, full) = it.claim(inner.closed);
        inner.coalesced += u64::from(full);
        match queued {
            // SAFETY: OWNED: this call turned the item busy, and the lock is held.
            Queued::New => unsafe { it.hold(retain()) },
            Queued::WillRunAgain => {}
            Queued::Coalesced | Queued::Disabled | Queued::Closed => return queued,
        }
        let last = match it.timer.deadline() {
            0 => None,
            nanos => Some(Instant::from_nanos(nanos)),
        };
        let at = when(last, H::now());
        // SAFETY: DELAY-LOCK: this call turned it pending, here.
        unsafe { it.set_target(queue) };
        // Its address is the item's and a distance, so that the item is found again.
        // SAFETY: DELAY-LOCK and OWNED: it stays alive until it is taken off; no other `Delays`
        // has it, as its PENDING was off.
        let timer = unsafe {
            let timer = item.as_ptr().byte_add(offset_of!(Item<H>, timer));
            TimerRef::from_raw(timer.cast())
        };
        // A deadline of zero would be "never delayed".
        let earliest = inner.timers.arm(timer, at.as_nanos().max(1));
        inner.came += 1;
        // Release: who reads this without the lock comes here and looks again.
        it.delays.store(ptr::from_ref(self).cast_mut(), Publish);
        drop(guard);
        if earliest && !mutant!(KeeperNotTold) {
            self.keeper.wake_one();
        }
        queued
    }

    /// The item whose timer was on this list.
    fn item_of(timer: &TimerRef) -> NonNull<Item<H>> {
        // SAFETY: DELAY-LOCK: each timer here is the one within an item, and its handle was made
        // of a pointer to all of that.
        unsafe {
            let item = timer.as_ptr().byte_sub(offset_of!(Item<H>, timer));
            NonNull::new_unchecked(item.cast_mut().cast())
        }
    }

    /// Puts all items whose time has come on their queues, in the order of their times; says when
    /// the next one's comes.
    ///
    /// For a host that looks at the clock by itself; otherwise [`run`](Delays::run) calls it. Any
    /// context. The lock is taken anew for each item.
    pub fn expire(&'static self) -> Option<Instant> {
        let now = H::now();
        loop {
            let mut inner = self.lock();
            match inner.timers.pop_expired(now.as_nanos()) {
                Some(timer) => {
                    let item = Self::item_of(&timer);
                    self.hand_over(inner, item);
                }
                None => return inner.timers.next_deadline().map(Instant::from_nanos),
            }
        }
    }

    /// Ends the delay of `item` now, if it is here.
    ///
    /// # Safety
    ///
    /// OWNED, 1: the pointer may be used for all of the item's `Work`, which is alive for this call.
    pub(crate) unsafe fn hasten(&'static self, item: NonNull<Item<H>>) {
        let mut inner = self.lock();
        // SAFETY: OWNED, for this call.
        let it = unsafe { item.as_ref() };
        if ptr::eq(it.delays.load(Relaxed), self) && inner.timers.cancel(&it.timer) {
            self.hand_over(inner, item);
        }
    }

    /// Puts `item`, just taken off the list, on its queue.
    fn hand_over(
        &'static self,
        mut inner: SpinGuard<'_, Inner, IrqOff<H::Cpu>>,
        item: NonNull<Item<H>>,
    ) {
        // SAFETY: OWNED: it is busy, and so alive.
        let it = unsafe { item.as_ref() };
        // SAFETY: DELAY-LOCK: the lock is held.
        let queue = unsafe { it.target() };
        it.delays.store(ptr::null_mut(), Relaxed);
        // SAFETY: DELAY-LOCK: it is off the list, and the lock is held.
        match queue.and_then(|queue| unsafe { queue.take_over(item) }) {
            Some(call) => {
                inner.handed_over += 1;
                drop(inner);
                call.make();
            }
            None => self.let_go(inner, it),
        }
    }

    /// Ends the pending run of an item that is off the list and not on a queue.
    fn let_go(&'static self, mut inner: SpinGuard<'_, Inner, IrqOff<H::Cpu>>, it: &Item<H>) {
        // SAFETY: OWNED: it is busy until the step below.
        let release = unsafe { it.held() };
        let mut old = it.state(Relaxed);
        while let Err(now) = it.step(old, old.withdrawn(), AcqRel) {
            old = now;
        }
        inner.cancelled += 1;
        inner.coalesced += u64::from(old.joined());
        drop(inner);
        if let (false, Some(release)) = (old.running(), release) {
            // SAFETY: OWNED: the step above made it idle.
            unsafe { release.call() };
        }
    }

    /// Takes `it` off without a run. `false` when it is not here.
    pub(crate) fn withdraw(&'static self, it: &Item<H>) -> bool {
        let mut inner = self.lock();
        if !ptr::eq(it.delays.load(Relaxed), self) {
            return false;
        }
        if !mutant!(CancelLeavesTimer) {
            inner.timers.cancel(&it.timer);
        }
        it.delays.store(ptr::null_mut(), Relaxed);
        self.let_go(inner, it);
        true
    }

    /// Sees to the delays on the calling thread, and sleeps until the next one is over. Returns
    /// when this is [closed](Delays::close).
    pub fn run(&'static self, cx: &mut TaskCx) {
        loop {
            let next = self.expire();
            let look = || {
                let inner = self.lock();
                let earliest = inner.timers.next_deadline().map(Instant::from_nanos);
                match (earliest, next) {
                    _ if inner.closed => Some(true),
                    (Some(earliest), Some(next)) => (earliest < next).then_some(false),
                    (earliest, None) => earliest.map(|_| false),
                    (None, Some(_)) => None,
                }
            };
            let closed = match next {
                Some(next) => {
                    let looked = self.keeper.wait_until_deadline(cx, next, |_| look());
                    looked.unwrap_or(false)
                }
                None => self.keeper.idle_until(cx, |_| look()),
            };
            if closed {
                return;
            }
        }
    }

    /// Takes no more items; those that are here are cancelled. [`run`](Delays::run) returns.
    ///
    /// Any context. O(n log n) of the items here, with the lock taken anew for each.
    pub fn close(&'static self) {
        self.lock().closed = true;
        loop {
            let mut inner = self.lock();
            let Some(timer) = inner.timers.pop_expired(u64::MAX) else {
                break;
            };
            // SAFETY: OWNED: it is busy, and so alive.
            let it = unsafe { Self::item_of(&timer).as_ref() };
            it.delays.store(ptr::null_mut(), Relaxed);
            self.let_go(inner, it);
        }
        self.keeper.wake_all();
    }

    /// What is delayed, and what became of all that was. Any context.
    pub fn report(&self) -> DelayReport {
        let inner = self.lock();
        DelayReport {
            name: self.name,
            delayed: inner.timers.len(),
            next: inner.timers.next_deadline().map(Instant::from_nanos),
            came: inner.came,
            handed_over: inner.handed_over,
            cancelled: inner.cancelled,
            coalesced: inner.coalesced,
        }
    }
}

impl<H: Host> fmt::Debug for Delays<H> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Delays").field(&self.report()).finish()
    }
}
