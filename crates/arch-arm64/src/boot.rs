//! From the firmware's hand-over to Rust: the assembly in `boot.s`, and what it calls.
//!
//! Every core comes this way: down to EL1, onto the early page table with caches on, onto its
//! boot stack, and into Rust. Nothing here knows what board it is, but for one hook:
//! `__board_el3_setup`, an assembly routine of the board that is called once on each core that
//! was entered at EL3 (where a firmware would have prepared the interrupt controller).
//!
//! The rest of the kernel provides two functions for this file to jump to:
//!
//! - `fn __kernel_primary(dtb: usize) -> !` on core 0, with the address that the firmware left
//!   in x0;
//! - `fn __kernel_secondary(core: usize) -> !` on each core that was released.

use core::arch::global_asm;

/// SCR_EL3: the levels below are 64-bit, non-secure, may call HVC; SMC is off; RES1.
const SCR_EL3: u64 = (1 << 10) | (1 << 8) | (1 << 7) | (0b11 << 4) | 1;
/// SPSR for EL2 with its own stack pointer, everything masked.
const SPSR_EL2H: u64 = 0b1111 << 6 | 0b1001;
/// SPSR for EL1 with its own stack pointer, everything masked.
const SPSR_EL1H: u64 = 0b1111 << 6 | 0b0101;
/// SCTLR_EL2 with only its RES1 bits: MMU and caches off.
const SCTLR_EL2: u64 = 0x30c5_0830;
/// SCTLR_EL1 with only its RES1 bits: MMU and caches off.
const SCTLR_EL1_OFF: u64 = 0x30d0_0800;
/// SCTLR_EL1 as the kernel runs: MMU (0), data cache (2), stack alignment check (3),
/// instruction cache (12).
const SCTLR_EL1_ON: u64 = SCTLR_EL1_OFF | 1 | 1 << 2 | 1 << 3 | 1 << 12;
/// HCR_EL2: EL1 is 64-bit, nothing else is trapped.
const HCR_EL2: u64 = 1 << 31;
/// CPTR_EL2 with only its RES1 bits: no trap of floating point or trace.
const CPTR_EL2: u64 = 0x33ff;

global_asm!(
    include_str!("boot.s"),
    SCR_EL3 = const SCR_EL3,
    SPSR_EL2H = const SPSR_EL2H,
    SPSR_EL1H = const SPSR_EL1H,
    SCTLR_EL2 = const SCTLR_EL2,
    SCTLR_EL1_OFF = const SCTLR_EL1_OFF,
    SCTLR_EL1_ON = const SCTLR_EL1_ON,
    HCR_EL2 = const HCR_EL2,
    CPTR_EL2 = const CPTR_EL2,
    MAIR = const crate::mmu::MAIR,
    TCR = const crate::mmu::TCR,
    PAGE = const crate::layout::PAGE,
    BOOT_STACK = const crate::layout::BOOT_STACK,
);

unsafe extern "C" {
    fn __secondary_start();
}

/// The physical address at which a released core begins.
pub fn secondary_entry() -> usize {
    __secondary_start as *const () as usize
}
