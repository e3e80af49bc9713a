//! The terminal's settings, put back whatever happened to the emulator.
//!
//! QEMU switches the terminal to raw mode and its input to non-blocking, and puts both right
//! when it ends by itself. When it crashes or is killed, nobody else does.

use std::{
    io::{IsTerminal, stdin, stdout},
    sync::Mutex,
};

use rustix::{
    fs::{OFlags, fcntl_getfl, fcntl_setfl},
    termios::{OptionalActions, Termios, tcgetattr, tcsetattr},
};

struct Saved {
    settings: Termios,
    flags: OFlags,
}

static SAVED: Mutex<Option<Saved>> = Mutex::new(None);

/// Restores the terminal when dropped.
pub struct Guard(());

/// Remembers how the terminal is; does nothing when standard input is none.
pub fn guard() -> Guard {
    if stdin().is_terminal()
        && let (Ok(settings), Ok(flags)) = (tcgetattr(stdin()), fcntl_getfl(stdin()))
    {
        *SAVED.lock().unwrap() = Some(Saved { settings, flags });
    }
    Guard(())
}

impl Drop for Guard {
    fn drop(&mut self) {
        restore();
    }
}

/// Puts back what [`guard`] remembered, once. There is nobody to tell if that fails.
pub fn restore() {
    if let Some(saved) = SAVED.lock().unwrap().take() {
        let _ = tcsetattr(stdin(), OptionalActions::Drain, &saved.settings);
        let _ = fcntl_setfl(stdin(), saved.flags);
        if stdout().is_terminal()
            && let Ok(flags) = fcntl_getfl(stdout())
        {
            let _ = fcntl_setfl(stdout(), flags - OFlags::NONBLOCK);
        }
    }
}
