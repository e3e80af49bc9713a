#![doc = include_str!("../README.md")]

mod ideal;
mod machine;
mod thread;
mod timeline;

pub use machine::Machine;
pub use thread::{Plan, Thread};
pub use timeline::Run;
