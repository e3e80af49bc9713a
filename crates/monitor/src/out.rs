//! What the monitor prints, and the one place that says how.
//!
//! Threads of a demonstration print at the same time as the console thread; a line is handed to
//! the kernel as a whole, so lines do not mix.

use core::fmt;
use heapless::String;
use layercake_kernel::kprint;

/// Prints a line on the console. From any context; arguments as for `println!`.
macro_rules! say {
    ($($arg:tt)*) => {
        ::layercake_kernel::kprintln!($($arg)*)
    };
}
pub(crate) use say;

/// Says that `what` (with its verb) is counted with the feature `stats` alone, and how to have that.
pub fn not_counted(what: &str) {
    say!("{what} not counted in this build; the feature `stats` does that:");
    say!("cargo xtask qemu --features stats");
}

/// The echo of the line editor: collected, and printed in pieces, so that a paste does not take
/// the console's lock for each of its bytes.
#[derive(Debug, Default)]
pub struct Echo {
    text: String<256>,
}

impl Echo {
    /// Prints what is collected. Called before waiting for a key, and before a command runs.
    pub fn flush(&mut self) {
        if !self.text.is_empty() {
            kprint!("{}", self.text);
            self.text.clear();
        }
    }
}

impl fmt::Write for Echo {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        // The kernel's console puts the CR before each LF by itself.
        for (i, piece) in text.split("\r\n").enumerate() {
            let line_end = if i == 0 { "" } else { "\n" };
            if self.text.capacity() - self.text.len() < line_end.len() + piece.len() {
                self.flush();
            }
            self.text.push_str(line_end).map_err(|_| fmt::Error)?;
            self.text.push_str(piece).map_err(|_| fmt::Error)?;
        }
        Ok(())
    }
}
