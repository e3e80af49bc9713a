#![doc = include_str!("../README.md")]
#![no_std]
#![deny(missing_docs)]

mod check;
mod frames;
mod heap;
mod stats;

pub use bitmap_allocator;
pub use frames::{AddError, FRAME_SIZE, Frames, FreeError};
pub use heap::{Heap, TooSmall};
pub use stats::Stats;
