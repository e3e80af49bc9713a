//! The ticket lock under loom, and wrong ticket locks that the same models must reject.
#![cfg(loom)]

mod models;

use layercake_sync::facade::AtomicU32;
use layercake_sync::ticket::TicketLock;
use layercake_sync::{Cpu, RawLock};
use std::sync::atomic::Ordering;

#[test]
fn two_exclude_each_other() {
    models::exclusion::<TicketLock>(2, 2, 3);
}

#[test]
fn three_exclude_each_other() {
    models::exclusion::<TicketLock>(3, 1, 2);
}

#[test]
fn trying_excludes() {
    models::trying::<TicketLock>(3);
}

#[test]
fn trying_in_vain_leaves_nothing() {
    models::trying_in_vain::<TicketLock>(3);
}

#[test]
fn first_come_first_served() {
    models::order::<TicketLock>(3);
}

#[test]
fn handed_over() {
    models::handed_over::<TicketLock>(3);
}

/// A ticket lock with one thing wrong, named by `WRONG`.
#[derive(Debug)]
struct Mutant<const WRONG: u8> {
    next: AtomicU32,
    serving: AtomicU32,
}

/// The holder's stores are not published.
const RELAXED_UNLOCK: u8 = 0;
/// The taker does not wait for them.
const RELAXED_LOCK: u8 = 1;
/// Two may draw the same ticket.
const LOST_TICKET: u8 = 2;
/// Whoever comes at the right moment is served.
const NO_QUEUE: u8 = 3;
/// Trying draws a ticket without looking whether it is served.
const BLIND_TRY: u8 = 4;
/// One who tries in vain has drawn a ticket, and goes.
const LEFT_TICKET: u8 = 5;

// SAFETY: none: RAW-LOCK is broken, and the models have to say so.
unsafe impl<const WRONG: u8> RawLock for Mutant<WRONG> {
    type Held = u32;

    fn free() -> Self {
        Self {
            next: AtomicU32::new(0),
            serving: AtomicU32::new(0),
        }
    }

    fn acquire<C: Cpu>(&self) -> u32 {
        if WRONG == NO_QUEUE {
            loop {
                let serving = self.load();
                if let Some(held) = self.try_acquire() {
                    return held;
                }
                C::wait_while_eq(&self.serving, serving);
            }
        }
        let mine = if WRONG == LOST_TICKET {
            let mine = self.next.load(Ordering::Relaxed);
            self.next.store(mine + 1, Ordering::Relaxed);
            mine
        } else {
            self.next.fetch_add(1, Ordering::Relaxed)
        };
        let mut serving = self.load();
        while serving != mine {
            serving = if WRONG == RELAXED_LOCK {
                loom::thread::yield_now();
                self.load()
            } else {
                C::wait_while_eq(&self.serving, serving)
            };
        }
        mine
    }

    fn try_acquire(&self) -> Option<u32> {
        let serving = self.load();
        if WRONG == BLIND_TRY {
            return Some(self.next.fetch_add(1, Ordering::Acquire));
        }
        if WRONG == LEFT_TICKET {
            let mine = self.next.fetch_add(1, Ordering::Relaxed);
            return (mine == serving).then_some(mine);
        }
        self.next
            .compare_exchange(serving, serving + 1, Ordering::Relaxed, Ordering::Relaxed)
            .ok()
    }

    unsafe fn release<C: Cpu>(&self, mine: u32) {
        let order = if WRONG == RELAXED_UNLOCK {
            Ordering::Relaxed
        } else {
            Ordering::Release
        };
        self.serving.store(mine + 1, order);
    }

    unsafe fn held(&self) -> u32 {
        self.serving.load(Ordering::Relaxed)
    }

    fn is_locked(&self) -> bool {
        self.next.load(Ordering::Relaxed) != self.serving.load(Ordering::Relaxed)
    }
}

impl<const WRONG: u8> Mutant<WRONG> {
    fn load(&self) -> u32 {
        self.serving.load(if WRONG == RELAXED_LOCK {
            Ordering::Relaxed
        } else {
            Ordering::Acquire
        })
    }
}

#[test]
#[should_panic(expected = "Causality violation")]
fn mutant_relaxed_unlock() {
    models::exclusion::<Mutant<RELAXED_UNLOCK>>(2, 1, 3);
}

#[test]
#[should_panic(expected = "Causality violation")]
fn mutant_relaxed_lock() {
    models::exclusion::<Mutant<RELAXED_LOCK>>(2, 1, 3);
}

#[test]
#[should_panic]
fn mutant_lost_ticket() {
    models::exclusion::<Mutant<LOST_TICKET>>(2, 1, 3);
}

#[test]
#[should_panic(expected = "the second was served first")]
fn mutant_without_queue() {
    models::order::<Mutant<NO_QUEUE>>(3);
}

#[test]
#[should_panic(expected = "Causality violation")]
fn mutant_blind_try() {
    models::trying::<Mutant<BLIND_TRY>>(3);
}

#[test]
#[should_panic(expected = "Causality violation")]
fn mutant_relaxed_try() {
    models::trying::<Mutant<RELAXED_LOCK>>(3);
}

#[test]
#[should_panic(expected = "exceeded")]
fn mutant_left_ticket() {
    models::trying_in_vain::<Mutant<LEFT_TICKET>>(3);
}
