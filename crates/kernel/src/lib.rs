#![doc = include_str!("../README.md")]
#![no_std]
#![cfg(target_os = "none")]

extern crate alloc;

mod boot;
pub mod config;
pub mod console;
pub mod cpu;
mod fault;
mod host;
pub mod inherit;
pub mod irq;
pub mod logger;
pub mod memory;
mod panic;
pub mod platform;
pub mod power;
mod run_queue;
mod stop;
pub mod symbols;
pub mod system_work;
pub mod thread;
pub mod time;

pub use boot::start;
pub use host::Host;
pub use layercake_sync as sync;
pub use layercake_sync::{Atomic, IrqCx, Masked, TaskAtomic, TaskCx};
pub use layercake_wait as wait;
pub use layercake_work as work;

/// A lock for data that only threads touch: preemption is off while it is held.
pub type SpinLock<T> = layercake_sync::SpinLock<T, layercake_sync::PreemptOff<Host>>;
/// A lock for data that interrupt handlers touch too: interrupts are masked while it is held.
pub type IrqSpinLock<T> = layercake_sync::SpinLock<T, layercake_sync::IrqOff<Host>>;
/// Threads that wait for something to become true.
pub type WaitQueue = layercake_wait::WaitQueue<Host>;
/// One waiting thread's place in a queue, for those who need the steps apart.
pub type Waiter<'q> = layercake_wait::Waiter<'q, Host>;
/// Something to be done later, by a worker thread.
pub type Work = layercake_work::Work<Host>;
/// An item's run, as its function sees it.
pub type Running<'a> = layercake_work::Running<'a, Host, ()>;
/// Items that wait for a worker thread.
pub type WorkQueue = layercake_work::WorkQueue<Host>;
/// Items that wait for their time before they go to a work queue.
pub type Delays = layercake_work::Delays<Host>;
