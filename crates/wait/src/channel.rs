//! The bounded channel: values from many senders to many receivers, in a ring of its own.
//!
//! Here are the ring, its lock, and the closing. Sending and receiving are in `send.rs` and `recv.rs`, how a
//! thread waits is in `place.rs`, what can go wrong in `error.rs`.
//!
//! # One lock, and values from hand to hand
//!
//! The ring, whether it is closed, and the list of those who wait are under one lock, which masks
//! interrupts, for values may come from handlers. Whoever finds that it has to wait puts itself on the list
//! before it gives that lock back; whoever makes room, or has a value, finds it there. So there is no
//! moment between the look and the waiting in which a wake could be lost (W1), and no fence is needed.
//!
//! One list is enough, as nobody waits for a value unless the ring is empty, nor for room unless it is
//! full, and it has room for one at least:
//!
//! ```text
//!   the ring is     and on the list are
//!   empty           those who receive
//!   in between      nobody
//!   full            those who send
//! ```
//!
//! To keep that so, a value that is sent while somebody waits for one goes to that one directly, into its
//! place (`place.rs`), and not through the ring; and who makes room while somebody waits for it puts that one's
//! value into the ring. Nothing is left for who is woken but to run: it takes no lock again, and nobody
//! who comes later can be before it. After the closing the table means nothing any more: nobody is
//! served then, nor put on the list.

mod error;
mod place;
mod recv;
mod send;

pub use error::{SendDeadlineError, SendError, TryRecvError, TrySendError};

use crate::hand_over::{Batch, hand_over, take, unpark_masked};
use crate::host::Host;
use crate::list::List;
use crate::node::{Node, state};
use crate::stats::{self, Event, Watch};
use core::fmt;
use core::ptr::NonNull;
use heapless::Deque;
use layercake_sync::facade::const_unless_loom;
use layercake_sync::{Atomic, IrqOff, SpinGuard, SpinLock};

/// Up to `N` values on their way, first in, first out.
///
/// Who waits is served first in, first out, too: a value goes to the thread that has waited for one
/// longest, and is that thread's from then on.
///
/// It is a value itself, in a `static` or wherever its users find it; nothing is allocated.
/// A value is moved while interrupts are masked, so send large ones by reference or in a box.
///
/// ```
/// # #[cfg(all(feature = "std-host", not(loom)))] {
/// use layercake_wait::{host::std::{enter, spawn, StdHost}, Channel, Closed};
///
/// static KEYS: Channel<u8, 16, StdHost> = Channel::new("keys");
///
/// let device = spawn(|_| {
///     for key in [104, 105] {
///         KEYS.try_send(key).unwrap(); // also from an interrupt handler
///     }
///     KEYS.close();
/// });
/// enter(|cx| {
///     assert_eq!(KEYS.recv(cx), Ok(104));
///     assert_eq!(KEYS.recv(cx), Ok(105)); // what is left can still be received
///     assert_eq!(KEYS.recv(cx), Err(Closed));
/// });
/// # device.join().unwrap();
/// # }
/// ```
#[repr(C)] // the line first: the address of its lock is the channel's
pub struct Channel<T, const N: usize, H: Host> {
    line: SpinLock<Line<T, N, H>, IrqOff<H::Cpu>>,
    name: &'static str,
    /// For [`crate::stats`]: without the feature, nothing.
    watch: Watch,
}

/// What the lock protects: values in the order in which they were sent, and who waits at either end.
struct Line<T, const N: usize, H: Host> {
    closed: bool,
    waiting: List<Node<H>>,
    values: Deque<T, N>,
}

type Guard<'a, T, const N: usize, H> = SpinGuard<'a, Line<T, N, H>, IrqOff<<H as Host>::Cpu>>;

impl<T, const N: usize, H: Host> Channel<T, N, H> {
    const_unless_loom! {
        /// An empty channel. `name` is for people. `N` is at least one.
        pub const fn new(name: &'static str) -> Self {
            const { assert!(N > 0, "a channel without room") };
            Self {
                line: SpinLock::new(Line {
                    closed: false,
                    waiting: List::new(),
                    values: Deque::new(),
                })
                .named(name),
                name,
                watch: Watch::new(),
            }
        }
    }

    /// Gives `node`, which has just been taken off the list and is served, back to its owner, and wakes it.
    #[inline(always)]
    fn give_back(&self, line: Guard<'_, T, N, H>, node: NonNull<Node<H>>) {
        self.note(Event::Leaves);
        self.note(Event::Sent);
        // SAFETY: NODE-LOCK: the lock is held, and it was on the list until now.
        let task = unsafe { hand_over(node, state::WOKEN_ONE) };
        let state = line.unlock_masked();
        // SAFETY: CPU-MASK: what the guard masked.
        unsafe { unpark_masked::<H>(task, state) };
    }

    /// Closes the channel, for good: nothing more is sent; what is in it can be received.
    ///
    /// Any context. O(waiters); the lock is held for 16 of them at a time.
    pub fn close(&self) {
        loop {
            let mut batch = Batch::<H>::new();
            let mut line = self.lock();
            // From here on nobody joins: so this ends (W5).
            line.closed = true;
            line.waiting.pop_while(|node| {
                // SAFETY: NODE-LOCK: the lock is held, and `pop_while` takes off what this says true of.
                unsafe { take(node, state::WOKEN_ALL, &mut batch, |event| self.note(event)) }
            });
            let more = !line.waiting.is_empty();
            drop(line);
            batch.iter().for_each(H::unpark);
            if !more {
                return;
            }
        }
    }

    /// Whether it was closed.
    pub fn is_closed(&self) -> bool {
        self.lock().closed
    }

    /// How many values are on their way. For reports: it may change at once.
    pub fn len(&self) -> usize {
        self.lock().values.len()
    }

    /// Whether no value is on its way. For reports: it may change at once.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Puts the node of a place at the end of the list.
    ///
    /// # Safety
    ///
    /// NODE-PINNED: it stays where it is until it has been taken off.
    #[inline(always)]
    unsafe fn join(&self, line: &mut Guard<'_, T, N, H>, node: NonNull<Node<H>>) {
        // SAFETY: NODE-PINNED, by the caller's promise.
        unsafe { line.waiting.push_back(node) };
        self.note(Event::Joins);
    }

    /// Counts what happens to the list.
    #[inline(always)]
    fn note(&self, event: Event) {
        stats::note::<H>(&self.watch, self.name, event);
    }

    /// Locks the line, with interrupts masked.
    #[inline(always)]
    fn lock(&self) -> Guard<'_, T, N, H> {
        // SAFETY: CX-ATOMIC. Nobody here sleeps with the guard, and none lets it out.
        self.line.lock(unsafe { Atomic::assume() })
    }
}

impl<T, const N: usize, H: Host> fmt::Debug for Channel<T, N, H> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Channel")
            .field("name", &self.name)
            .finish_non_exhaustive()
    }
}
