//! What waiting needs of the kernel below it: four things and a core to mask.
//!
//! No queue and no protocol belongs here. The hosts that come with the crate are in the files of
//! this module: `std` threads for tests on a workstation, loom's for models, and one whose every
//! decision comes from a seed.

pub use crate::owner::{LockWord, OwnerId, PiEvent};
use crate::time::Instant;
use core::num::NonZeroUsize;
use layercake_sync::{Cpu, TaskCx};

#[cfg(loom)]
pub mod loom;
#[cfg(all(feature = "seeded-host", not(loom)))]
pub mod seeded;
#[cfg(all(feature = "std-host", not(loom)))]
pub mod std;

/// The scheduler, as far as waiting knows it.
///
/// Implemented on an empty type; the kernel names aliases such as
/// `type WaitQueue = layercake_wait::WaitQueue<MyHost>` once.
///
/// # Safety
///
/// Invariant **HOST**. The implementor promises all of this:
///
/// 1. *Sticky permit.* Each task has one permit. [`unpark`](Host::unpark) gives it; giving it
///    twice is giving it once. [`park`](Host::park) takes it and returns; without one it blocks
///    until there is one or until the deadline. A permit given before the park makes the park
///    return at once. `park` may also return for no reason.
/// 2. *Ordering.* What the unparking thread did before `unpark` happens before the return of the
///    `park` that took this permit.
/// 3. *Handles outlive tasks.* `unpark` on a handle of a task that has ended does no harm: it
///    does nothing, or gives a permit to whoever uses that memory as a task now.
/// 4. *Any context.* `unpark`, the `Clone` and `Drop` of a handle and `now` neither block,
///    allocate nor free, and may be called from a hard IRQ and with IRQs masked. They do not
///    call back into this crate.
/// 5. *Time.* `now` never goes back, on whichever core it is asked.
/// 6. *`current`* names the calling thread, the same one for as long as that thread lives.
pub unsafe trait Host: 'static {
    /// The core, for the queues' IRQ-safe locks.
    type Cpu: Cpu;

    /// A task, for whoever may unpark it. A kernel uses a `&'static` into type-stable memory.
    type Task: Clone + Send + Sync + 'static;

    /// The calling thread. Not called from interrupt handlers.
    fn current() -> Self::Task;

    /// Blocks the calling thread until it has a permit, which it takes, or until `deadline`.
    ///
    /// May return early for no reason; returns at once when `deadline` is past.
    fn park(cx: &mut TaskCx, deadline: Option<Instant>);

    /// Gives `task` its permit: makes it runnable now if it is parked.
    fn unpark(task: &Self::Task);

    /// [`unpark`](Host::unpark) at the end of a masked section: puts interrupts back to `state`, too.
    /// Optional.
    ///
    /// A kernel whose `unpark` masks interrupts anyway goes on with those that are masked. What this
    /// returns has no meaning; as it is never 0, a wake that says whether it found somebody can end in
    /// a jump to here.
    ///
    /// # Safety
    ///
    /// Invariant **CPU-MASK**: as for [`Cpu::irq_restore`] of `state`.
    #[inline(always)]
    unsafe fn unpark_masked(
        task: &Self::Task,
        state: <Self::Cpu as Cpu>::IrqState,
    ) -> NonZeroUsize {
        // SAFETY: CPU-MASK, by the caller's promise.
        unsafe { Self::Cpu::irq_restore(state) };
        Self::unpark(task);
        NonZeroUsize::MIN
    }

    /// The time.
    fn now() -> Instant;

    /// Told before a thread parks: what it is going to wait on. Optional.
    ///
    /// A kernel stores `name` in the thread, so that a list of threads can show it beside each
    /// one that is blocked. It stays true until the thread runs again; nothing tells of that.
    #[inline(always)]
    fn blocked_on(name: &'static str) {
        let _ = name;
    }

    /// Told in the place of [`blocked_on`](Host::blocked_on) when the wait may last as long as it
    /// likes: for work ([`idle_until`](crate::WaitQueue::idle_until)), or with a token that calls
    /// it off. Optional.
    ///
    /// A kernel that looks for threads that hang leaves these out.
    #[inline(always)]
    fn idle_on(name: &'static str) {
        Self::blocked_on(name);
    }

    /// Names the calling thread as the owner of a mutex. Optional.
    ///
    /// A kernel returns the address of the thread. One instruction, best: it is part of every
    /// lock of a mutex.
    #[inline(always)]
    fn owner_id() -> OwnerId {
        OwnerId::UNKNOWN
    }

    /// Whether the calling thread should spin for a mutex of `owner` rather than block. Optional.
    ///
    /// Yes, if that thread runs on another core now, and nobody else wants the caller's. It is
    /// asked over and over while the caller spins, and each time anew; so it must become false
    /// when the owner stops running. The owner may have ended meanwhile (as in HOST, 3): then the
    /// answer does not matter, but asking must do no harm. It does not call back into this crate.
    #[inline(always)]
    fn is_worth_spinning_for(owner: OwnerId) -> bool {
        let _ = owner;
        false
    }

    /// Priority inheritance: told what the calling thread has to do with a contended mutex.
    /// Optional; what to make of it is said at [`PiEvent`].
    #[inline(always)]
    fn inherit(event: PiEvent<'_>) {
        let _ = event;
    }
}
