#![doc = include_str!("../README.md")]
#![no_std]
#![deny(missing_docs)]

mod queue;
mod timer;

pub use queue::TimerQueue;
pub use timer::{Timer, TimerRef};
