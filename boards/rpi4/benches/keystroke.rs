//! The way of a byte through the console's input: interrupt, ring, work item, worker, wait queue,
//! reader.
//!
//! The UART's loopback mode makes the byte: what is written comes back as received (PL011 TRM,
//! control register, LBE). So the interrupt is the real one.

use crate::meter;
use board_rpi4::memory_map::PL011;
use layercake_kernel::{TaskCx, console, kprintln};

/// Offsets in the UART's registers: data, control.
const DATA: usize = 0x00;
const CONTROL: usize = 0x30;
/// Control: UART, transmitter and receiver on; and the loop.
const NORMAL: u32 = 0x301;
const LOOP: u32 = NORMAL | 1 << 7;

fn write(offset: usize, value: u32) {
    // SAFETY: MMIO-MAPPED: the UART's registers; nobody prints while the loop is closed.
    unsafe { ((PL011 + offset) as *mut u32).write_volatile(value) }
}

/// A byte comes in; the thread that reads it goes on.
pub fn keystroke(cx: &mut TaskCx, _: u32) {
    let mut byte = [0];
    write(CONTROL, LOOP);
    while meter::wants_more() {
        meter::begin();
        write(DATA, u32::from(b'k'));
        let count = console::read(cx, &mut byte);
        meter::end();
        assert_eq!((count, byte[0]), (1, b'k'), "another byte came back");
    }
    write(CONTROL, NORMAL);
    // The bytes went out, too: end their line.
    kprintln!();
}
