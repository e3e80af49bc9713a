#![doc = include_str!("../README.md")]
#![no_std]
#![deny(missing_docs)]

pub mod barrier;
pub mod block_on;
pub mod cancel;
pub mod channel;
pub mod close;
pub mod completion;
pub mod condvar;
pub mod conformance;
pub mod future;
mod hand_over;
pub mod host;
pub mod interval;
#[doc(hidden)]
pub mod list;
#[cfg(not(feature = "mutants"))]
mod mutant;
#[cfg(feature = "mutants")]
#[doc(hidden)]
pub mod mutant;
pub mod mutex;
mod node;
mod owner;
mod park;
pub mod queue;
pub mod rwlock;
pub mod semaphore;
pub mod sleep;
pub mod stats;
pub mod time;
pub mod wait_any;
mod wait_until;
pub mod waiter;

pub use barrier::Barrier;
pub use block_on::block_on;
pub use cancel::sleep_until_cancelled;
pub use channel::Channel;
pub use close::{Closed, WaitError};
pub use completion::Completion;
pub use condvar::{Condvar, WaitChannel};
pub use future::{AsyncHost, AsyncQueue};
pub use host::Host;
pub use interval::Interval;
pub use mutex::{Mutex, MutexGuard};
pub use queue::WaitQueue;
pub use rwlock::{RwLock, RwLockReadGuard, RwLockWriteGuard};
pub use semaphore::Semaphore;
pub use sleep::{sleep, sleep_until};
pub use time::Instant;
pub use wait_any::{CancelToken, Cancelled, wait_any};
pub use waiter::{TimedOut, Waiter};
