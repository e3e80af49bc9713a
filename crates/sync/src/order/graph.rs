//! Which class was taken inside of which, and the search for a way back.
//!
//! Whether an order is known is one bit, read without a lock. New orders are rare: they are
//! looked into, and noted down, under the latch of the classes.

use super::edges::{self, Place};
use super::{ON, Order, Report, Taken};
use crate::class::{self, Id, latched};
use crate::cpu::Cpu;
use core::panic::Location;
use core::sync::atomic::Ordering::Relaxed;
use core::sync::atomic::{AtomicU8, AtomicUsize};

const BITS: usize = usize::BITS as usize;
const WORDS: usize = Id::COUNT.div_ceil(BITS);

/// For each class a bit for each class that was taken inside of it.
static INSIDE: [[AtomicUsize; WORDS]; Id::COUNT] =
    [const { [const { AtomicUsize::new(0) }; WORDS] }; Id::COUNT];

/// For each class in which directions its locks were taken inside of each other.
static WITHIN: [AtomicU8; Id::COUNT] = [const { AtomicU8::new(0) }; Id::COUNT];
/// The lock inside is the one at the higher address.
const UP: u8 = 1;
/// It is the one at the lower address.
const DOWN: u8 = 2;

/// Where a class was first taken with interrupts masked, and where with interrupts on.
struct Use {
    masked: Place,
    unmasked: Place,
}

static USES: [Use; Id::COUNT] = [const {
    Use {
        masked: Place::new(),
        unmasked: Place::new(),
    }
}; Id::COUNT];

/// The most orders of a report; a longer way back is reported by its beginning.
const CHAIN: usize = 8;

/// Orders that lead from one class to another, from the first place on.
type Chain = [Option<Order>; CHAIN];

/// A lock of `class` is about to be waited for at `here`.
#[inline]
pub(crate) fn wants<C: Cpu>(class: Id, word: *const (), here: &'static Location<'static>) {
    if !ON || class == Id::OTHERS {
        return;
    }
    uses::<C>(class, here, true);
    // The list does not change under this: a handler that comes leaves it as it was.
    C::with_held(|held| {
        held.for_each(|lock, at, outer| {
            let known = if outer == class {
                WITHIN[class.index()].load(Relaxed) & direction(lock, word) != 0
            } else {
                outer == Id::OTHERS || is_inside(outer, class)
            };
            if !known {
                core::hint::cold_path();
                learn::<C>((outer, lock, at), (class, word, here));
            }
        });
    });
}

/// A lock of `class` was taken at `here` by a try.
#[inline]
pub(crate) fn takes_without_waiting<C: Cpu>(class: Id, here: &'static Location<'static>) {
    if ON && class != Id::OTHERS {
        uses::<C>(class, here, false);
    }
}

fn direction(outer: *const (), inner: *const ()) -> u8 {
    if outer < inner { UP } else { DOWN }
}

fn is_inside(outer: Id, inner: Id) -> bool {
    let inner = inner.index();
    INSIDE[outer.index()][inner / BITS].load(Relaxed) & (1 << (inner % BITS)) != 0
}

/// Looks into an order that is not known, notes it down, and reports it if it is wrong. It is
/// reported once: after that it is known.
#[cold]
#[inline(never)]
fn learn<C: Cpu>(
    (outer, outer_lock, outer_at): (Id, *const (), Option<&'static Location<'static>>),
    (inner, inner_lock, here): (Id, *const (), &'static Location<'static>),
) {
    let back = latched::<C, _>(|| {
        if outer == inner {
            let way = direction(outer_lock, inner_lock);
            let before = WITHIN[outer.index()].fetch_or(way, Relaxed);
            if before == 0 {
                edges::remember(outer, inner, outer_at, here);
            }
            let wrong = before & !way != 0 && before & way == 0;
            return wrong.then(|| {
                let mut chain = [None; CHAIN];
                chain[0] = Some(edges::find(outer, inner));
                chain
            });
        }
        if is_inside(outer, inner) {
            return None; // another core was faster
        }
        let back = way_back(inner, outer);
        let (word, bit) = (inner.index() / BITS, inner.index() % BITS);
        INSIDE[outer.index()][word].fetch_or(1 << bit, Relaxed);
        edges::remember(outer, inner, outer_at, here);
        back
    });
    if let Some(chain) = back {
        let taken = |id, at| Taken {
            class: class::get(id),
            at,
        };
        let now = Order {
            held: taken(outer, outer_at),
            then: taken(inner, Some(here)),
        };
        let length = chain.iter().flatten().count();
        let mut before = [now; CHAIN];
        for (place, order) in before.iter_mut().zip(chain.into_iter().flatten()) {
            *place = order;
        }
        C::lock_report(&Report::Inversion {
            now,
            before: &before[..length],
        });
    }
}

/// The shortest chain of orders from `from` to `to`, if there is one. The latch is held.
/// O(classes squared).
fn way_back(from: Id, to: Id) -> Option<Chain> {
    // Backwards, from `to`: so that what led to a class is what comes after it in the chain.
    let mut next = [None::<Id>; Id::COUNT];
    let mut queue = [to; Id::COUNT];
    let (mut seen, mut looked_at) = (1, 0);
    while looked_at < seen && next[from.index()].is_none() {
        let inner = queue[looked_at];
        looked_at += 1;
        for outer in (1..Id::COUNT).map(Id::of) {
            let is_new = outer != to && next[outer.index()].is_none();
            if is_new && is_inside(outer, inner) {
                next[outer.index()] = Some(inner);
                queue[seen] = outer;
                seen += 1;
            }
        }
    }
    let mut at = from;
    let mut chain = [None; CHAIN];
    for place in &mut chain {
        let Some(inner) = next[at.index()] else { break };
        *place = Some(edges::find(at, inner));
        at = inner;
    }
    chain[0].is_some().then_some(chain)
}

/// Notes down whether interrupts are masked where a lock of `class` is taken. One that waits must
/// not do so in a handler if others hold it with interrupts on.
#[inline]
fn uses<C: Cpu>(class: Id, here: &'static Location<'static>, waits: bool) {
    let Some(masked) = C::irqs_masked() else {
        return;
    };
    let known = &USES[class.index()];
    let mine = if masked {
        &known.masked
    } else {
        &known.unmasked
    };
    if mine.get().is_some() || masked && !waits {
        return;
    }
    let both = latched::<C, _>(|| {
        if mine.get().is_some() {
            return None; // another core was faster
        }
        mine.set(Some(here));
        known.masked.get().zip(known.unmasked.get())
    });
    if let Some((masked_at, unmasked_at)) = both {
        C::lock_report(&Report::Masking {
            class: class::get(class),
            masked_at,
            unmasked_at,
        });
    }
}
