//! Who waits for whom: the list of all who wait for work, and the search for a cycle before one
//! more waits (K5).
//!
//! Whoever is about to wait for an item or a queue is put on one list for the whole program, with
//! what it waits for. An item that waits is known by the address of the right to sleep that its
//! worker gave it. So the search goes from what is waited for to the items that run there, from each
//! of these, if it waits itself, to what that waits for, and so on; if it comes back to the caller,
//! the caller would wait for itself, and is refused. Search and entry are one step under the list's
//! lock: of those who would close a cycle together the last one sees the others.
//!
//! Each of these edges is one that must go for the wait to end. An item that is pending waits for
//! the one that runs only if no other worker could take it: in an ordered queue, or one with a
//! single worker that is no pool. Where *several* would have to go on together, nothing is found.
//!
//! Locks: the list's comes before a queue's. Both are taken with interrupts masked.

use crate::const_unless_loom;
use crate::item::Item;
use crate::lists::Inner;
use crate::mutant::mutant;
use crate::queue::WorkQueue;
use core::any::TypeId;
use core::fmt;
use core::pin::Pin;
use core::ptr;
use core::sync::atomic::Ordering::Acquire;
use intrusive_collections::{LinkedList, LinkedListLink, UnsafeRef, intrusive_adapter};
use layercake_sync::facade::UnsafeCell;
use layercake_sync::raw::DefaultRaw;
use layercake_sync::{Cpu, RawLock, TaskCx};
use layercake_wait::Host;

/// How many items a cycle may go through to be found.
pub const LONGEST_CYCLE: usize = 8;
/// How many of these the refusal names.
const NAMED: usize = 2;
/// How many items that run on one queue are followed.
const WIDEST: usize = 16;

/// Refused: the caller would wait for itself (K5).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct WouldDeadlock {
    /// The queue on whose worker the caller runs.
    pub queue: &'static str,
    /// The item that runs there: the caller's own.
    pub item: &'static str,
    through: [Option<Link>; NAMED],
    /// How many items more than those the cycle goes through.
    more: usize,
}

/// An item that waits for the next one of a chain.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Link {
    /// The queue on whose worker it runs.
    pub queue: &'static str,
    /// Its name.
    pub item: &'static str,
}

impl WouldDeadlock {
    /// What the caller would wait for, in turn, the first two; the last one waits for the caller.
    /// Nothing, if the caller would wait for its own worker.
    pub fn through(&self) -> impl Iterator<Item = Link> {
        self.through.into_iter().flatten()
    }
}

impl fmt::Display for WouldDeadlock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.through[0].is_none() {
            return write!(
                f,
                "item `{}` would wait for its own worker of queue `{}`",
                self.item, self.queue
            );
        }
        write!(f, "item `{}` of queue `{}`", self.item, self.queue)?;
        for (n, link) in self.through().enumerate() {
            let waits = if n == 0 { "would wait" } else { "that waits" };
            write!(f, " {waits} for `{}` of `{}`,", link.item, link.queue)?;
        }
        if self.more > 0 {
            write!(f, " that waits for {} more,", self.more)?;
        }
        f.write_str(" that waits for it")
    }
}

impl core::error::Error for WouldDeadlock {}

/// What somebody waits for.
pub(crate) enum Target<'a, H: Host> {
    /// All that came to the queue before this ticket.
    Queue(&'static WorkQueue<H>, u64),
    Item(&'a Item<H>),
}

impl<H: Host> Clone for Target<'_, H> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<H: Host> Copy for Target<'_, H> {}

/// Somebody who waits: on its stack, on the list.
pub(crate) struct Waiting {
    link: LinkedListLink,
    /// The address of its right to sleep.
    who: *const (),
    host: TypeId,
    /// The `Item` or, with a ticket, the `WorkQueue`; of that host.
    what: *const (),
    ticket: Option<u64>,
}

intrusive_adapter!(WaitingAdapter = UnsafeRef<Waiting>: Waiting { link => LinkedListLink });

/// All who wait.
struct All {
    raw: DefaultRaw,
    list: UnsafeCell<LinkedList<WaitingAdapter>>,
}

// SAFETY: WAIT-LIST: the list is touched with `raw` held.
unsafe impl Sync for All {}
// SAFETY: WAIT-LIST.
unsafe impl Send for All {}

impl All {
    const_unless_loom! {
        const fn new() -> Self {
            Self {
                #[cfg(not(loom))]
                raw: DefaultRaw::FREE,
                #[cfg(loom)]
                raw: DefaultRaw::free(),
                list: UnsafeCell::new(LinkedList::new(WaitingAdapter::NEW)),
            }
        }
    }

    /// Has the list for `f`, which neither sleeps nor panics.
    fn with<H: Host, R>(&self, f: impl FnOnce(&mut LinkedList<WaitingAdapter>) -> R) -> R {
        let state = H::Cpu::irq_save();
        #[cfg_attr(
            loom,
            expect(clippy::let_unit_value, reason = "other lock words hold something")
        )]
        let held = self.raw.acquire::<H::Cpu>();
        // SAFETY: WAIT-LIST: the lock is held.
        let result = self.list.with_mut(|list| f(unsafe { &mut *list }));
        // SAFETY: LOCK-HELD: from above. IRQ-NEST: `state` is from above.
        unsafe {
            self.raw.release::<H::Cpu>(held);
            H::Cpu::irq_restore(state);
        }
        result
    }
}

#[cfg(not(loom))]
static ALL: All = All::new();
#[cfg(loom)]
loom::lazy_static! {
    static ref ALL: All = All::new();
}

impl Waiting {
    /// One who may wait, for `target`, with the right to sleep `cx`.
    pub(crate) fn new<H: Host>(cx: &TaskCx, target: Target<'_, H>) -> Self {
        let (what, ticket) = match target {
            Target::Queue(queue, ticket) => (ptr::from_ref(queue).cast(), Some(ticket)),
            Target::Item(item) => (ptr::from_ref(item).cast(), None),
        };
        Self {
            link: LinkedListLink::new(),
            who: ptr::from_ref(cx).cast(),
            host: TypeId::of::<H>(),
            what,
            ticket,
        }
    }

    /// Puts it on the list for as long as the result lives, unless it would close a cycle.
    ///
    /// # Safety
    ///
    /// WAIT-LIST: what it waits for outlives the result.
    pub(crate) unsafe fn enter<H: Host>(self: Pin<&Self>) -> Result<Entered<'_, H>, WouldDeadlock> {
        ALL.with::<H, _>(|list| {
            // SAFETY: WAIT-LIST: by the caller's promise what it waits for is there.
            let target = unsafe { self.target::<H>() };
            let mut found = WouldDeadlock {
                queue: "",
                item: "",
                through: [None; NAMED],
                more: 0,
            };
            if target.is_some_and(|target| find(list, self.who, target, 0, &mut found)) {
                return Err(found);
            }
            // SAFETY: WAIT-LIST: it is pinned, and taken off when `Entered` is dropped.
            list.push_back(unsafe { UnsafeRef::from_raw(self.get_ref()) });
            Ok(Entered(self, core::marker::PhantomData))
        })
    }

    /// What it waits for, if that is of the host `H`.
    ///
    /// # Safety
    ///
    /// WAIT-LIST: it is on the list, which is locked, or its own thread asks.
    unsafe fn target<'a, H: Host>(&self) -> Option<Target<'a, H>> {
        if self.host != TypeId::of::<H>() {
            return None;
        }
        // SAFETY: WAIT-LIST: what it waits for outlives its being on the list, and is of that type.
        Some(unsafe {
            match self.ticket {
                Some(ticket) => Target::Queue(&*self.what.cast(), ticket),
                None => Target::Item(&*self.what.cast()),
            }
        })
    }
}

/// One who is on the list as long as this lives.
pub(crate) struct Entered<'a, H: Host>(Pin<&'a Waiting>, core::marker::PhantomData<fn(H)>);

impl<H: Host> Drop for Entered<'_, H> {
    fn drop(&mut self) {
        ALL.with::<H, _>(|list| {
            // SAFETY: WAIT-LIST: `enter` put it there.
            unsafe { list.cursor_mut_from_ptr(self.0.get_ref()).remove() };
        });
    }
}

/// An item that runs.
#[derive(Clone, Copy)]
struct Runs {
    worker: *const (),
    link: Link,
}

/// Whether what `target` waits for waits for `me`. If so, `found` says how.
fn find<H: Host>(
    list: &LinkedList<WaitingAdapter>,
    me: *const (),
    target: Target<'_, H>,
    depth: usize,
    found: &mut WouldDeadlock,
) -> bool {
    let mut runs = [None; WIDEST];
    in_the_way(target, &mut runs);
    for run in runs.into_iter().flatten() {
        if run.worker == me {
            (found.queue, found.item) = (run.link.queue, run.link.item);
            found.more = depth.saturating_sub(NAMED);
            return true;
        }
        if depth + 1 == LONGEST_CYCLE || mutant!(CycleIsNotSeen) {
            continue;
        }
        let Some(waits) = list.iter().find(|waits| waits.who == run.worker) else {
            continue;
        };
        // SAFETY: WAIT-LIST: it is on the list, which is locked.
        let next = unsafe { waits.target::<H>() };
        if next.is_some_and(|next| find(list, me, next, depth + 1, found)) {
            if let Some(place) = found.through.get_mut(depth) {
                *place = Some(run.link);
            }
            return true;
        }
    }
    false
}

/// Refuses an item that runs on `queue` if no other worker of it could run another item.
pub(crate) fn check_own_worker<H: Host>(
    queue: &'static WorkQueue<H>,
    cx: &TaskCx,
) -> Result<(), WouldDeadlock> {
    let inner = queue.lock();
    let mut workers = inner.workers.iter();
    let me = workers.find(|worker| worker.address() == ptr::from_ref(cx).cast());
    match me.and_then(|worker| worker.job.get()) {
        Some(job) if inner.has_one_pair_of_hands(queue) => Err(WouldDeadlock {
            queue: queue.name(),
            item: job.name,
            through: [None; NAMED],
            more: 0,
        }),
        _ => Ok(()),
    }
}

/// Writes into `runs` the items whose runs must end before `target` is done.
fn in_the_way<H: Host>(target: Target<'_, H>, runs: &mut [Option<Runs>; WIDEST]) {
    let mut free = runs.iter_mut();
    let mut note = |queue: &'static WorkQueue<H>, inner: &Inner<H>, of: &dyn Fn(Seen) -> bool| {
        let workers = inner.workers.iter();
        for (worker, job) in workers.filter_map(|worker| Some((worker, worker.job.get()?))) {
            let seen = Seen {
                item: job.item,
                ticket: job.ticket,
            };
            if of(seen)
                && let Some(slot) = free.next()
            {
                *slot = Some(Runs {
                    worker: worker.address(),
                    link: Link {
                        queue: queue.name(),
                        item: job.name,
                    },
                });
            }
        }
    };
    match target {
        Target::Queue(queue, ticket) => {
            note(queue, &queue.lock(), &|seen| seen.ticket < ticket);
        }
        Target::Item(item) => {
            let now = item.state(Acquire);
            let Some(queue) = item.whereabouts(now) else {
                return;
            };
            let inner = queue.lock();
            if now.running() {
                note(queue, &inner, &|seen| {
                    seen.item == ptr::from_ref(item).cast()
                });
            } else if now.pending() && inner.has_one_pair_of_hands(queue) {
                note(queue, &inner, &|_| true);
            }
        }
    }
}

/// What is asked of an item that runs.
struct Seen {
    item: *const (),
    ticket: u64,
}

impl<H: Host> Inner<H> {
    /// Whether nothing starts on `queue` as long as what runs there runs.
    fn has_one_pair_of_hands(&self, queue: &WorkQueue<H>) -> bool {
        queue.is_ordered() || !queue.is_pool() && self.workers.iter().count() == 1
    }
}
