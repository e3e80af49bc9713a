//! Who has a mutex: the word that says so, and what a host is told of it.
//!
//! The mutex itself is in [`crate::mutex`]. The host's side, which decides what a priority is, is
//! the kernel's: [`PiEvent`] says what it has to do.

use crate::mutant::mutant;
use core::sync::atomic::Ordering::{Acquire, Relaxed, Release};
use layercake_sync::facade::{AtomicUsize, const_unless_loom};

/// Nobody has it.
const FREE: usize = 0;
/// Beside an owner: somebody waits.
const CONTENDED: usize = 1;

/// Names a thread, in one word. What it is made of is the host's business; two threads that live
/// at the same time have two.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct OwnerId(usize);

impl OwnerId {
    /// What a host returns that does not tell threads apart.
    pub const UNKNOWN: Self = Self(2);

    /// The name that is `word`, an even number other than zero: an address of something aligned.
    ///
    /// # Panics
    ///
    /// Debug builds, when it is odd or zero.
    #[inline(always)]
    pub const fn new(word: usize) -> Self {
        debug_assert!(word != FREE && word & CONTENDED == 0);
        Self(word)
    }

    /// The word that it was made of.
    #[inline(always)]
    pub const fn get(self) -> usize {
        self.0
    }
}

/// The state of a mutex: free, or its owner, and whether somebody waits.
#[derive(Debug)]
#[repr(transparent)]
pub struct LockWord(AtomicUsize);

impl LockWord {
    const_unless_loom! {
        pub(crate) const fn free_word() -> Self {
            Self(AtomicUsize::new(FREE))
        }
    }

    /// Tells this mutex from all others that exist at the same time.
    pub fn id(&self) -> usize {
        core::ptr::from_ref(self).addr()
    }

    /// Who has the mutex now; none if it is free.
    ///
    /// For the host in [`PiEvent`]: an owner that was reported here tells the host when it gives
    /// the mutex back, with [`PiEvent::Releases`].
    pub fn owner(&self) -> Option<OwnerId> {
        let told = |word| (word != FREE).then_some(word | CONTENDED);
        let found = self.0.fetch_update(Relaxed, Relaxed, told);
        found.ok().map(|word| OwnerId(word & !CONTENDED))
    }

    /// Whether somebody has it. For reports: it may change at once.
    pub(crate) fn is_owned(&self) -> bool {
        self.0.load(Relaxed) != FREE
    }

    /// How it is now.
    pub(crate) fn glance(&self) -> Glance {
        match self.0.load(Relaxed) {
            FREE => Glance::Free,
            word if word & CONTENDED != 0 => Glance::Contended,
            word => Glance::Owned(OwnerId(word)),
        }
    }

    /// Takes it if it is free.
    #[inline(always)]
    pub(crate) fn take(&self, owner: OwnerId) -> bool {
        (self.0)
            .compare_exchange(FREE, owner.0, Acquire, Relaxed)
            .is_ok()
    }

    /// Takes it if it is free; says in it, either way, that somebody waits.
    pub(crate) fn take_contended(&self, owner: OwnerId) -> bool {
        let taken = match mutant!(TakerForgetsOthers) {
            true => owner.0,
            false => owner.0 | CONTENDED,
        };
        let next = |word| {
            Some(if word == FREE {
                taken
            } else {
                word | CONTENDED
            })
        };
        self.0.fetch_update(Acquire, Relaxed, next) == Ok(FREE)
    }

    /// Gives it back; says whether somebody waits.
    #[inline(always)]
    pub(crate) fn free(&self) -> bool {
        self.0.swap(FREE, Release) & CONTENDED != 0
    }
}

/// How a mutex is found by one who would spin for it.
pub(crate) enum Glance {
    Free,
    Owned(OwnerId),
    /// Others wait already: who comes later queues behind them.
    Contended,
}

/// What the calling thread has to do with a mutex that others want, for a host that inherits
/// priorities.
///
/// # What a host does with it
///
/// It keeps, under a lock of its own: for each thread, the one mutex that it waits for, if any;
/// for each of these mutexes, its owner as last told. A thread's priority is the highest of its
/// own and those of all threads that wait for a mutex which it owns; theirs are found in the same
/// way, so that nested mutexes chain. At each event it brings the priorities up to date of the
/// owners that the event concerns, and of those whom these wait for, and so on. A chain that comes
/// back to a thread is a deadlock; the host must notice that it has been there and stop.
///
/// What it may rely on:
///
/// 1. Events are told by the thread that they are about, with no lock held and interrupts on.
///    They do not block; they do not call back into this crate.
/// 2. `Waits` comes before the thread blocks, and again each time that it has looked in vain; for
///    one mutex at a time. `Takes` or `GivesUp` of the same mutex ends it.
/// 3. Events of several threads race, and may come in another order than what they tell of. So a
///    host asks [`LockWord::owner`] under its lock when it hears `Waits`, and believes that: the
///    owner that it gets will tell `Releases` later. `Takes` makes the caller the owner, and
///    whoever still waits gives to the caller. `Releases` from one who is not the owner (any more)
///    as far as the host knows changes nothing; from the owner it leaves the mutex without one,
///    and its waiters give to nobody until the next event.
/// 4. Between `Releases` and the next event of the mutex a newcomer may own it without having
///    inherited anything. That ends when the waiter that the release woke runs: it takes the
///    mutex, or tells `Waits`.
/// 5. The mutex lives as long as anybody waits for it or owns it.
///
/// Without such a host nothing of this costs anything.
#[derive(Clone, Copy, Debug)]
pub enum PiEvent<'a> {
    /// The calling thread is going to wait for this mutex.
    Waits(&'a LockWord),
    /// The calling thread waited for this mutex and owns it now.
    Takes(&'a LockWord),
    /// The calling thread waited for this mutex and does so no more: its deadline came.
    GivesUp(&'a LockWord),
    /// The calling thread owned this mutex while others waited, and has given it back.
    Releases(&'a LockWord),
}
