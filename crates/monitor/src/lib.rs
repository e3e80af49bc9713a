#![doc = include_str!("../README.md")]
#![no_std]
#![forbid(unsafe_code)]

#[cfg(target_os = "none")]
extern crate alloc;
#[cfg(test)]
extern crate std;

pub mod args;
pub mod editor;
pub mod failure;
pub mod parse;
pub mod show;
pub mod table;
pub mod typeahead;

#[cfg(target_os = "none")]
pub mod commands;
#[cfg(target_os = "none")]
mod out;
#[cfg(target_os = "none")]
mod run;
#[cfg(target_os = "none")]
pub mod session;

#[cfg(target_os = "none")]
pub use run::run;
