//! The queued lock under loom, and wrong ones that the same models must reject.
#![cfg(loom)]

mod models;

use layercake_sync::facade::{AtomicPtr, AtomicU32, spin_loop};
use layercake_sync::queued::QueuedLock;
use layercake_sync::{Cpu, RawLock};
use std::ptr;
use std::sync::atomic::Ordering::{AcqRel, Acquire, Relaxed, Release};

#[test]
fn two_exclude_each_other() {
    models::exclusion::<QueuedLock>(2, 2, 3);
}

#[test]
fn three_exclude_each_other() {
    models::exclusion::<QueuedLock>(3, 1, 2);
}

#[test]
fn trying_excludes() {
    models::trying::<QueuedLock>(3);
}

#[test]
fn trying_in_vain_leaves_nothing() {
    models::trying_in_vain::<QueuedLock>(3);
}

#[test]
fn first_queued_first_served() {
    models::order::<QueuedLock>(3);
}

#[test]
fn handed_over() {
    models::handed_over::<QueuedLock>(3);
}

struct Node {
    waiting: AtomicU32,
    next: AtomicPtr<Node>,
}

const HELD: *mut Node = ptr::dangling_mut();

/// The hand-over does not publish the holder's stores.
const RELAXED_HANDOVER: u8 = 0;
/// A lock given back without waiters does not publish them.
const RELAXED_FREE: u8 = 1;
/// A waiter that gets the lock does not look who queued behind it meanwhile.
const LOST_SUCCESSOR: u8 = 2;
/// The holder frees the lock without looking who waits.
const FREED_OVER_WAITERS: u8 = 3;
/// One who tries marks the lock as held, and looks afterwards whether it was free.
const MARKED_BY_TRY: u8 = 4;

/// A queued lock with one thing wrong, named by `WRONG`.
struct Mutant<const WRONG: u8> {
    tail: AtomicPtr<Node>,
    next: AtomicPtr<Node>,
}

fn linked(link: &AtomicPtr<Node>) -> *mut Node {
    loop {
        let node = link.load(Acquire);
        if !node.is_null() {
            return node;
        }
        spin_loop();
    }
}

// SAFETY: none: RAW-LOCK is broken, and the models have to say so.
unsafe impl<const WRONG: u8> RawLock for Mutant<WRONG> {
    type Held = ();

    fn free() -> Self {
        Self {
            tail: AtomicPtr::new(ptr::null_mut()),
            next: AtomicPtr::new(ptr::null_mut()),
        }
    }

    fn acquire<C: Cpu>(&self) {
        let node = Node {
            waiting: AtomicU32::new(1),
            next: AtomicPtr::new(ptr::null_mut()),
        };
        let me = ptr::from_ref(&node).cast_mut();
        let before = loop {
            let tail = self.tail.load(Relaxed);
            if tail.is_null() {
                if self.try_acquire().is_some() {
                    return;
                }
            } else if self
                .tail
                .compare_exchange(tail, me, AcqRel, Relaxed)
                .is_ok()
            {
                break tail;
            }
        };
        let link = if before == HELD {
            &self.next
        } else {
            // SAFETY: QUEUE-NODE, or the model finds out.
            unsafe { &(*before).next }
        };
        link.store(me, Release);
        while C::wait_while_eq(&node.waiting, 1) == 1 {}
        let mut after = node.next.load(Acquire);
        if after.is_null() {
            self.next.store(ptr::null_mut(), Relaxed);
            if WRONG == LOST_SUCCESSOR {
                self.tail.store(HELD, Release);
                return;
            }
            let alone = self.tail.compare_exchange(me, HELD, Release, Relaxed);
            if alone.is_ok() {
                return;
            }
            after = linked(&node.next);
        }
        self.next.store(after, Relaxed);
    }

    fn try_acquire(&self) -> Option<()> {
        if WRONG == MARKED_BY_TRY {
            let before = self.tail.swap(HELD, Acquire);
            return before.is_null().then_some(());
        }
        self.tail
            .compare_exchange(ptr::null_mut(), HELD, Acquire, Relaxed)
            .ok()
            .map(|_| ())
    }

    unsafe fn release<C: Cpu>(&self, (): ()) {
        let order = |relaxed| if relaxed { Relaxed } else { Release };
        if WRONG == FREED_OVER_WAITERS && self.next.load(Acquire).is_null() {
            self.tail.store(ptr::null_mut(), Release);
            return;
        }
        let freed = self.tail.compare_exchange(
            HELD,
            ptr::null_mut(),
            order(WRONG == RELAXED_FREE),
            Relaxed,
        );
        if freed.is_err() {
            let after = linked(&self.next);
            // SAFETY: QUEUE-NODE, or the model finds out.
            unsafe {
                (*after).waiting.store(0, order(WRONG == RELAXED_HANDOVER));
            }
        }
    }

    unsafe fn held(&self) {}

    fn is_locked(&self) -> bool {
        !self.tail.load(Relaxed).is_null()
    }
}

#[test]
fn without_a_mistake_it_passes() {
    models::exclusion::<Mutant<{ u8::MAX }>>(3, 1, 2);
}

#[test]
#[should_panic(expected = "Causality violation")]
fn mutant_relaxed_handover() {
    models::exclusion::<Mutant<RELAXED_HANDOVER>>(2, 1, 3);
}

#[test]
#[should_panic(expected = "Causality violation")]
fn mutant_relaxed_free() {
    models::exclusion::<Mutant<RELAXED_FREE>>(2, 1, 3);
}

// The waiter that is forgotten spins for ever, or its link is stored into a node that has gone:
// loom calls the one too many branches and trips over the other.
#[test]
#[should_panic]
fn mutant_lost_successor() {
    models::exclusion::<Mutant<LOST_SUCCESSOR>>(3, 1, 2);
}

#[test]
#[should_panic]
fn mutant_freed_over_waiters() {
    models::exclusion::<Mutant<FREED_OVER_WAITERS>>(2, 1, 3);
}

// The end of the queue is lost: the waiter at the end waits for one behind it.
#[test]
#[should_panic]
fn mutant_marked_by_try() {
    models::trying_in_vain::<Mutant<MARKED_BY_TRY>>(3);
}
