//! Switches the console's pins, GPIO14 and GPIO15, to one of the UARTs.
//!
//! Not a general GPIO driver: only what a console needs on a board whose firmware may have left
//! the pins as plain inputs, and UART0 wired to the Bluetooth chip.

use tock_registers::interfaces::{Readable, Writeable};
use tock_registers::register_structs;
use tock_registers::registers::ReadWrite;

register_structs! {
    Registers {
        /// Function of pins 0 to 9, 10 to 19, ..: three bits each. P ch. 5.
        (0x00 => function: [ReadWrite<u32>; 6]),
        (0x18 => _reserved),
        /// Pull of pins 0 to 15, 16 to 31, ..: two bits each. P ch. 5.
        (0xE4 => pull: [ReadWrite<u32>; 4]),
        (0xF4 => @END),
    }
}

/// Function numbers as the register has them. P ch. 5.
const INPUT: u32 = 0b000;
const ALT0: u32 = 0b100;
const ALT3: u32 = 0b111;
const ALT5: u32 = 0b010;

const PULL_NONE: u32 = 0b00;
const PULL_UP: u32 = 0b01;

/// The pins of the 40-pin header that carry the console: transmit is GPIO14 (pin 8), receive is
/// GPIO15 (pin 10). P ch. 5.
const TX: usize = 14;
const RX: usize = 15;
/// Where the Bluetooth chip's UART lines are (transmit, receive): UART0 as ALT3. P ch. 5, DT.
const BLUETOOTH: [usize; 2] = [32, 33];

/// Which UART the console's pins go to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ConsolePins {
    /// UART0, the PL011 (ALT0).
    Pl011,
    /// UART1, the mini-UART (ALT5).
    MiniUart,
}

/// The GPIO block.
pub struct Gpio {
    registers: *const Registers,
}

// SAFETY: MMIO-SHARED: the value is an address; `&self` methods that read and then write say that
// they may not overlap.
unsafe impl Sync for Gpio {}
// SAFETY: MMIO-SHARED, as above: no method cares which core calls it.
unsafe impl Send for Gpio {}

impl Gpio {
    /// The GPIO block at `base`.
    ///
    /// # Safety
    /// MMIO-MAPPED holds for `base`.
    #[must_use]
    pub const unsafe fn new(base: usize) -> Self {
        Self {
            registers: base as *const Registers,
        }
    }

    /// Gives GPIO14 and GPIO15 to `uart`: the transmit pin without pull, the receive pin pulled
    /// up, so that an open pin reads as an idle line and not as noise.
    ///
    /// For the PL011 it also takes UART0 away from the Bluetooth chip's pins, where the firmware
    /// puts it by default, so that only one pin feeds the receiver. The Bluetooth chip cannot be
    /// used from then on.
    ///
    /// Reads, changes and writes back registers that other pins share: for the one core that
    /// boots, before others use GPIO. Callable before the MMU is on.
    pub fn route_console(&self, uart: ConsolePins) {
        let function = match uart {
            ConsolePins::Pl011 => ALT0,
            ConsolePins::MiniUart => ALT5,
        };
        if uart == ConsolePins::Pl011 {
            for pin in BLUETOOTH {
                if self.function(pin) == ALT3 {
                    self.set_function(pin, INPUT);
                }
            }
        }
        self.set_pull(TX, PULL_NONE);
        self.set_pull(RX, PULL_UP);
        self.set_function(TX, function);
        self.set_function(RX, function);
    }

    fn function(&self, pin: usize) -> u32 {
        (self.registers().function[pin / 10].get() >> (pin % 10 * 3)) & 0b111
    }

    fn set_function(&self, pin: usize, function: u32) {
        let register = &self.registers().function[pin / 10];
        let shift = pin % 10 * 3;
        register.set(register.get() & !(0b111 << shift) | function << shift);
    }

    fn set_pull(&self, pin: usize, pull: u32) {
        let register = &self.registers().pull[pin / 16];
        let shift = pin % 16 * 2;
        register.set(register.get() & !(0b11 << shift) | pull << shift);
    }

    fn registers(&self) -> &Registers {
        // SAFETY: MMIO-MAPPED, promised to `new`.
        unsafe { &*self.registers }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A block of memory in the place of the device.
    fn with_block(before: &[(usize, u32)], uart: ConsolePins) -> [u32; 64] {
        let mut block = [0_u32; 64];
        for &(offset, value) in before {
            block[offset / 4] = value;
        }
        let base = block.as_mut_ptr().expose_provenance();
        // SAFETY: MMIO-MAPPED: the block is as large as the registers and outlives the driver.
        unsafe { Gpio::new(base) }.route_console(uart);
        block
    }

    #[test]
    fn pins_go_to_the_uart_and_their_neighbours_stay() {
        let block = with_block(&[(0x04, !0), (0xE4, !0)], ConsolePins::Pl011);
        assert_eq!(block[1], !(0b111_111 << 12) | 0b100_100 << 12);
        assert_eq!(block[0xE4 / 4], !(0b1111 << 28) | 0b0100 << 28);
        let block = with_block(&[], ConsolePins::MiniUart);
        assert_eq!(block[1], 0b010_010 << 12);
    }

    #[test]
    fn bluetooth_loses_uart0_only_to_the_pl011() {
        // Pins 30 to 33 are UART0 (ALT3): flow control stays, it drives nothing without data.
        let before = [(0x0C, 0o7777)];
        assert_eq!(with_block(&before, ConsolePins::Pl011)[3], 0o0077);
        assert_eq!(with_block(&before, ConsolePins::MiniUart)[3], 0o7777);
        // Pins used for something else are left alone.
        assert_eq!(with_block(&[(0x0C, 0o4100)], ConsolePins::Pl011)[3], 0o4100);
    }
}
