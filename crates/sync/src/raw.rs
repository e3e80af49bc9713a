//! What [`crate::SpinLock`] asks of the lock word inside it: take, try, give back.
//!
//! The algorithms are in files of their own ([`crate::ticket`], [`crate::queued`]); this one
//! says what they promise, so that a lock is chosen by a type and a wrong lock can be handed to
//! the same models as a right one.

use crate::cpu::Cpu;

/// A lock without data and without masking.
///
/// # Safety
///
/// Invariant **RAW-LOCK**: from an `acquire` (or a `try_acquire` that gave `Some`) to the
/// `release` that answers it, no other of them on the same lock succeeds; and what came before
/// the `release` happens before what follows the next `acquire`.
pub unsafe trait RawLock: Send + Sync {
    /// What the holder carries from `acquire` to `release`.
    type Held: Copy;

    /// A free lock.
    #[cfg(not(loom))]
    #[allow(
        clippy::declare_interior_mutable_const,
        reason = "a value to start from, copied into each lock, never shared"
    )]
    const FREE: Self;

    /// A free lock.
    #[cfg(loom)]
    fn free() -> Self;

    /// Takes the lock, waiting for its turn. O(takers before this one).
    fn acquire<C: Cpu>(&self) -> Self::Held;

    /// Takes the lock if it is free. Never waits.
    fn try_acquire(&self) -> Option<Self::Held>;

    /// Gives the lock back.
    ///
    /// # Safety
    ///
    /// Invariant **LOCK-HELD**: the caller holds the lock; `held` is from the `acquire` that
    /// took it, or from [`held`](RawLock::held).
    unsafe fn release<C: Cpu>(&self, held: Self::Held);

    /// What the `acquire` of the present holder returned: for a lock that one thread took and
    /// another gives back, as a scheduler does over a context switch.
    ///
    /// # Safety
    ///
    /// Invariant **LOCK-HELD**: the caller holds the lock.
    unsafe fn held(&self) -> Self::Held;

    /// Whether someone holds it now. For reports only: it may change at once.
    fn is_locked(&self) -> bool;
}

/// The lock word that [`crate::SpinLock`] has unless another is named.
#[cfg(not(loom))]
pub type DefaultRaw = crate::ticket::TicketLock;

/// In a model of something above the locks: loom's own mutex. Loom cannot tell a thread that
/// spins from one that hangs, so the spinning lock is modelled alone, by name.
#[cfg(loom)]
pub type DefaultRaw = crate::model::ModelLock;
