//! What a lock tells about itself in a build without `stats` and `order`: that it is taken and
//! given back, to the run-time check, and to nobody where that is off too.

use crate::check;
use crate::class::Id;
use crate::cpu::Cpu;

/// Whether nobody wants to be told that a lock is taken or given back.
pub(crate) const QUIET: bool = !check::ON;

/// What the lock words wait by: the host itself.
pub(crate) type Waiting<C> = C;

/// A lock's part in it: nothing.
pub(crate) struct Watch;

/// When a lock was taken: nobody asks.
#[derive(Clone, Copy)]
pub(crate) struct Since;

/// The end of a hold, when there is nothing to say about it.
pub(crate) struct End;

impl Watch {
    pub(crate) const fn new() -> Self {
        Self
    }

    pub(crate) const fn set_name(&mut self, _: &'static str) {}

    /// Takes a lock that others may have: `acquire` waits for it.
    #[inline(always)]
    #[cfg_attr(any(debug_assertions, feature = "check"), track_caller)]
    pub(crate) fn take<C: Cpu, H>(
        &self,
        word: *const (),
        _attempt: impl FnOnce() -> Option<H>,
        acquire: impl FnOnce() -> H,
    ) -> (H, Since) {
        check::waits_for::<C>(word);
        let held = acquire();
        check::took::<C>(word, Id);
        (held, Since)
    }

    /// The lock was taken without waiting.
    #[inline(always)]
    #[cfg_attr(any(debug_assertions, feature = "check"), track_caller)]
    pub(crate) fn tried<C: Cpu>(&self, word: *const ()) -> Since {
        check::took::<C>(word, Id);
        Since
    }

    /// When the present holder took it.
    #[inline(always)]
    pub(crate) fn since(&self) -> Since {
        Since
    }

    /// The lock is about to be given back.
    #[inline(always)]
    pub(crate) fn gives_back<C: Cpu>(&self, word: *const (), _: Since) -> End {
        check::gives_back::<C>(word);
        End
    }
}

impl End {
    #[inline(always)]
    pub(crate) fn report<C: Cpu>(self) {}
}
