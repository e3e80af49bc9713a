//! The wait queue: who waits for one kind of event, and how they are woken.
//!
//! Here are the list, its lock and the wakes; the wakes that hand out permits are in `grant.rs`.
//! How a thread waits is in [`crate::waiter`] (the steps) and in `wait_until.rs` (the loop around
//! them).
//!
//! # Why no wakeup is lost (W1)
//!
//! ```text
//!   waiter                               waker
//!   ------                               -----
//!   lock; link node; linked += 1         condition = true
//!   unlock
//!   fence(SeqCst)              <-->      fence(SeqCst)
//!   look at the condition                look at linked
//!   false: block                         zero: return
//!                                        else: lock; unlink; state = WOKEN; unlock; unpark
//! ```
//!
//! Two fences are in one order that everybody agrees on. If the waiter's is first, the waker sees
//! `linked` and wakes; if the waker's is first, the waiter sees the condition and does not block.
//! Without either fence both may read the old value: then the waiter sleeps for good.
//!
//! # Why a node may live on a stack (W7)
//!
//! ```text
//!   waker, lock held                     waiter
//!   ----------------                     ------
//!   unlink node
//!   task = clone of node.task
//!   node.state = WOKEN    (release) -->  node.state?   (acquire)  WOKEN: return,
//!   unlock                               and the stack frame is used for something else
//!   unpark(task)
//! ```
//!
//! The store to the state is the waker's last touch of the node; it holds the handle by then. The
//! waiter need not take the lock to leave. Should it be gone altogether when `unpark` comes, the
//! handle is still good (HOST, 3).

use crate::hand_over::{BATCH, Batch, hand_over, take};
use crate::host::Host;
use crate::list::List;
use crate::mutant::mutant;
use crate::node::{Node, state};
use crate::stats::{Event, Watch};
use core::num::NonZeroUsize;
use core::ptr::NonNull;
use core::sync::atomic::Ordering::{Relaxed, SeqCst};
use layercake_sync::facade::{AtomicBool, AtomicU32, const_unless_loom, fence};
use layercake_sync::{Atomic, IrqOff, SpinGuard, SpinLock};

mod grant;

/// Threads that wait for one kind of event.
///
/// Wakes may come from any context, interrupt handlers too. A queue holds no condition: whoever
/// waits brings its own, see [`wait_until`](WaitQueue::wait_until).
///
/// # Exclusive and shared
///
/// A waiter is *exclusive* unless it says otherwise: [`wake_one`](WaitQueue::wake_one) wakes one
/// of these, first in, first out. *Shared* waiters only watch: every wake of any kind wakes all
/// of them, and they do not count as the one.
///
/// A waiter that was woken by a wake-one and finds its condition false again goes back to the
/// head of the queue if everybody else came after it, and to the end otherwise.
#[repr(C)] // the lists first: the address of their lock is the queue's
pub struct WaitQueue<H: Host> {
    lists: SpinLock<Lists<H>, IrqOff<H::Cpu>>,
    /// How many nodes are linked. Written under the lock only.
    linked: AtomicU32,
    /// Written once; see `close.rs`.
    pub(crate) closed: AtomicBool,
    name: &'static str,
    /// For [`crate::stats`]: without the feature, nothing.
    pub(crate) watch: Watch,
}

/// What the lock protects.
pub(crate) struct Lists<H: Host> {
    exclusive: List<Node<H>>,
    shared: List<Node<H>>,
    /// The next to arrive gets this. 64 bits do not come round.
    next_ticket: u64,
}

impl<H: Host> WaitQueue<H> {
    const_unless_loom! {
        /// An empty queue. `name` is for people: a list of threads shows it.
        pub const fn new(name: &'static str) -> Self {
            Self {
                linked: AtomicU32::new(0),
                closed: AtomicBool::new(false),
                name,
                watch: Watch::new(),
                lists: SpinLock::new(Lists {
                    exclusive: List::new(),
                    shared: List::new(),
                    next_ticket: 0,
                })
                .named(name),
            }
        }
    }

    /// The name that it was made with.
    pub const fn name(&self) -> &'static str {
        self.name
    }

    /// How many waiters are on the queue now. For reports: it may change at once.
    pub fn waiters(&self) -> usize {
        self.linked.load(Relaxed) as usize
    }

    /// Wakes the exclusive waiter that has waited longest, and all shared ones.
    ///
    /// Make the condition true *before*. Says whether there was an exclusive waiter. With nobody
    /// waiting this is a fence, a load and a branch.
    ///
    /// Any context. O(1), and O(shared waiters) outside the lock.
    #[inline]
    pub fn wake_one(&self) -> bool {
        !self.is_empty_after_fence() && self.wake_first().is_some()
    }

    /// Wakes the `n` exclusive waiters that have waited longest, and all shared ones.
    ///
    /// As `n` calls of [`wake_one`](WaitQueue::wake_one), but in batches, and only those that
    /// were on the queue when it began. Returns how many exclusive ones it woke.
    ///
    /// Any context. O(waiters woken); the lock is held for 16 of them at a time.
    #[inline]
    pub fn wake_n(&self, n: usize) -> usize {
        if self.is_empty_after_fence() {
            0
        } else {
            self.sweep(n, state::WOKEN_ONE).0
        }
    }

    /// Wakes everybody who is on the queue when it begins; returns how many that were.
    ///
    /// Whoever arrives while it runs is not woken and does not prolong it.
    ///
    /// Any context. O(waiters woken); the lock is held for 16 of them at a time.
    #[inline]
    pub fn wake_all(&self) -> usize {
        if self.is_empty_after_fence() {
            return 0;
        }
        let (exclusive, shared) = self.sweep(usize::MAX, state::WOKEN_ALL);
        exclusive + shared
    }

    /// The waker's half of W1: whatever it stored before is visible to whoever links later.
    #[inline(always)]
    fn is_empty_after_fence(&self) -> bool {
        if !mutant!(WakerWithoutFence) {
            fence(SeqCst);
        }
        let empty = self.linked.load(Relaxed) == 0;
        if empty {
            self.note(Event::FoundEmpty);
        }
        empty
    }

    /// [`wake_one`](WaitQueue::wake_one) once there is somebody: one handle, no array. `None`: there was
    /// no exclusive waiter.
    #[inline(never)]
    fn wake_first(&self) -> Option<NonZeroUsize> {
        let mut lists = self.lock();
        if !lists.shared.is_empty() {
            drop(lists);
            return self.wake_first_and_shared();
        }
        let Some(node) = lists.exclusive.pop_front() else {
            self.note(Event::FoundEmpty);
            return None;
        };
        self.count(-1);
        self.note(Event::Leaves);
        self.note(Event::Sent);
        // SAFETY: NODE-LOCK: the lock is held, and it was on the list.
        let task = unsafe { hand_over(node, state::WOKEN_ONE) };
        let state = lists.unlock_masked();
        // SAFETY: CPU-MASK: what the guard masked.
        Some(unsafe { H::unpark_masked(&task, state) })
    }

    /// [`wake_first`](Self::wake_first) if there are shared waiters as well.
    #[inline(never)]
    fn wake_first_and_shared(&self) -> Option<NonZeroUsize> {
        NonZeroUsize::new(self.sweep(1, state::WOKEN_ONE).0)
    }

    /// Wakes up to `quota` exclusive waiters and all shared ones that are there when it begins.
    /// Returns how many of each.
    #[inline(never)]
    fn sweep(&self, mut quota: usize, how: u32) -> (usize, usize) {
        let mut woken = (0, 0);
        let mut end = None;
        loop {
            let mut batch = Batch::<H>::new();
            let mut lists = self.lock();
            // Tickets rise along each list, and whoever arrives from now on draws one from `end`
            // on. Only a waiter that a wake-one woke in vain comes back with its old ticket; it
            // is woken here once more at most, for WOKEN_ALL takes that ticket away, and the
            // quota bounds the rest. So the sweep ends (W5).
            let mut end = *end.get_or_insert(lists.next_ticket);
            if mutant!(SweepWithoutEnd) {
                end = u64::MAX;
            }
            // The batch is empty: its length is how many of the exclusive ones are in it.
            let most = quota.min(BATCH);
            lists.exclusive.pop_while(|node| {
                is_due(node, end)
                    && batch.len() < most
                    // SAFETY: NODE-LOCK: the lock is held, and `pop_while` takes off what this says true of.
                    && unsafe { take(node, how, &mut batch, |event| self.note(event)) }
            });
            let exclusive = batch.len();
            lists.shared.pop_while(|node| {
                is_due(node, end)
                    // SAFETY: as above. A shared waiter has no wake-one to pass on.
                    && unsafe { take(node, state::WOKEN_ALL, &mut batch, |event| self.note(event)) }
            });
            let taken = batch.len();
            self.count(-(taken as i32));
            quota -= exclusive;
            woken.0 += exclusive;
            woken.1 += taken - exclusive;
            let more = (quota > 0 && lists.exclusive.is_due(end)) || lists.shared.is_due(end);
            drop(lists);
            batch.iter().for_each(H::unpark);
            if !more {
                if woken == (0, 0) {
                    self.note(Event::FoundEmpty);
                }
                return woken;
            }
        }
    }

    /// Puts `node` on the queue; the waiter's half of W1.
    ///
    /// With `keep_place`, a node that came before everybody who is there goes to the head.
    ///
    /// # Safety
    ///
    /// NODE-OWNER and NODE-PINNED: the caller owns `node`, which is not linked, has a task, stays
    /// where it is, and is unlinked from this queue before it goes.
    #[inline]
    pub(crate) unsafe fn link(&self, node: &Node<H>, keep_place: bool) {
        let mode = node.mode; // read here, where the compiler may still know it
        let mut lists = self.lock();
        let lists_now = &mut *lists;
        let list = match mode.is_shared() {
            false => &mut lists_now.exclusive,
            true => &mut lists_now.shared,
        };
        if !mutant!(StateSetLate) {
            node.state.store(state::WAITING, Relaxed);
        }
        if (keep_place && !list.is_due(node.ticket.get())) || mutant!(LastInFirstOut) {
            // SAFETY: NODE-PINNED, by the caller's promise; nobody makes a `&mut` to a linked node.
            unsafe { list.push_front(NonNull::from(node)) };
        } else {
            node.ticket.set(lists_now.next_ticket);
            lists_now.next_ticket += 1;
            // SAFETY: as above.
            unsafe { list.push_back(NonNull::from(node)) };
        }
        self.count(1);
        self.note(Event::Joins);
        drop(lists);
        if mutant!(StateSetLate) {
            node.state.store(state::WAITING, Relaxed);
        }
        if !mutant!(WaiterWithoutFence) {
            fence(SeqCst);
        }
    }

    /// Takes `node` off the queue. `false` when a wake had done so already.
    ///
    /// # Safety
    ///
    /// NODE-OWNER: the caller owns `node`, which it linked to this queue.
    pub(crate) unsafe fn unlink(&self, node: &Node<H>) -> bool {
        let mut lists = self.lock();
        // Wakers change the state under this lock, so it cannot change now.
        if node.state.load(Relaxed) != state::WAITING {
            return false;
        }
        let list = match node.mode.is_shared() {
            false => &mut lists.exclusive,
            true => &mut lists.shared,
        };
        // SAFETY: NODE-LOCK. WAITING under the lock means linked here.
        unsafe { list.remove(node) };
        self.count(-1);
        self.note(Event::Leaves);
        true
    }

    /// Exchanges the handle of `node`, which is on the queue. `false`, with nothing exchanged, when
    /// a wake was first.
    ///
    /// # Safety
    ///
    /// NODE-OWNER: the caller owns `node`, which it linked to this queue.
    pub(crate) unsafe fn exchange_task(&self, node: &Node<H>, task: &mut Option<H::Task>) -> bool {
        let _lists = self.lock();
        let waits = node.state.load(Relaxed) == state::WAITING;
        if waits {
            // SAFETY: NODE-LOCK.
            (node.task).with_mut(|old| unsafe { core::ptr::swap(old, task) });
        }
        waits
    }

    /// Locks the lists, with interrupts masked.
    #[inline(always)]
    fn lock(&self) -> SpinGuard<'_, Lists<H>, IrqOff<H::Cpu>> {
        // SAFETY: CX-ATOMIC. No function of this file sleeps, and none lets the guard out.
        self.lists.lock(unsafe { Atomic::assume() })
    }

    /// Adds to the count of linked nodes. The caller has the lists' lock.
    #[inline(always)]
    fn count(&self, change: i32) {
        let linked = self.linked.load(Relaxed).wrapping_add_signed(change);
        self.linked.store(linked, Relaxed);
    }
}

/// Whether `node`, which is on a list under a lock that the caller has, came before ticket `end` was drawn.
#[inline(always)]
fn is_due<H: Host>(node: NonNull<Node<H>>, end: u64) -> bool {
    // SAFETY: NODE-PINNED: it is on the list.
    unsafe { node.as_ref() }.ticket.get() < end
}

/// Whether the first of a list did.
trait IsDue {
    fn is_due(&self, end: u64) -> bool;
}

impl<H: Host> IsDue for List<Node<H>> {
    #[inline(always)]
    fn is_due(&self, end: u64) -> bool {
        self.first().is_some_and(|node| node.ticket.get() < end)
    }
}

impl<H: Host> core::fmt::Debug for WaitQueue<H> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("WaitQueue")
            .field("name", &self.name)
            .field("waiters", &self.waiters())
            .finish_non_exhaustive()
    }
}
