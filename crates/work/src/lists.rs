//! What a queue's lock protects, and the step by which an item leaves the queue to run. See the protocol
//! in [`crate::item`]; how it leaves otherwise is in [`crate::leave`].

use crate::const_unless_loom;
use crate::item::{Item, Turn};
use crate::mutant::mutant;
use crate::pool::Asked;
use crate::queue::WorkQueue;
use crate::waits::Waits;
use crate::worker::{IdleAdapter, Job, Rest, Role, Worker, WorkerAdapter};
use core::ptr::NonNull;
use core::sync::atomic::Ordering::Relaxed;
use intrusive_collections::{LinkedList, SinglyLinkedList, UnsafeRef};
use layercake_sync::TaskAtomic;
use layercake_wait::Host;
use layercake_wait::list::List;

/// What the lock protects.
pub(crate) struct Inner<H: Host> {
    /// Items to run, by ticket.
    pub(crate) ready: List<Item<H>>,
    /// Items whose turn came while they ran elsewhere. They are few: no more than run elsewhere.
    pub(crate) parked: List<Item<H>>,
    /// How many these are.
    pub(crate) set_aside: usize,
    /// Everybody who works here now.
    pub(crate) workers: LinkedList<WorkerAdapter<H>>,
    /// Those of them who sleep and have not been called; in front who was the last to go to sleep.
    pub(crate) idle: SinglyLinkedList<IdleAdapter<H>>,
    /// The rescuer, while it sleeps and has not been called.
    pub(crate) rescuer: Option<UnsafeRef<Worker<H>>>,
    /// How many more could become active: the queue's limit, less those that are (they have an item that
    /// does not sleep, as far as the host tells) and those who have been called and have not looked yet.
    /// One less in an ordered queue as long as an item is set aside there, for nothing overtakes. It
    /// is below zero when an item has woken that has lost its place to another.
    pub(crate) room: isize,
    /// How many items are ready for which nobody has been called. It is below zero when what somebody
    /// was called for was withdrawn or taken by another.
    pub(crate) unclaimed: isize,
    /// How many have an item that sleeps.
    pub(crate) blocked: usize,
    /// How many are there to stay.
    pub(crate) staff: usize,
    pub(crate) asked: Asked,
    /// The host could make no worker when it was last asked.
    pub(crate) refused: bool,
    pub(crate) waits: Waits,
    /// The next of those that were destroyed; under the lock of their store, too.
    #[cfg(feature = "alloc")]
    pub(crate) next_free: Option<&'static WorkQueue<H>>,
    /// The next item to come gets this. 64 bits do not come round.
    pub(crate) next_ticket: u64,
    pub(crate) closed: bool,
    pub(crate) counts: Counts,
}

/// What became of the items that came. Each is pending or running now, was cancelled, or ran: so
/// how many ran follows from how many came, and nobody counts them.
#[derive(Clone, Copy)]
pub(crate) struct Counts {
    pub(crate) cancelled: u64,
    /// Calls of `queue` that joined an item which has left the queue since.
    pub(crate) coalesced: u64,
}

// SAFETY: QUEUE-LOCK. Whoever has this holds the lock; items on the lists are kept alive (OWNED)
// and their links are touched under the lock only; workers are unlinked before they go.
unsafe impl<H: Host> Send for Inner<H> {}

/// What a worker had that asks for an item: it goes over to that item, or is given up.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Had {
    Nothing,
    /// An item, whose run has ended.
    Job,
    /// A call.
    Call,
}

impl Had {
    /// The place among the active, and the claim to an item, that are kept for who has this.
    #[inline(always)]
    const fn holds(self) -> (isize, isize) {
        match self {
            Self::Nothing => (0, 0),
            Self::Job => (1, 0),
            Self::Call => (1, 1),
        }
    }
}

/// What a worker is to do next.
pub(crate) enum Next<H: Host> {
    Run(NonNull<Item<H>>),
    /// Sleep until it is called. A visitor goes.
    Idle,
    /// The queue is closed and empty, or there are too many workers.
    End,
}

impl<H: Host> Inner<H> {
    const_unless_loom! {
        pub(crate) const fn new(limit: usize) -> Self {
            // No machine has memory for more items than half of the numbers.
            let room = if limit > isize::MAX as usize { isize::MAX } else { limit as isize };
            Self {
                ready: List::new(),
                parked: List::new(),
                set_aside: 0,
                workers: LinkedList::new(WorkerAdapter::NEW),
                idle: SinglyLinkedList::new(IdleAdapter::NEW),
                rescuer: None,
                room,
                unclaimed: 0,
                blocked: 0,
                staff: 0,
                asked: Asked::No,
                refused: false,
                waits: Waits::new(),
                #[cfg(feature = "alloc")]
                next_free: None,
                next_ticket: 0,
                closed: false,
                counts: Counts {
                    cancelled: 0,
                    coalesced: 0,
                },
            }
        }
    }

    /// How many items are ready or parked. O(workers), like the rest that is asked only now and then.
    pub(crate) fn pending(&self) -> usize {
        let workers = self.workers.iter();
        let called = workers.filter(|worker| worker.called.load(Relaxed)).count();
        // What they were called for is not unclaimed, but it is there.
        (self.set_aside + called).wrapping_add_signed(self.unclaimed)
    }

    /// What a worker had is nobody's.
    #[inline(always)]
    pub(crate) fn gives_up(&mut self, had: Had) {
        let (place, claim) = had.holds();
        self.room += place;
        if !mutant!(CallInVainIsKept) {
            self.unclaimed += claim;
        }
    }

    /// How many items run now, asleep or not.
    pub(crate) fn running(&self) -> usize {
        let workers = self.workers.iter();
        workers.filter(|worker| worker.job.get().is_some()).count()
    }

    /// Whether no item will begin here any more.
    #[inline(always)]
    pub(crate) fn has_ended(&self) -> bool {
        self.closed && self.pending() == 0
    }
}

impl<H: Host> WorkQueue<H> {
    /// Takes the next item to run off the queue, for `worker`, of this role, which `had` a call, or an
    /// item whose run has ended. A worker for which there is none is on the list of idle ones when this
    /// returns.
    #[inline(always)] // each place where it is called knows `role` and `had`
    pub(crate) fn next(
        &'static self,
        worker: &Worker<H>,
        role: Role,
        had: Had,
        cx: TaskAtomic<'_>,
    ) -> Next<H> {
        let mut guard = self.inner.lock(cx);
        let inner = &mut *guard;
        if had == Had::Call {
            worker.called.store(false, Relaxed);
        }
        let next = match self.start_one(inner, worker, role, had) {
            Some(item) => Next::Run(item),
            None => {
                inner.gives_up(had);
                if had == Had::Job {
                    worker.job.set(None);
                }
                if inner.has_ended() || had == Had::Call && worker.rest.get() == Rest::Leaves {
                    Next::End
                } else {
                    inner.go_idle(worker, role);
                    Next::Idle
                }
            }
        };
        // Another may be needed, too, or one instead of the rescuer.
        let others = self.is_pool() && inner.wants_hands();
        drop(guard);
        if others {
            self.see_to_others();
        }
        next
    }

    /// Starts the first item whose turn it is, if there is one for `worker`.
    #[inline(always)]
    fn start_one(
        &'static self,
        inner: &mut Inner<H>,
        worker: &Worker<H>,
        role: Role,
        had: Had,
    ) -> Option<NonNull<Item<H>>> {
        let (place, claim) = had.holds();
        // The rescuer leaves to the others what they can do: those who sleep, and will be called for
        // it, and those who have been called and are on their way.
        if role == Role::Rescuer
            && !(inner.idle.is_empty() && inner.unclaimed > -claim && inner.room > -place)
            && !mutant!(RescuerLeavesNothing)
        {
            return None;
        }
        while inner.room > -place {
            let item = inner.ready.pop_front()?;
            // SAFETY: OWNED: it was on the list, and is busy.
            let it = unsafe { item.as_ref() };
            // SAFETY: QUEUE-LOCK: it was on the list. When it has started the next queuer, of
            // whatever queue, may write it: that is why it is read before.
            let mut ticket = unsafe { it.ticket() };
            match it.take_turn(self) {
                Turn::SetAside => {
                    // SAFETY: QUEUE-LOCK, OWNED: it is pending still, and on no list.
                    unsafe { inner.parked.push_back(item) };
                    inner.set_aside += 1;
                    inner.unclaimed -= 1;
                    if self.is_ordered() {
                        inner.room -= 1;
                    }
                }
                Turn::Start { joined } => {
                    if mutant!(ReadAfterClear) {
                        // SAFETY: none: a mutant, which breaks QUEUE-LOCK.
                        ticket = unsafe { it.ticket() };
                    }
                    // What it had is this item's now. These are constants, and mostly zero.
                    if place == 0 {
                        inner.room -= 1;
                    }
                    if claim == 0 {
                        inner.unclaimed -= 1;
                    }
                    if joined > 0 {
                        inner.counts.coalesced += u64::from(joined);
                    }
                    let since = H::now();
                    inner.waits.starts(ticket, since);
                    worker.job.set(Some(Job {
                        item: item.as_ptr().cast_const().cast(),
                        name: it.name,
                        since,
                        ticket,
                    }));
                    return Some(item);
                }
            }
        }
        None
    }
}
