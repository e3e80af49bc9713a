//! What the board's two UARTs have in common: the interface, and the tally of what was lost.
//!
//! Registers and their quirks belong to [`pl011`](crate::pl011) and
//! [`mini_uart`](crate::mini_uart); buffering, line editing and locking belong to the kernel's
//! console.

use core::sync::atomic::{AtomicU32, Ordering::Relaxed};

/// Bytes that a UART had received before it was set up: its receive FIFO (32 at most), and what
/// came while that was read.
pub type EarlyInput = heapless::Vec<u8, 64>;

/// Polls of a status register before an output call gives up, so that a UART which never drains
/// (no clock, not enabled) costs output and not the machine. A poll takes some 50 ns or more on
/// the hardware, so this is 50 ms at the least: a byte lasts 87 µs at 115200 baud.
pub(crate) const PATIENCE: u32 = 1 << 20;

/// A UART of this board: 8 data bits, no parity, one stop bit.
///
/// All methods take `&self`, so that an interrupt handler may read while another core writes:
/// no method for sending touches a register that receiving depends on. What may not overlap:
/// two calls of [`read`](Uart::read), two of [`put`](Uart::put) (bytes would be lost), and
/// `init` with anything else.
pub trait Uart: Sync {
    /// Sets the UART up for `baud` bits per second with interrupts off, and returns what it had
    /// received until then, which may be line noise, or the head of what somebody sent early.
    ///
    /// `clock_hz` is the UART's input clock. Callable before the MMU is on.
    ///
    /// # Errors
    /// [`BaudError`] when the divisor for this rate and clock is out of range; nothing was
    /// changed then.
    fn init(&self, clock_hz: u32, baud: u32) -> Result<EarlyInput, BaudError>;

    /// Sends a byte as soon as there is room for it; drops it when there is none for very long
    /// (`PATIENCE`).
    ///
    /// Callable from any context, also before the MMU is on and before [`init`](Uart::init)
    /// where the firmware or the emulator has left a working UART: volatile accesses only, no
    /// atomics, no locks.
    fn put(&self, byte: u8) {
        for _ in 0..PATIENCE {
            if self.try_put(byte) {
                return;
            }
        }
    }

    /// Sends a byte if there is room for it now; says whether there was. Context as for
    /// [`put`](Uart::put).
    fn try_put(&self, byte: u8) -> bool;

    /// Waits until the last byte has left the shift register, or for [`put`](Uart::put)'s
    /// patience. For the moment before a reset.
    fn flush(&self);

    /// Takes the next received byte, if there is one. Bytes that arrived broken (framing or
    /// parity error, break) are dropped and counted in [`rx_errors`](Uart::rx_errors).
    ///
    /// An interrupt handler need not read until `None`: the interrupt line is a level, and stays
    /// up as long as bytes are left. It may bound its work.
    fn read(&self) -> Option<u8>;

    /// Says when the UART raises its interrupt line: when bytes have arrived, and when there is
    /// room to send. The GIC's part (enable, route to a core) is the caller's.
    ///
    /// The second is for someone who has found no room ([`try_put`](Uart::try_put)), and turns it
    /// off again when nothing is left to send: the line may be up as long as there is room.
    fn set_interrupts(&self, receive: bool, transmit: bool);

    /// What was lost on reception since the start.
    fn rx_errors(&self) -> RxErrors;
}

/// Baud rate out of reach with the UART's clock.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BaudError;

/// How often something was lost on reception, since the start. Each count wraps.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RxErrors {
    /// Times that the receive FIFO was full when a byte came: each lost one byte or more.
    pub overruns: u32,
    /// Bytes dropped because their stop bit was missing.
    pub framing: u32,
    /// Bytes dropped because of a parity error (cannot occur without parity; noise in the
    /// register aside).
    pub parity: u32,
    /// Breaks: the line was held low for longer than a byte.
    pub breaks: u32,
}

impl RxErrors {
    /// Lower bound of the number of bytes lost. O(1).
    #[must_use]
    pub fn lost_at_least(&self) -> u64 {
        u64::from(self.overruns) + u64::from(self.framing) + u64::from(self.parity)
    }
}

/// The tally behind [`RxErrors`].
///
/// Plain loads and stores, no read-modify-write: [`Uart::read`] has one caller at a time, and
/// must work on a core whose MMU is still off.
pub(crate) struct RxCounters {
    pub overruns: Counter,
    pub framing: Counter,
    pub parity: Counter,
    pub breaks: Counter,
}

impl RxCounters {
    pub(crate) const fn new() -> Self {
        Self {
            overruns: Counter::new(),
            framing: Counter::new(),
            parity: Counter::new(),
            breaks: Counter::new(),
        }
    }

    pub(crate) fn get(&self) -> RxErrors {
        RxErrors {
            overruns: self.overruns.0.load(Relaxed),
            framing: self.framing.0.load(Relaxed),
            parity: self.parity.0.load(Relaxed),
            breaks: self.breaks.0.load(Relaxed),
        }
    }
}

/// A counter with one writer at a time.
pub(crate) struct Counter(AtomicU32);

impl Counter {
    const fn new() -> Self {
        Self(AtomicU32::new(0))
    }

    pub(crate) fn count(&self) {
        self.0.store(self.0.load(Relaxed).wrapping_add(1), Relaxed);
    }
}
