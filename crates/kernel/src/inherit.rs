//! Priority inheritance: who holds what others wait for is as urgent as the most urgent of them.
//!
//! What belongs here: who waits for whom, and the priority that follows. What does not: locks
//! themselves. A lock says what happens to it, by the four functions below, and only where threads
//! wait for it; an uncontended lock never comes here.
//!
//! | when | the thread calls |
//! |---|---|
//! | it is about to block, and each time that it looked in vain | [`waits`] with the holder |
//! | it has the lock, having waited, or others wait for it | [`takes`] |
//! | it no longer wants the lock | [`gives_up`] |
//! | it has let go of a lock that others wait for, and woken one | [`releases`] |
//!
//! Each thread waits for one lock at most; the threads that wait for the locks of one holder are on
//! a list of that holder's. Those that wait for a lock without a holder (given back, and not yet
//! taken by the one that was woken) are on a list of their own, until a holder is named: a thread
//! that takes a free lock in passing names itself nowhere, but the one it was faster than does.
//!
//! A priority that rises is passed on to whom that thread waits for, and so on, along the whole
//! chain; it falls again when who gave it has the lock, gives up, or is itself given less. A circle,
//! which is a deadlock, ends where nothing changes any more. (L. Sha, R. Rajkumar, J. Lehoczky,
//! "Priority inheritance protocols: an approach to real-time synchronization", 1990: the basic
//! protocol.)
//!
//! One lock guards all of it. Costs are for the contended: O(threads that wait for the holder's
//! locks) for each thread of the chain, with interrupts masked.

use crate::thread::{Priority, Thread};
use crate::wait::host::{LockWord, OwnerId, PiEvent};
use crate::{Atomic, IrqSpinLock, run_queue};
use core::cell::Cell;

/// A thread, as `layercake_wait::Host::Task` names it.
pub type Task = &'static Thread;

/// What each thread keeps for this file. Under [`LISTS`]' lock.
pub(crate) struct Heir {
    /// Whom it waits for, if it waits for a lock that has a holder.
    waits_for: Cell<Option<Task>>,
    /// The lock that it waits for, by its address; 0 for none.
    lock: Cell<usize>,
    /// The first of those that wait for it.
    donors: Cell<Option<Task>>,
    /// The next on the list that it is on.
    next: Cell<Option<Task>>,
}

impl Heir {
    pub const fn new() -> Self {
        Self {
            waits_for: Cell::new(None),
            lock: Cell::new(0),
            donors: Cell::new(None),
            next: Cell::new(None),
        }
    }
}

/// The first of those whose lock has no holder.
struct Orphans(Cell<Option<Task>>);

static LISTS: IrqSpinLock<Orphans> =
    IrqSpinLock::new(Orphans(Cell::new(None))).named("inheritance");

/// The calling thread is about to block, or to go on blocking, on `lock` (its address), which
/// `holder` holds. From threads.
///
/// `holder` may have let go of it meanwhile: then it is [`releases`]d and [`takes`] by others that
/// put that right.
pub fn waits(lock: usize, holder: Task) {
    wait_for_one_of(lock, || Some(holder));
}

/// [`waits`] for whom `holder` names, once nothing can change here any more; perhaps nobody.
fn wait_for_one_of(lock: usize, holder: impl FnOnce() -> Option<Task>) {
    with(|orphans| {
        let me = crate::thread::current();
        leave(orphans, me);
        me.heir.lock.set(lock);
        match holder() {
            Some(holder) => {
                join(&holder.heir.donors, me, Some(holder));
                adopt(orphans, lock, holder);
                settle(holder);
            }
            None => join(&orphans.0, me, None),
        }
    });
}

/// What happens to a `layercake_wait::Mutex` that others want. From threads.
pub(crate) fn hear(event: PiEvent<'_>) {
    let lock = |word: &LockWord| core::ptr::from_ref(word).addr();
    match event {
        PiEvent::Waits(word) => wait_for_one_of(lock(word), || word.owner().map(task_of)),
        PiEvent::Takes(word) => takes(lock(word)),
        PiEvent::GivesUp(_) => gives_up(),
        PiEvent::Releases(word) => releases(lock(word)),
    }
}

fn task_of(owner: OwnerId) -> Task {
    // SAFETY: THREAD-STABLE: `Host::owner_id` made it of the address of a thread.
    unsafe { &*core::ptr::with_exposed_provenance::<Thread>(owner.get()) }
}

/// The calling thread holds `lock`, for which it waited or others do. From threads.
pub fn takes(lock: usize) {
    with(|orphans| {
        let me = crate::thread::current();
        let before = leave(orphans, me);
        adopt(orphans, lock, me);
        if let Some(before) = before.filter(|before| !core::ptr::eq(*before, me)) {
            // It has let go of it, or this thread would not have it: its other heirs are mine.
            move_all(&before.heir.donors, lock, &me.heir.donors, Some(me));
            settle(before);
        }
        settle(me);
    });
}

/// The calling thread does not wait for a lock any more, and has not got it. From threads.
pub fn gives_up() {
    with(|orphans| {
        if let Some(holder) = leave(orphans, crate::thread::current()) {
            settle(holder);
        }
    });
}

/// The calling thread has let go of `lock`, for which others wait: what it inherited for it, it no
/// longer has. To be called when one of them is woken: before that, somebody in between could keep the
/// caller from waking it. From threads.
pub fn releases(lock: usize) {
    with(|orphans| {
        let me = crate::thread::current();
        move_all(&me.heir.donors, lock, &orphans.0, None);
        settle(me);
    });
}

/// What `thread` runs with now: the highest of its own priority and what it has inherited. From any
/// context.
pub fn effective_priority(thread: Task) -> Priority {
    thread.priority()
}

/// Changes the priority that is `thread`'s own, and what follows from it.
pub(crate) fn set_own_priority(thread: Task, priority: Priority) {
    with(|_| {
        thread.set_own_priority(priority);
        // Also if it stays as urgent: round robin is not first-in first-out.
        apply(thread, wanted(thread));
        if let Some(holder) = thread.heir.waits_for.get() {
            settle(holder);
        }
    });
}

fn with(f: impl FnOnce(&Orphans)) {
    // SAFETY: CX-ATOMIC: nothing sleeps while the lists are held.
    let orphans = LISTS.lock(unsafe { Atomic::assume() });
    f(&orphans);
}

/// Puts `thread` on `list`, that of `holder` or of the orphans.
fn join(list: &Cell<Option<Task>>, thread: Task, holder: Option<Task>) {
    thread.heir.waits_for.set(holder);
    thread.heir.next.set(list.get());
    list.set(Some(thread));
}

/// Takes `thread` off the list that it is on. Returns whom it waited for.
fn leave(orphans: &Orphans, thread: Task) -> Option<Task> {
    if thread.heir.lock.replace(0) == 0 {
        return None;
    }
    let holder = thread.heir.waits_for.take();
    let mut at = holder.map_or(&orphans.0, |holder| &holder.heir.donors);
    while let Some(other) = at.get() {
        if core::ptr::eq(other, thread) {
            at.set(thread.heir.next.take());
            break;
        }
        at = &other.heir.next;
    }
    holder
}

/// Moves those that wait for `lock` from one list to another.
fn move_all(from: &Cell<Option<Task>>, lock: usize, to: &Cell<Option<Task>>, holder: Option<Task>) {
    let mut at = from;
    while let Some(thread) = at.get() {
        if thread.heir.lock.get() == lock {
            at.set(thread.heir.next.get());
            join(to, thread, holder);
        } else {
            at = &thread.heir.next;
        }
    }
}

/// Those that wait for `lock` without a holder wait for `holder` from now on.
fn adopt(orphans: &Orphans, lock: usize, holder: Task) {
    move_all(&orphans.0, lock, &holder.heir.donors, Some(holder));
}

/// Gives `thread` the priority that it should have, and those along its chain.
fn settle(thread: Task) {
    let mut next = Some(thread);
    while let Some(thread) = next {
        let wanted = wanted(thread);
        if wanted == thread.priority() {
            return;
        }
        apply(thread, wanted);
        next = thread.heir.waits_for.get();
    }
}

fn apply(thread: Task, priority: Priority) {
    if priority != thread.priority() {
        run_queue::set_priority(thread, priority);
    }
}

/// The highest of what is its own and what those have that wait for it.
fn wanted(thread: Task) -> Priority {
    let mut most = thread.own_priority();
    let mut at = thread.heir.donors.get();
    while let Some(donor) = at {
        if is_more(donor.priority(), most) {
            most = donor.priority();
        }
        at = donor.heir.next.get();
    }
    most
}

/// Whether `a` goes before `b`, or has a greater share.
fn is_more(a: Priority, b: Priority) -> bool {
    match (a, b) {
        (Priority::Fair(a), Priority::Fair(b)) => a < b,
        _ => a.is_before(b),
    }
}
