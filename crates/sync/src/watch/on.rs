//! What a lock tells about itself in a build with `stats` or `order`: its class, when it is
//! wanted, taken and given back.

use crate::check;
use crate::class::{self, Class, Id};
use crate::cpu::Cpu;
use crate::order::{self, Report};
use crate::stats;
use core::panic::Location;
use core::sync::atomic::AtomicU32;
use core::sync::atomic::Ordering::Relaxed;

mod hold;
mod patience;

use hold::Hold;
pub(crate) use hold::Since;
use patience::waiting;
pub(crate) use patience::{Wait, Waiting};

/// Whether nobody wants to be told that a lock is taken or given back.
pub(crate) const QUIET: bool = false;

/// A lock's part in it.
pub(crate) struct Watch {
    class: Class,
    /// The class's number and one; 0 until the lock is first taken.
    number: AtomicU32,
    hold: Hold,
}

/// The end of a hold, and whether it was too long.
#[must_use = "a hold that was too long is to be reported when the lock has gone"]
pub(crate) struct End(Option<TooLong>);

struct TooLong {
    class: Id,
    taken_at: Option<&'static Location<'static>>,
    ns: u64,
}

impl Watch {
    #[track_caller]
    pub(crate) const fn new() -> Self {
        Self {
            class: Class {
                name: None,
                site: Location::caller(),
            },
            number: AtomicU32::new(0),
            hold: Hold::new(),
        }
    }

    pub(crate) const fn set_name(&mut self, name: &'static str) {
        self.class.name = Some(name);
    }

    /// The number of the lock's class. Its first call for a lock is O(classes).
    #[inline]
    fn id<C: Cpu>(&self) -> Id {
        match self.number.load(Relaxed).checked_sub(1) {
            Some(number) => Id::of(number as usize),
            None => {
                let id = class::number::<C>(&self.class);
                self.number.store(id.index() as u32 + 1, Relaxed);
                id
            }
        }
    }

    /// Takes a lock that others may have: `acquire` waits for it.
    #[inline(always)]
    #[track_caller]
    pub(crate) fn take<C: Cpu, H>(
        &self,
        word: *const (),
        attempt: impl FnOnce() -> Option<H>,
        acquire: impl FnOnce() -> H,
    ) -> (H, Since) {
        let class = self.id::<C>();
        check::waits_for::<C>(word);
        order::wants::<C>(class, word, Location::caller());
        let held = match attempt() {
            Some(held) => {
                stats::taken(class);
                held
            }
            None => {
                let wanted = Since::now::<C>();
                let held = waiting::<C, _>(self, class, Location::caller(), acquire);
                stats::taken_after(class, wanted.elapsed::<C>());
                held
            }
        };
        check::took::<C>(word, class);
        (held, self.hold.begins::<C>(Location::caller()))
    }

    /// The lock was taken without waiting.
    #[inline(always)]
    #[track_caller]
    pub(crate) fn tried<C: Cpu>(&self, word: *const ()) -> Since {
        let class = self.id::<C>();
        order::takes_without_waiting::<C>(class, Location::caller());
        stats::taken(class);
        check::took::<C>(word, class);
        self.hold.begins::<C>(Location::caller())
    }

    /// When the present holder took it, if it has the lock alone.
    pub(crate) fn since(&self) -> Since {
        self.hold.since()
    }

    /// The lock is about to be given back.
    #[inline(always)]
    pub(crate) fn gives_back<C: Cpu>(&self, word: *const (), since: Since) -> End {
        let class = self.id::<C>();
        let ns = since.elapsed::<C>();
        self.hold.ends(since);
        let taken_at = check::gives_back::<C>(word);
        stats::held(class, ns);
        let too_long = order::ON && ns as u64 > C::HOLD_LIMIT;
        End(too_long.then_some(TooLong {
            class,
            taken_at,
            ns: ns as u64,
        }))
    }
}

impl End {
    /// Says so if the hold was too long. The lock has been given back by now.
    #[inline(always)]
    pub(crate) fn report<C: Cpu>(self) {
        if let Some(TooLong {
            class,
            taken_at,
            ns,
        }) = self.0
        {
            C::lock_report(&Report::HeldTooLong {
                class: class::get(class),
                taken_at,
                ns,
            });
        }
    }
}
