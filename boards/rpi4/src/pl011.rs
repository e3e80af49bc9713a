//! The PL011, UART0: the console by default.
//!
//! Registers from the "PrimeCell UART (PL011) Technical Reference Manual" (TRM), chapter 3.
//!
//! A driver of our own and not a library's, because the console needs three things at once: an
//! interrupt handler that reads while another core writes (libraries take `&mut` for both);
//! output that works in a panic whoever holds the driver; and every byte that was received
//! well, including the one whose status says that bytes *after* it were lost.

use tock_registers::interfaces::{Readable, Writeable};
use tock_registers::registers::{ReadOnly, ReadWrite, WriteOnly};
use tock_registers::{LocalRegisterCopy, register_bitfields, register_structs};

use crate::uart::{BaudError, EarlyInput, PATIENCE, RxCounters, RxErrors, Uart};

register_bitfields! {
    u32,
    /// Data register (TRM 3.3.1): the byte, and on reading what was wrong with it.
    Data [
        OVERRUN OFFSET(11) NUMBITS(1) [],
        BREAK OFFSET(10) NUMBITS(1) [],
        PARITY OFFSET(9) NUMBITS(1) [],
        FRAMING OFFSET(8) NUMBITS(1) [],
        BYTE OFFSET(0) NUMBITS(8) []
    ],
    /// Flag register (TRM 3.3.3).
    Flags [
        TX_FULL OFFSET(5) NUMBITS(1) [],
        RX_EMPTY OFFSET(4) NUMBITS(1) [],
        BUSY OFFSET(3) NUMBITS(1) []
    ],
    /// Line control (TRM 3.3.7).
    Line [
        WORD OFFSET(5) NUMBITS(2) [Bits8 = 0b11],
        FIFO OFFSET(4) NUMBITS(1) []
    ],
    /// Control (TRM 3.3.8).
    Control [
        RX_ENABLE OFFSET(9) NUMBITS(1) [],
        TX_ENABLE OFFSET(8) NUMBITS(1) [],
        ENABLE OFFSET(0) NUMBITS(1) []
    ],
    /// FIFO levels for interrupts (TRM 3.3.9).
    Levels [
        RX OFFSET(3) NUMBITS(3) [Quarter = 0b001]
    ],
    /// Interrupt mask, a 1 lets it through (TRM 3.3.10), and interrupts before that mask (3.3.11).
    Interrupts [
        RX_TIMEOUT OFFSET(6) NUMBITS(1) [],
        TX OFFSET(5) NUMBITS(1) [],
        RX OFFSET(4) NUMBITS(1) []
    ]
}

register_structs! {
    Registers {
        (0x00 => data: ReadWrite<u32, Data::Register>),
        (0x04 => _reserved0),
        (0x18 => flags: ReadOnly<u32, Flags::Register>),
        (0x1C => _reserved1),
        (0x24 => baud_integer: WriteOnly<u32>),
        (0x28 => baud_fraction: WriteOnly<u32>),
        (0x2C => line: ReadWrite<u32, Line::Register>),
        (0x30 => control: WriteOnly<u32, Control::Register>),
        (0x34 => levels: WriteOnly<u32, Levels::Register>),
        (0x38 => interrupt_mask: ReadWrite<u32, Interrupts::Register>),
        (0x3C => raw_interrupts: ReadOnly<u32, Interrupts::Register>),
        (0x40 => _reserved2),
        (0x44 => interrupt_clear: WriteOnly<u32>),
        (0x48 => @END),
    }
}

/// All interrupts that there are, to clear what the firmware may have left.
const ALL_INTERRUPTS: u32 = 0x7FF;

/// A PL011. See [`Uart`] for what may be called when.
pub struct Pl011 {
    registers: *const Registers,
    lost: RxCounters,
}

// SAFETY: MMIO-SHARED: every method is made of single volatile accesses, and `Uart` says which
// calls may not overlap. Overlapping them loses bytes, never memory safety.
unsafe impl Sync for Pl011 {}
// SAFETY: MMIO-SHARED, as above: no method cares which core calls it.
unsafe impl Send for Pl011 {}

impl Pl011 {
    /// Clock of the PL011 with the firmware's default `init_uart_clock`, for when the firmware
    /// does not answer.
    pub const DEFAULT_CLOCK_HZ: u32 = 48_000_000;

    /// The PL011 at `base`, as it is: [`Uart::init`] sets it up.
    ///
    /// # Safety
    /// MMIO-MAPPED holds for `base`.
    #[must_use]
    pub const unsafe fn new(base: usize) -> Self {
        Self {
            registers: base as *const Registers,
            lost: RxCounters::new(),
        }
    }

    /// The byte in what the data register said, unless it arrived broken; counts what is wrong.
    #[inline]
    fn judge(&self, data: LocalRegisterCopy<u32, Data::Register>) -> Option<u8> {
        if data.is_set(Data::OVERRUN) {
            // What is lost came after this byte; the byte itself is good.
            self.lost.overruns.count();
        }
        if data.is_set(Data::BREAK) {
            self.lost.breaks.count(); // its framing error and zero byte are part of it
        } else if data.is_set(Data::FRAMING) {
            self.lost.framing.count();
        } else if data.is_set(Data::PARITY) {
            self.lost.parity.count();
        } else {
            return Some(data.read(Data::BYTE) as u8);
        }
        None
    }

    fn registers(&self) -> &Registers {
        // SAFETY: MMIO-MAPPED, promised to `new`.
        unsafe { &*self.registers }
    }
}

/// The divisor is `clock / (16 * baud)` in 1/64 steps (TRM 3.3.6): whole part, fraction.
fn divisor(clock_hz: u32, baud: u32) -> Result<(u32, u32), BaudError> {
    if baud == 0 {
        return Err(BaudError);
    }
    // clock * 64 / (16 * baud), rounded to the nearest.
    let (clock, baud) = (u64::from(clock_hz), u64::from(baud));
    let steps = (clock * 8 / baud).div_ceil(2);
    let (whole, fraction) = (steps / 64, steps % 64);
    // TRM 3.3.6: 1 at the least, 65535 at the most and then without a fraction.
    if whole == 0 || steps > 0xFFFF * 64 {
        return Err(BaudError);
    }
    Ok((whole as u32, fraction as u32))
}

impl Uart for Pl011 {
    fn init(&self, clock_hz: u32, baud: u32) -> Result<EarlyInput, BaudError> {
        let (whole, fraction) = divisor(clock_hz, baud)?;
        self.flush(); // what the firmware has said: changing the line now would garble it
        let registers = self.registers();
        registers.control.set(0);
        registers.interrupt_mask.set(0);
        registers.baud_integer.set(whole);
        registers.baud_fraction.set(fraction);
        // Writing the line register is also what makes a new divisor count (TRM 3.3.7). It turns
        // the FIFO on, and that empties it. While the FIFO is off one byte fills the receiver;
        // that byte is taken and the FIFO turned on right after, with nothing in between, or
        // the emulator, which knows no disabled receiver, may put the next one in before. If it
        // does, that byte is gone, and its interrupt tells.
        let waiting = !registers.flags.is_set(Flags::RX_EMPTY);
        let first = waiting.then(|| registers.data.extract());
        registers.line.write(Line::WORD::Bits8 + Line::FIFO::SET);
        let interrupt = registers.raw_interrupts.is_set(Interrupts::RX);
        if interrupt && registers.flags.is_set(Flags::RX_EMPTY) {
            self.lost.overruns.count();
        }
        // Before the reads below, so that it takes nothing from a byte that comes after them.
        registers.interrupt_clear.set(ALL_INTERRUPTS);
        let mut early = EarlyInput::new();
        if let Some(byte) = first.and_then(|data| self.judge(data)) {
            let _ = early.push(byte); // room: it is the first
        }
        while !early.is_full()
            && let Some(byte) = self.read()
        {
            let _ = early.push(byte); // room: just looked
        }
        // At a quarter, 4 of 16 bytes, the handler has 12 byte times (1 ms at 115200 baud) to
        // come; fewer bytes than that raise the timeout interrupt after 32 bit times.
        registers.levels.write(Levels::RX::Quarter);
        registers
            .control
            .write(Control::ENABLE::SET + Control::TX_ENABLE::SET + Control::RX_ENABLE::SET);
        Ok(early)
    }

    #[inline]
    fn try_put(&self, byte: u8) -> bool {
        let registers = self.registers();
        let room = !registers.flags.is_set(Flags::TX_FULL);
        if room {
            registers.data.set(u32::from(byte));
        }
        room
    }

    fn flush(&self) {
        for _ in 0..PATIENCE {
            if !self.registers().flags.is_set(Flags::BUSY) {
                return;
            }
        }
    }

    #[inline]
    fn read(&self) -> Option<u8> {
        let registers = self.registers();
        while !registers.flags.is_set(Flags::RX_EMPTY) {
            if let Some(byte) = self.judge(registers.data.extract()) {
                return Some(byte);
            }
        }
        None
    }

    /// Receiving has two: at the FIFO's level, and when bytes below it have waited. Both end by
    /// reading until the FIFO is below its level or empty. No interrupt is ever cleared by hand:
    /// with bytes left in the FIFO that would be a lost one.
    fn set_interrupts(&self, receive: bool, transmit: bool) {
        let on = |yes| u32::from(yes);
        self.registers().interrupt_mask.write(
            Interrupts::RX.val(on(receive))
                + Interrupts::RX_TIMEOUT.val(on(receive))
                + Interrupts::TX.val(on(transmit)),
        );
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
        // TRM 3.3.6 works this example: 4 MHz, 230400 baud: 1 and 5/64.
        assert_eq!(divisor(4_000_000, 230_400), Ok((1, 5)));
        assert_eq!(divisor(48_000_000, 115_200), Ok((26, 3)));
        assert_eq!(divisor(3_000_000, 115_200), Ok((1, 40)));
        assert_eq!(divisor(u32::MAX, u32::MAX), Err(BaudError));
        assert_eq!(divisor(48_000_000, 0), Err(BaudError));
        assert_eq!(divisor(0, 115_200), Err(BaudError));
        assert_eq!(divisor(48_000_000, 1), Err(BaudError));
        assert_eq!(divisor(0xFFFF * 16, 1), Ok((0xFFFF, 0)));
        assert_eq!(divisor(0xFFFF * 16 + 1, 1), Err(BaudError));
    }

    /// Memory in the place of the device: what is written stays, nothing happens by itself.
    fn on_block<R>(block: &mut [u32; 64], test: impl FnOnce(&Pl011) -> R) -> R {
        let base = block.as_mut_ptr().expose_provenance();
        // SAFETY: MMIO-MAPPED: the block is as large as the registers and outlives the driver.
        test(&unsafe { Pl011::new(base) })
    }

    #[test]
    fn init_programs_line_and_divisor() {
        let mut block = [0; 64];
        block[0x18 / 4] = 1 << 4; // nothing received
        let early = on_block(&mut block, |uart| uart.init(48_000_000, 115_200));
        assert_eq!(early, Ok(EarlyInput::new()));
        assert_eq!((block[0x24 / 4], block[0x28 / 4]), (26, 3));
        assert_eq!(block[0x2C / 4], 0b111 << 4);
        assert_eq!(block[0x30 / 4], 0x301);
        assert_eq!(block[0x38 / 4], 0);
        on_block(&mut block, |uart| uart.set_interrupts(true, false));
        assert_eq!(block[0x38 / 4], 0x50);
    }

    #[test]
    fn init_takes_no_more_than_a_fifo_of_early_bytes() {
        let mut block = [0; 64];
        block[0] = u32::from(b'x'); // a device that never runs dry
        let early = on_block(&mut block, |uart| uart.init(48_000_000, 115_200)).unwrap();
        assert_eq!(early.len(), early.capacity());
    }

    #[test]
    fn a_byte_that_set_up_drops_is_counted() {
        let mut block = [0; 64];
        block[0x18 / 4] = 1 << 4; // nothing there, but the interrupt that something was
        block[0x3C / 4] = 1 << 4;
        let errors = on_block(&mut block, |uart| {
            uart.init(48_000_000, 115_200).unwrap();
            uart.rx_errors()
        });
        assert_eq!(errors.overruns, 1);
    }

    #[test]
    fn an_overrun_keeps_its_byte_and_is_counted() {
        let mut block = [0; 64];
        block[0] = 1 << 11 | u32::from(b'k');
        let (byte, errors) = on_block(&mut block, |uart| (uart.read(), uart.rx_errors()));
        assert_eq!(byte, Some(b'k'));
        assert_eq!(
            errors,
            RxErrors {
                overruns: 1,
                ..Default::default()
            }
        );
        assert_eq!(errors.lost_at_least(), 1);
    }

    #[test]
    fn put_gives_up_on_a_uart_that_never_drains() {
        let mut block = [0; 64];
        block[0x18 / 4] = 1 << 5;
        on_block(&mut block, |uart| uart.put(b'x'));
        assert_eq!(block[0], 0);
    }
}
