#![doc = include_str!("../README.md")]
#![no_std]
#![deny(missing_docs)]

pub mod host;
mod mutant;
mod node;
pub mod queue;
pub mod sleep;
pub mod time;
mod wait_until;
pub mod waiter;

pub use host::Host;
pub use queue::WaitQueue;
pub use sleep::{sleep, sleep_until};
pub use time::Instant;
pub use waiter::{TimedOut, Waiter};
