#![doc = include_str!("../README.md")]
#![no_std]

#[cfg(target_os = "none")]
extern crate alloc;
#[cfg(test)]
extern crate std;

pub mod dtb;
pub mod gic;
pub mod gpio;
pub mod mailbox;
pub mod memory;
pub mod memory_map;
pub mod mini_uart;
pub mod pl011;
#[cfg(target_os = "none")]
mod platform;
#[cfg(target_os = "none")]
pub mod script;
pub mod semihosting;
pub mod spin_table;
pub mod uart;
pub mod watchdog;

#[cfg(target_os = "none")]
pub use platform::{BOARD, Pi4};
