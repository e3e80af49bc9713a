//! What the commands need of the machine, and getting it.
//!
//! Rust's targets and components come through rustup, QEMU and gdb through the system's
//! package manager where the process may use it (root, or CI). Otherwise the person gets the
//! exact command. Whatever is about to be installed is said first.

pub mod cargo_tool;
pub mod debugger;
pub mod emulator;
mod install;
mod os;
mod plan;
pub mod rust;
mod sources;
mod version;

pub use plan::Tool;

/// A need that is met.
pub struct Found {
    pub version: String,
    pub place: String,
}

/// How a person gets a tool on this machine: one command, or one sentence.
pub fn how_to_get(tool: Tool) -> String {
    plan::plan(
        tool,
        &os::Os::of_this_machine(),
        &sources::of_this_machine(),
    )
    .map_or_else(
        |impossible| impossible,
        |plan| format!("run: {}", plan.for_a_person()),
    )
}
