//! The known wrong versions of the protocol, each named once: where a step asks
//! [`Protocol::is`](crate::machine::Protocol::is), it does the named thing wrong. Which property each
//! breaks is said by the tests, in `main.rs`.

/// A known wrong version of the protocol.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Mutant {
    None,
    /// A queue's lock is taken with interrupts on: W11.
    NeverMasks,
    /// What a worker must know of the item is read when PENDING is off, and the item the next
    /// queuer's: K2.
    ClearThenRead,
    /// A worker takes an item that another one runs: K2.
    RunOnTwoWorkers,
    /// PENDING goes off at the end of the run: who queues meanwhile joins one that has looked: K1.
    PendingUntilTheEnd,
    /// The end of a run forgets that the item was set aside: K3.
    LostRequeue,
    /// Cancelling lets the item be queued again meanwhile, by its own run too: K4.
    CancelMissesRearm,
    /// Cancelling believes where the item was before it had the lock: K4.
    CancelsUnasked,
    /// Cancelling forgets the timer: K4.
    CancelLeavesTimer,
    /// Expiry believes that the item is still delayed, and does not ask under the lock: K4.
    ExpiresUnasked,
    /// A flush waits for the run in progress only: K4.
    FlushForgetsPending,
}
