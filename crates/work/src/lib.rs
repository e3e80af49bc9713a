#![doc = include_str!("../README.md")]
#![cfg_attr(not(loom), no_std)]
#![deny(missing_docs)]

#[cfg(feature = "alloc")]
extern crate alloc;

mod calls;
mod cancel;
mod cycle;
mod delay;
mod flush;
mod item;
mod leave;
mod lists;
mod mutant;
mod owner;
mod pool;
mod queue;
mod report;
mod running;
mod scope;
mod state;
#[cfg(feature = "alloc")]
mod store;
mod waits;
mod work;
mod worker;

pub use cycle::{LONGEST_CYCLE, Link, WouldDeadlock};
pub use delay::{DelayReport, Delays};
pub use owner::{Release, Share};
pub use pool::{Recruiter, Seat};
pub use queue::{Queued, WorkQueue};
pub use report::{QueueReport, RunReport};
pub use running::Running;
pub use scope::Scope;
#[cfg(feature = "alloc")]
pub use store::{OwnedQueue, QueueStore};
pub use waits::{WAIT_LIMITS, WaitCounts};
pub use work::Work;

use layercake_sync::facade::const_unless_loom;
