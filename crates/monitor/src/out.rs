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
        if self.text.capacity() - self.text.len() < text.len() {
            self.flush();
        }
        if self.text.push_str(text).is_err() {
            kprint!("{text}");
        }
        Ok(())
    }
}
