//! The console: what the kernel prints, and what is typed.
//!
//! This file is the interface; `output` and `input` are the two halves, which share one port.

mod input;
mod output;

pub use input::{Stats, read, read_deadline, stats};
pub use output::flush;

pub(crate) use output::{panic_mode, print_past_locks, write_args};

use crate::platform::{self, Uart};
use crate::sync::IrqCx;
use crate::{IrqSpinLock, irq};

/// Prints to the console. From any context, from the first instruction on.
#[macro_export]
macro_rules! kprint {
    ($($arg:tt)*) => { $crate::console::print(format_args!($($arg)*)) };
}

/// Prints a line to the console. From any context, from the first instruction on.
#[macro_export]
macro_rules! kprintln {
    () => { $crate::kprint!("\n") };
    ($($arg:tt)*) => { $crate::console::print(format_args!("{}\n", format_args!($($arg)*))) };
}

/// Prints; what [`kprint!`](crate::kprint) calls. A message of up to 256 bytes comes out in one
/// piece, whoever else prints. Takes a moment if the port is slow and much waits to be written.
pub fn print(args: core::fmt::Arguments<'_>) {
    write_args(args);
}

/// The console as something to write to. From any context.
#[derive(Debug, Clone, Copy, Default)]
pub struct Console;

impl core::fmt::Write for Console {
    fn write_str(&mut self, s: &str) -> core::fmt::Result {
        output::write(s.as_bytes());
        Ok(())
    }
}

impl Console {
    /// Writes bytes as they are.
    pub fn write_bytes(&mut self, bytes: &[u8]) {
        output::write(bytes);
    }
}

/// Which of the port's interrupts are on.
struct Port {
    receive: bool,
    transmit: bool,
}

static PORT: IrqSpinLock<Port> = IrqSpinLock::new(Port {
    receive: false,
    transmit: false,
})
.named("console port");

/// Changes which of the port's interrupts are on.
fn set_interrupts(uart: &dyn Uart, change: impl FnOnce(&mut Port)) {
    // SAFETY: CX-ATOMIC: nothing sleeps while the port is held.
    let mut port = PORT.lock(unsafe { crate::Atomic::assume() });
    change(&mut port);
    uart.set_interrupts(port.receive, port.transmit);
}

/// Goes over from polling to interrupts, once they can come.
/// `early`: what was typed before.
pub(crate) fn init_interrupts(early: &[u8]) {
    let uart = platform::get().uart();
    if irq::register(uart.irq(), on_irq).is_err() {
        log::error!(
            "the console's interrupt {} has a handler already",
            uart.irq().0
        );
        return;
    }
    output::use_ring();
    input::begin_with(early);
    set_interrupts(uart, |port| port.receive = true);
}

/// The port's interrupt: bytes have come, or there is room to write.
fn on_irq(cx: IrqCx<'_>) {
    let uart = platform::get().uart();
    input::receive(cx, uart);
    output::transmit(cx.into(), uart);
}
