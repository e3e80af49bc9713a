#![doc = include_str!("../README.md")]
#![cfg_attr(not(loom), no_std)]
#![deny(missing_docs)]

#[cfg(all(feature = "std-host", not(loom)))]
extern crate std;

#[cfg(all(
    any(
        feature = "lock-api",
        feature = "mutex-traits",
        feature = "critical-section"
    ),
    not(loom)
))]
pub mod adapters;
pub mod check;
pub mod class;
pub mod context;
pub mod cpu;
#[doc(hidden)]
pub mod facade;
#[cfg(all(feature = "std-host", not(loom)))]
pub mod host;
pub mod mask;
#[cfg(loom)]
pub mod model;
pub mod once;
pub mod order;
pub mod percpu;
pub mod phase;
pub mod queued;
pub mod raw;
pub mod rw;
pub mod section;
pub mod seq;
pub mod spin;
pub mod stats;
pub mod ticket;
mod watch;

pub use context::{Atomic, IrqCx, Masked, Pinned, TaskAtomic, TaskCx};
pub use cpu::{Cpu, CpuId};
pub use mask::{IrqOff, Mask, NoMask, PreemptOff};
pub use once::{Lazy, Once};
pub use percpu::PerCpu;
pub use raw::RawLock;
pub use rw::{ReadGuard, RwSpinLock, WriteGuard};
pub use section::{irq_off, preempt_off};
pub use seq::SeqLock;
pub use spin::{SpinGuard, SpinLock};

/// The page of the book: its examples are compiled here.
#[cfg(doctest)]
#[doc = include_str!("../../../docs/contexts.md")]
mod book {}
