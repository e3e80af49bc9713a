//! Where the Raspberry Pi 4's hardware is: addresses and interrupt numbers, each with its source.
//!
//! Only numbers belong here, no code and no registers of a device: those are in the device's own
//! module. Addresses are those that the Arm cores see in *low peripheral mode*, the one that the
//! firmware selects for a 64-bit kernel unless told otherwise.
//!
//! Sources, as cited below: **P** = "BCM2711 ARM Peripherals" (by chapter), **DT** = the
//! device tree `bcm2711-rpi-4-b`, **W** = the Raspberry Pi firmware's public notes on its
//! property mailbox and on booting, **E** = seen to be so in the emulator (QEMU 10.0.2,
//! `raspi4b`).

use core::ops::Range;

use crate::gic::IrqId;

/// All of the peripherals that low peripheral mode shows, up to the end of 4 GiB: what a kernel
/// maps as Device memory. P ch. 1: main peripherals from `0xFC00_0000`, the Arm's local ones
/// from `0xFF80_0000`.
pub const PERIPHERALS: Range<usize> = 0xFC00_0000..0x1_0000_0000;

/// What the manual calls `0x7E00_0000` in the addresses of most devices. P ch. 1, E.
const LEGACY: usize = 0xFE00_0000;

/// Mailbox between the Arm cores and the VideoCore. W, E; DT `mailbox@7e00b880`.
pub const MAILBOX: usize = LEGACY + 0x00_B880;
/// Power management: reset and watchdog. DT `watchdog@7e100000`, E; not in the manual.
pub const POWER: usize = LEGACY + 0x10_0000;
/// GPIO. P ch. 5, DT, E.
pub const GPIO: usize = LEGACY + 0x20_0000;
/// UART0, the first PL011. P ch. 11, DT, E.
pub const PL011: usize = LEGACY + 0x20_1000;
/// The auxiliary block, which holds the mini-UART (UART1). P ch. 2, DT, E.
pub const AUX: usize = LEGACY + 0x21_5000;

/// GIC-400 distributor. P ch. 6, DT, E.
pub const GICD: usize = 0xFF84_1000;
/// GIC-400 interface of the core that asks. P ch. 6, DT, E.
pub const GICC: usize = 0xFF84_2000;

/// Number of cores.
pub const CORES: usize = 4;

/// Words in which the firmware's (and the emulator's) waiting cores look for their entry point;
/// index is the core. Core 0 has one too, but it is the core that starts. DT
/// `cpu-release-addr`, E.
pub const SPIN_TABLE: [usize; CORES] = [0xD8, 0xE0, 0xE8, 0xF0];

/// The page that holds the firmware's start code, in which the waiting cores spin, and the
/// [`SPIN_TABLE`]: never to be given out as memory. DT `/memreserve/ 0 0x1000`.
pub const FIRMWARE_PAGE: Range<u64> = 0..0x1000;

/// Where RAM may be as far as this board's addresses go: all below the peripherals. RAM above
/// 4 GiB (the 8 GB model) is outside of it.
pub const RAM_WINDOW: Range<u64> = 0..0xFC00_0000;

/// RAM that every Pi 4 has for the Arm cores, taken when neither a device tree nor the firmware
/// says how much there is: 948 MiB, what the smallest model (1 GB) leaves with the firmware's
/// default of 76 MiB for the VideoCore. The emulator has more (960 MiB below its VideoCore's
/// share, E). Whoever sets a larger `gpu_mem` has a firmware that answers the mailbox.
pub const RAM_DEFAULT: Range<u64> = 0..0x3B40_0000;

/// Physical timer of non-secure EL1 (CNTP), private to each core. P ch. 6, DT, E.
pub const IRQ_TIMER_PHYSICAL: IrqId = IrqId::ppi(14);
/// Virtual timer (CNTV), private to each core. P ch. 6, DT, E.
pub const IRQ_TIMER_VIRTUAL: IrqId = IrqId::ppi(11);
/// VideoCore's interrupt 29: mini-UART, SPI1 and SPI2 together. P ch. 6, DT, E.
pub const IRQ_AUX: IrqId = IrqId::spi(VC_FIRST + 29);
/// VideoCore's interrupt 57: all PL011s together. P ch. 6, DT, E.
pub const IRQ_PL011: IrqId = IrqId::spi(VC_FIRST + 57);

/// The VideoCore's interrupt 0 is shared interrupt 64 of the GIC. P ch. 6.
const VC_FIRST: u32 = 64;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn interrupts_have_the_numbers_seen_in_the_emulator() {
        assert_eq!(IRQ_TIMER_PHYSICAL.number(), 30);
        assert_eq!(IRQ_TIMER_VIRTUAL.number(), 27);
        assert_eq!(IRQ_AUX.number(), 125);
        assert_eq!(IRQ_PL011.number(), 153);
    }
}
