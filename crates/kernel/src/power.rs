//! The end of a session: starting anew, switching off.

use crate::{console, platform};

/// Starts the machine anew, after everything printed has gone out.
pub fn reboot() -> ! {
    console::flush();
    platform::get().reboot()
}

/// Switches the machine off, after everything printed has gone out. An emulator ends with `code`.
pub fn poweroff(code: u8) -> ! {
    console::flush();
    platform::get().poweroff(code)
}
