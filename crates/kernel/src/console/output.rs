//! Printing: through a ring that the port's interrupt empties, so that nobody waits for the line.
//!
//! Before the interrupts are up, and when the machine stops, bytes go straight to the port. When
//! the ring is full, whoever prints empties it by polling: nothing is dropped, in any context.

use super::set_interrupts;
use crate::platform::{self, Uart};
use crate::{Atomic, IrqSpinLock};
use core::fmt::{self, Write};
use core::sync::atomic::{AtomicU8, Ordering};
use heapless::Deque;

/// Bytes that may wait to be written.
const RING: usize = 16 * 1024;
/// The longest message that is not torn apart by another.
const PIECE: usize = 256;

static MODE: AtomicU8 = AtomicU8::new(DIRECT);
/// Straight to the port, without a lock: one core runs, or the others are stopped.
const DIRECT: u8 = 0;
/// Through the ring.
const BY_RING: u8 = 1;

static WAITING: IrqSpinLock<Deque<u8, RING>> =
    IrqSpinLock::new(Deque::new()).named("console output");

/// A message on its way: put together here, so that it goes out in one piece.
struct Piece {
    bytes: heapless::Vec<u8, PIECE>,
}

impl Write for Piece {
    fn write_str(&mut self, s: &str) -> fmt::Result {
        for &byte in s.as_bytes() {
            // A terminal wants both.
            if byte == b'\n' {
                self.push(b'\r');
            }
            self.push(byte);
        }
        Ok(())
    }
}

impl Piece {
    fn push(&mut self, byte: u8) {
        if self.bytes.push(byte).is_err() {
            put_all(&self.bytes);
            self.bytes.clear();
            let _ = self.bytes.push(byte);
        }
    }
}

/// Prints a formatted message.
pub(crate) fn write_args(args: fmt::Arguments<'_>) {
    let mut piece = Piece {
        bytes: heapless::Vec::new(),
    };
    // A `Display` that fails prints what it had; there is nobody to tell.
    let _ = piece.write_fmt(args);
    put_all(&piece.bytes);
}

/// Prints to the port without waiting for a lock: for a report about one. If somebody else prints
/// meanwhile, what both print may be mixed.
pub(crate) fn print_past_locks(args: fmt::Arguments<'_>) {
    struct Port(&'static dyn Uart);
    impl Write for Port {
        fn write_str(&mut self, s: &str) -> fmt::Result {
            for byte in s.bytes() {
                if byte == b'\n' {
                    self.0.put(b'\r');
                }
                self.0.put(byte);
            }
            Ok(())
        }
    }
    let Some(platform) = platform::try_get() else {
        return;
    };
    // SAFETY: CX-ATOMIC: nothing sleeps while the ring is held.
    let mut waiting = WAITING.try_lock(unsafe { Atomic::assume() });
    if let Some(waiting) = &mut waiting {
        while let Some(byte) = waiting.pop_front() {
            platform.uart().put(byte);
        }
    }
    // A `Display` that fails prints what it had; there is nobody to tell.
    let _ = Port(platform.uart()).write_fmt(args);
}

/// Prints bytes, with line ends as a terminal wants them.
pub(super) fn write(bytes: &[u8]) {
    let mut piece = Piece {
        bytes: heapless::Vec::new(),
    };
    for &byte in bytes {
        if byte == b'\n' {
            piece.push(b'\r');
        }
        piece.push(byte);
    }
    put_all(&piece.bytes);
}

fn put_all(bytes: &[u8]) {
    let Some(platform) = platform::try_get() else {
        return;
    };
    let uart = platform.uart();
    if MODE.load(Ordering::Acquire) == DIRECT {
        bytes.iter().for_each(|&b| uart.put(b));
        return;
    }
    let mut rest = bytes;
    while !rest.is_empty() {
        // SAFETY: CX-ATOMIC: nothing sleeps while the ring is held.
        let cx = unsafe { Atomic::assume() };
        let mut waiting = WAITING.lock(cx);
        let take = rest.len().min(waiting.capacity() - waiting.len());
        // There is room for `take` bytes.
        for &byte in &rest[..take] {
            let _ = waiting.push_back(byte);
        }
        rest = &rest[take..];
        fill(&mut waiting, uart);
        let more = !waiting.is_empty();
        drop(waiting);
        if more {
            set_interrupts(uart, |port| port.transmit = true);
        }
    }
}

/// Gives the port what it takes now.
fn fill(waiting: &mut Deque<u8, RING>, uart: &dyn Uart) {
    while let Some(&byte) = waiting.front() {
        if !uart.try_put(byte) {
            return;
        }
        waiting.pop_front();
    }
}

/// The port has room: called from its interrupt.
pub(super) fn transmit(cx: Atomic<'_>, uart: &dyn Uart) {
    let mut waiting = WAITING.lock(cx);
    fill(&mut waiting, uart);
    if waiting.is_empty() {
        // Under the ring's lock, so that nobody fills it and turns the interrupt on in between.
        set_interrupts(uart, |port| port.transmit = false);
    }
}

/// From now on messages go through the ring.
pub(super) fn use_ring() {
    MODE.store(BY_RING, Ordering::Release);
}

/// Waits until everything printed has left the port. From any context; slow.
pub fn flush() {
    let Some(platform) = platform::try_get() else {
        return;
    };
    let uart = platform.uart();
    loop {
        // SAFETY: CX-ATOMIC: nothing sleeps while the ring is held.
        let mut waiting = WAITING.lock(unsafe { Atomic::assume() });
        fill(&mut waiting, uart);
        if waiting.is_empty() {
            break;
        }
    }
    uart.flush();
}

/// From now on straight to the port, behind what still waits: for a machine that stops. All other
/// cores are stopped; if one of them stopped while it held the ring, what waits there is lost.
pub(crate) fn panic_mode() {
    if MODE.swap(DIRECT, Ordering::AcqRel) == DIRECT {
        return;
    }
    let Some(platform) = platform::try_get() else {
        return;
    };
    // SAFETY: CX-ATOMIC: nothing sleeps any more.
    if let Some(mut waiting) = WAITING.try_lock(unsafe { Atomic::assume() }) {
        while let Some(byte) = waiting.pop_front() {
            platform.uart().put(byte);
        }
    }
}
