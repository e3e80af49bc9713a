//! The `log` crate's messages, on the console, with the time and the core.

use crate::{config, cpu, kprintln, time};
use core::fmt;
use log::{Level, LevelFilter, Log, Metadata, Record};

struct Logger;

/// A message as it is printed, without the end of the line.
pub(crate) struct Line<'a>(pub(crate) Level, pub(crate) fmt::Arguments<'a>);

impl fmt::Display for Line<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self(level, message) = self;
        let micros = time::now().as_nanos() / 1000;
        let (seconds, micros) = (micros / 1_000_000, micros % 1_000_000);
        let core = cpu::current();
        write!(f, "[{seconds:5}.{micros:06}] cpu{core} {level:5} {message}")
    }
}

impl Log for Logger {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        metadata.level() <= log::max_level()
    }

    fn log(&self, record: &Record<'_>) {
        if !self.enabled(record.metadata()) {
            return;
        }
        kprintln!("{}", Line(record.level(), *record.args()));
    }

    fn flush(&self) {
        crate::console::flush();
    }
}

/// Takes over the log. Called once.
pub(crate) fn init() {
    // It fails only if somebody took the log over before; then that one stays.
    let _ = log::set_logger(&Logger);
    log::set_max_level(config::LOG_LEVEL);
}

/// Which messages are shown from now on. From any context. O(1).
pub fn set_level(level: LevelFilter) {
    log::set_max_level(level);
}
