#![doc = include_str!("../README.md")]
#![cfg_attr(not(loom), no_std)]
#![deny(missing_docs)]

#[cfg(all(feature = "std-host", not(loom)))]
extern crate std;

pub mod check;
pub mod context;
pub mod cpu;
#[doc(hidden)]
pub mod facade;
#[cfg(all(feature = "std-host", not(loom)))]
pub mod host;
pub mod mask;
#[cfg(loom)]
pub mod model;
pub mod queued;
pub mod raw;
pub mod section;
pub mod spin;
pub mod ticket;

pub use context::{Atomic, IrqCx, Masked, Pinned, TaskAtomic, TaskCx};
pub use cpu::{Cpu, CpuId};
pub use mask::{IrqOff, Mask, NoMask, PreemptOff};
pub use raw::RawLock;
pub use section::{irq_off, preempt_off};
pub use spin::{SpinGuard, SpinLock};
