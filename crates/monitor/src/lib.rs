#![doc = include_str!("../README.md")]
#![no_std]
#![forbid(unsafe_code)]

#[cfg(test)]
extern crate std;

pub mod args;
pub mod editor;
pub mod parse;
pub mod table;
pub mod typeahead;
