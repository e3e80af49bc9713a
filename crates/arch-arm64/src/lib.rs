#![doc = include_str!("../README.md")]
#![no_std]
#![cfg(target_arch = "aarch64")]

pub mod backtrace;
pub mod boot;
pub mod cache;
pub mod core_block;
pub mod counter;
pub mod cycles;
pub mod exception;
pub mod irq;
pub mod layout;
pub mod mmu;
pub mod switch;
pub mod wait;
