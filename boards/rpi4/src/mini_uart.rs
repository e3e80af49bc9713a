//! The mini-UART, UART1: the other console.
//!
//! Registers: P ch. 2 (the manual's copy of a 16550 with a few turns of its own). What is special:
//!
//! * It is part of the auxiliary block and does not answer before that block lets it.
//! * Its clock is the VideoCore's core clock, 500 MHz on a Pi 4 unless `core_freq` in
//!   `config.txt` says otherwise (as 250 does on a system set up like earlier models). The core
//!   clock must not move under it: `enable_uart=1` makes the firmware hold it.
//! * Reading its line status *clears* the overrun flag, so sending looks at the extra status
//!   register instead: a core that prints must not swallow what a core that reads should count.
//! * Eight bytes of FIFO and no receive timeout: it interrupts at the first byte, and at 115200
//!   baud the handler has 0.7 ms to come.
//! * No parity, no framing error, no break detection: a wrong byte looks like a right one.

use tock_registers::interfaces::{ReadWriteable, Readable, Writeable};
use tock_registers::registers::{ReadOnly, ReadWrite, WriteOnly};
use tock_registers::{register_bitfields, register_structs};

use crate::uart::{BaudError, EarlyInput, PATIENCE, RxCounters, RxErrors, Uart};

register_bitfields! {
    u32,
    /// Which parts of the auxiliary block are on.
    Enables [
        MINI_UART OFFSET(0) NUMBITS(1) []
    ],
    /// Line status. Reading it clears OVERRUN.
    LineStatus [
        OVERRUN OFFSET(1) NUMBITS(1) [],
        DATA_READY OFFSET(0) NUMBITS(1) []
    ],
    /// Extra status. Reading it changes nothing.
    Status [
        TX_DONE OFFSET(9) NUMBITS(1) [],
        SPACE OFFSET(1) NUMBITS(1) []
    ],
    /// Receiver and transmitter.
    Control [
        TX_ENABLE OFFSET(1) NUMBITS(1) [],
        RX_ENABLE OFFSET(0) NUMBITS(1) []
    ]
}

register_structs! {
    Registers {
        (0x00 => _reserved0),
        (0x04 => enables: ReadWrite<u32, Enables::Register>),
        (0x08 => _reserved1),
        (0x40 => data: ReadWrite<u32>),
        (0x44 => interrupt_enable: WriteOnly<u32>),
        (0x48 => _reserved2),
        (0x4C => line_control: WriteOnly<u32>),
        (0x50 => modem_control: WriteOnly<u32>),
        (0x54 => line_status: ReadOnly<u32, LineStatus::Register>),
        (0x58 => _reserved3),
        (0x60 => control: WriteOnly<u32, Control::Register>),
        (0x64 => status: ReadOnly<u32, Status::Register>),
        (0x68 => baud: WriteOnly<u32>),
        (0x6C => @END),
    }
}

/// Receive interrupt (bit 0). Bits 2 and 3 are the line and modem status interrupts of a 16550,
/// without which this one, says the manual's list of errata, raises no receive interrupt.
const RX_INTERRUPT: u32 = 0b1101;
/// Transmit interrupt (bit 1): there is room. (The manual's table swaps it with bit 0; its errata
/// put it right.)
const TX_INTERRUPT: u32 = 0b0010;
/// Eight data bits take both bits (the manual's table shows one; its errata say two).
const EIGHT_BITS: u32 = 0b11;
/// Depth of the receive FIFO.
const FIFO: usize = 8;

/// The mini-UART. See [`Uart`] for what may be called when.
pub struct MiniUart {
    registers: *const Registers,
    lost: RxCounters,
}

// SAFETY: MMIO-SHARED: every method is made of single volatile accesses, and `Uart` says which
// calls may not overlap. Overlapping them loses bytes, never memory safety.
unsafe impl Sync for MiniUart {}
// SAFETY: MMIO-SHARED, as above: no method cares which core calls it.
unsafe impl Send for MiniUart {}

impl MiniUart {
    /// The VideoCore's core clock with the firmware's defaults, for when the firmware does not
    /// answer.
    pub const DEFAULT_CLOCK_HZ: u32 = 500_000_000;

    /// The mini-UART of the auxiliary block at `aux_base`, as it is: [`Uart::init`] sets it up,
    /// and before that nothing comes out on the hardware.
    ///
    /// # Safety
    /// MMIO-MAPPED holds for `aux_base`.
    #[must_use]
    pub const unsafe fn new(aux_base: usize) -> Self {
        Self {
            registers: aux_base as *const Registers,
            lost: RxCounters::new(),
        }
    }

    fn registers(&self) -> &Registers {
        // SAFETY: MMIO-MAPPED, promised to `new`.
        unsafe { &*self.registers }
    }
}

/// The rate is `clock / (8 * (divisor + 1))` (P ch. 2), the register has 16 bits.
fn divisor(clock_hz: u32, baud: u32) -> Result<u32, BaudError> {
    if baud == 0 {
        return Err(BaudError);
    }
    // Rounded to the nearest.
    let steps = (u64::from(clock_hz) + 4 * u64::from(baud)) / (8 * u64::from(baud));
    match steps.checked_sub(1) {
        Some(divisor) if divisor <= 0xFFFF => Ok(divisor as u32),
        _ => Err(BaudError),
    }
}

impl Uart for MiniUart {
    fn init(&self, clock_hz: u32, baud: u32) -> Result<EarlyInput, BaudError> {
        let divisor = divisor(clock_hz, baud)?;
        let registers = self.registers();
        registers.enables.modify(Enables::MINI_UART::SET);
        self.flush(); // what the firmware has said: changing the line now would garble it
        registers.interrupt_enable.set(0);
        registers.control.set(0);
        registers.line_control.set(EIGHT_BITS);
        registers.modem_control.set(0);
        registers.baud.set(divisor);
        let mut early = EarlyInput::new();
        while early.len() < FIFO
            && let Some(byte) = self.read()
        {
            let _ = early.push(byte); // room: FIFO is less than its capacity
        }
        registers
            .control
            .write(Control::TX_ENABLE::SET + Control::RX_ENABLE::SET);
        Ok(early)
    }

    #[inline]
    fn try_put(&self, byte: u8) -> bool {
        let registers = self.registers();
        let room = registers.status.is_set(Status::SPACE);
        if room {
            registers.data.set(u32::from(byte));
        }
        room
    }

    fn flush(&self) {
        for _ in 0..PATIENCE {
            if self.registers().status.is_set(Status::TX_DONE) {
                return;
            }
        }
    }

    #[inline]
    fn read(&self) -> Option<u8> {
        let registers = self.registers();
        let status = registers.line_status.extract();
        if status.is_set(LineStatus::OVERRUN) {
            self.lost.overruns.count();
        }
        status
            .is_set(LineStatus::DATA_READY)
            .then(|| registers.data.get() as u8)
    }

    fn set_interrupts(&self, receive: bool, transmit: bool) {
        let receive = if receive { RX_INTERRUPT } else { 0 };
        let transmit = if transmit { TX_INTERRUPT } else { 0 };
        self.registers().interrupt_enable.set(receive | transmit);
    }

    fn rx_errors(&self) -> RxErrors {
        self.lost.get()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn divisors() {
        assert_eq!(divisor(500_000_000, 115_200), Ok(542));
        assert_eq!(divisor(250_000_000, 115_200), Ok(270));
        assert_eq!(divisor(500_000_000, 0), Err(BaudError));
        assert_eq!(divisor(0, 115_200), Err(BaudError));
        assert_eq!(divisor(500_000_000, 1), Err(BaudError));
        assert_eq!(divisor(u32::MAX, u32::MAX), Err(BaudError));
        assert_eq!(divisor(8 * 115_200, 115_200), Ok(0));
    }

    /// Memory in the place of the device: what is written stays, nothing happens by itself.
    fn on_block<R>(block: &mut [u32; 64], test: impl FnOnce(&MiniUart) -> R) -> R {
        let base = block.as_mut_ptr().expose_provenance();
        // SAFETY: MMIO-MAPPED: the block is as large as the registers and outlives the driver.
        test(&unsafe { MiniUart::new(base) })
    }

    #[test]
    fn init_switches_the_block_on_and_leaves_its_neighbours() {
        let mut block = [0; 64];
        block[0x04 / 4] = 0b110; // both SPIs are on
        block[0x64 / 4] = 1 << 9;
        let early = on_block(&mut block, |uart| uart.init(500_000_000, 115_200));
        assert_eq!(early, Ok(EarlyInput::new()));
        assert_eq!(block[0x04 / 4], 0b111);
        assert_eq!(block[0x4C / 4], 3);
        assert_eq!(block[0x60 / 4], 3);
        assert_eq!(block[0x68 / 4], 542);
        assert_eq!(block[0x44 / 4], 0);
    }

    #[test]
    fn an_overrun_is_counted_with_and_without_a_byte() {
        let mut block = [0; 64];
        block[0x54 / 4] = 0b10;
        block[0x40 / 4] = u32::from(b'k');
        let (byte, errors) = on_block(&mut block, |uart| (uart.read(), uart.rx_errors()));
        assert_eq!((byte, errors.overruns), (None, 1));
        block[0x54 / 4] = 0b11;
        let (byte, errors) = on_block(&mut block, |uart| (uart.read(), uart.rx_errors()));
        assert_eq!((byte, errors.overruns), (Some(b'k'), 1));
    }
}
