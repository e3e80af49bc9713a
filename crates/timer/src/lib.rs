#![doc = include_str!("../README.md")]
#![no_std]
#![deny(missing_docs)]

mod queue;
mod slack;
mod timer;

pub use queue::TimerQueue;
pub use slack::coalesced;
pub use timer::{Timer, TimerRef};
