#![doc = include_str!("../README.md")]
#![no_std]
#![deny(missing_docs)]

pub mod completion;
pub mod condvar;
pub mod conformance;
pub mod host;
mod idle;
mod list;
#[cfg(not(feature = "mutants"))]
mod mutant;
#[cfg(feature = "mutants")]
#[doc(hidden)]
pub mod mutant;
pub mod mutex;
mod node;
pub mod queue;
pub mod semaphore;
pub mod sleep;
pub mod stats;
pub mod time;
pub mod wait_any;
mod wait_until;
pub mod waiter;

pub use completion::Completion;
pub use condvar::{Condvar, WaitChannel};
pub use host::Host;
pub use mutex::{Mutex, MutexGuard};
pub use queue::WaitQueue;
pub use semaphore::Semaphore;
pub use sleep::{sleep, sleep_until};
pub use time::Instant;
pub use wait_any::{CancelToken, Cancelled, wait_any};
pub use waiter::{TimedOut, Waiter};
