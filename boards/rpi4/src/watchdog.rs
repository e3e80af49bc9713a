//! Reboot and power-off through the watchdog of the power management block.
//!
//! The manual is silent on it; the registers are those that the device tree's
//! `brcm,bcm2835-pm-wdt` stands for. A Pi cannot switch itself off: what comes closest is a reset
//! with a note to the firmware not to boot again.
//!
//! The emulator resets the machine on the first, and ends (with code 0, whatever the kernel has
//! to say) on the second; an exit code needs [`semihosting`](crate::semihosting).

use tock_registers::interfaces::{Readable, Writeable};
use tock_registers::register_structs;
use tock_registers::registers::ReadWrite;

register_structs! {
    Registers {
        (0x00 => _reserved0),
        (0x1C => control: ReadWrite<u32>),
        (0x20 => status: ReadWrite<u32>),
        (0x24 => watchdog: ReadWrite<u32>),
        (0x28 => @END),
    }
}

/// Without it in the upper byte a write has no effect.
const PASSWORD: u32 = 0x5A00_0000;
/// What the control register does when the watchdog runs out: two bits, this value a full reset.
const ON_EXPIRY: u32 = 0b11 << 4;
const FULL_RESET: u32 = 0b10 << 4;
/// Steps of 16 µs until then: enough to leave this function, too short to wait for.
const TICKS: u32 = 10;
/// Six bits of the status register, every second one, name the partition that the firmware boots
/// from; 63 says "none, halt".
const PARTITION: u32 = 0x555;

/// The reset part of the power management block.
pub struct Watchdog {
    registers: *const Registers,
}

// SAFETY: MMIO-SHARED: whichever call comes last wins, and all of them end the machine's run.
unsafe impl Sync for Watchdog {}
// SAFETY: MMIO-SHARED, as above.
unsafe impl Send for Watchdog {}

impl Watchdog {
    /// The power management block at `base`.
    ///
    /// # Safety
    /// MMIO-MAPPED holds for `base`.
    #[must_use]
    pub const unsafe fn new(base: usize) -> Self {
        Self {
            registers: base as *const Registers,
        }
    }

    /// Starts a reset of the whole machine, which boots again from partition 0. It comes within
    /// 160 µs; the caller waits for it. Any context; interrupts should be masked and output
    /// flushed.
    pub fn reboot(&self) {
        self.reset(0);
    }

    /// Starts a reset after which the firmware halts. Otherwise as [`reboot`](Watchdog::reboot).
    pub fn power_off(&self) {
        self.reset(PARTITION);
    }

    fn reset(&self, partition: u32) {
        // SAFETY: MMIO-MAPPED, promised to `new`.
        let registers = unsafe { &*self.registers };
        // Reading gives no password back, so the rest of the value can be kept as it is.
        let status = registers.status.get() & !(PARTITION | 0xFF << 24);
        registers.status.set(PASSWORD | status | partition);
        registers.watchdog.set(PASSWORD | TICKS);
        let control = registers.control.get() & !(ON_EXPIRY | 0xFF << 24);
        registers.control.set(PASSWORD | control | FULL_RESET);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_partition_says_halt_or_boot() {
        let mut block = [0_u32; 10];
        block[7] = 0x102 | 0b11 << 4;
        block[8] = 0x1000 | 0x555;
        let base = block.as_mut_ptr().expose_provenance();
        // SAFETY: MMIO-MAPPED: the block is as large as the registers and outlives the driver.
        let watchdog = unsafe { Watchdog::new(base) };
        watchdog.reboot();
        assert_eq!(block[7..], [0x5A00_0122, 0x5A00_1000, 0x5A00_000A]);
        watchdog.power_off();
        assert_eq!(block[7..], [0x5A00_0122, 0x5A00_1555, 0x5A00_000A]);
    }
}
