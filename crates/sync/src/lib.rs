#![doc = include_str!("../README.md")]
#![cfg_attr(not(loom), no_std)]
#![deny(missing_docs)]

pub mod context;
pub mod cpu;
#[doc(hidden)]
pub mod facade;
pub mod mask;
pub mod spin;
pub mod ticket;

pub use context::{Atomic, IrqCx, Masked, TaskAtomic, TaskCx};
pub use cpu::Cpu;
pub use mask::{IrqOff, Mask, PreemptOff};
pub use spin::{SpinGuard, SpinLock};
