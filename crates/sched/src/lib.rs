#![doc = include_str!("../README.md")]
#![no_std]
#![deny(missing_docs, unsafe_code)]

mod balance;
mod cpuset;
mod entity;
mod fair;
#[allow(unsafe_code, reason = "handles of entities that others own")]
mod links;
mod place;
mod priority;
mod realtime;
#[allow(unsafe_code, reason = "an intrusive collection")]
mod ring;
mod runqueue;
mod tree;
mod vtime;

pub use balance::{BALANCE_SLICES, Balance};
pub use cpuset::{CpuSet, Cpus};
pub use entity::Entity;
pub use links::EntityRef;
pub use place::{CoreLoad, Loads, least_loaded, place_on_wake, pull_from};
pub use priority::{Nice, Priority, Realtime, weight_of};
pub use runqueue::{Enqueue, Now, PutPrev, RunQueue, SLICE_MAX};
