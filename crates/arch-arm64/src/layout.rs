//! The image's layout: the symbols of `linker/kernel.ld`, as address ranges.
//!
//! What is mapped how is decided elsewhere; this file only says where things are.

use core::ops::Range;

/// Bytes of a page, and of a guard page.
pub const PAGE: usize = 4096;
/// Bytes of each core's boot stack, which its idle thread keeps. The linker script has the same.
pub const BOOT_STACK: usize = 0x4000;
/// Bytes of each core's emergency stack. The linker script has the same.
pub const EMERGENCY_STACK: usize = 0x4000;
/// How many cores the image has stacks for.
pub const CORES: usize = 4;

unsafe extern "C" {
    static __image_start: u8;
    static __text_end: u8;
    static __rodata_start: u8;
    static __rodata_end: u8;
    static __data_start: u8;
    static __boot_stacks: u8;
    static __emergency_stacks: u8;
    static __image_end: u8;
}

/// The address of a linker symbol.
macro_rules! at {
    ($symbol:ident) => {
        (&raw const $symbol) as usize
    };
}

/// Code: may be executed, never written.
pub fn text() -> Range<usize> {
    at!(__image_start)..at!(__text_end)
}

/// Constants: may only be read.
pub fn rodata() -> Range<usize> {
    at!(__rodata_start)..at!(__rodata_end)
}

/// Data and zeroed data, without the stacks: may be written, never executed.
pub fn data() -> Range<usize> {
    at!(__data_start)..at!(__boot_stacks)
}

/// The whole image with everything that is not in the file.
pub fn image() -> Range<usize> {
    at!(__image_start)..at!(__image_end)
}

/// Core `core`'s boot stack, without the guard page below it.
pub fn boot_stack(core: usize) -> Range<usize> {
    stack(at!(__boot_stacks), core, BOOT_STACK)
}

/// Core `core`'s emergency stack, without the guard page below it.
pub fn emergency_stack(core: usize) -> Range<usize> {
    stack(at!(__emergency_stacks), core, EMERGENCY_STACK)
}

fn stack(base: usize, core: usize, size: usize) -> Range<usize> {
    assert!(core < CORES, "core {core} has no stack in the image");
    let start = base + core * (PAGE + size) + PAGE;
    start..start + size
}
