//! The session: what a command is given besides its words.
//!
//! The console thread's right to sleep, the keys that were typed, and the way to wait without
//! being deaf for Ctrl-C. How lines come to be commands is in [`crate::run`].

use crate::{failure::Failure, out::say, show::Count, typeahead::Typeahead};
use core::time::Duration;
use layercake_kernel::{TaskCx, console, time};

/// What a command is given.
pub struct Session<'a> {
    /// The console thread's right to sleep.
    pub cx: &'a mut TaskCx,
    typed: Typeahead,
    /// How many lost bytes have been reported.
    lost: u64,
    /// The status of the first command that failed.
    status: u8,
}

impl<'a> Session<'a> {
    /// A session in which nothing was typed and nothing failed.
    pub fn new(cx: &'a mut TaskCx) -> Self {
        Self {
            cx,
            typed: Typeahead::new(),
            lost: console::stats().lost,
            status: 0,
        }
    }

    /// The status of the first command that failed; 0 if none did.
    pub fn status(&self) -> u8 {
        self.status
    }

    /// Notes the status of a command.
    pub fn note(&mut self, status: u8) {
        if self.status == 0 {
            self.status = status;
        }
    }

    /// Takes a byte that was typed already.
    pub fn typed(&mut self) -> Option<u8> {
        self.typed.pop()
    }

    /// Blocks until something is typed.
    pub fn wait_for_keys(&mut self) {
        let mut bytes = [0; 128];
        let room = self.typed.room().min(bytes.len());
        let count = console::read(self.cx, &mut bytes[..room]);
        self.typed.push(&bytes[..count]);
    }

    /// Sleeps for `span`, but not longer than until Ctrl-C. Other keys are kept for the next
    /// line.
    ///
    /// # Errors
    ///
    /// Ctrl-C was pressed.
    pub fn pause(&mut self, span: Duration) -> Result<(), Failure<'static>> {
        let deadline = time::now() + span;
        let mut bytes = [0; 128];
        loop {
            if self.typed.take_interrupt() {
                return Err(Failure::Interrupted);
            }
            if time::now() >= deadline {
                return Ok(());
            }
            let room = self.typed.room().min(bytes.len());
            if room == 0 {
                // More was typed than a person types: a paste. It waits in the kernel.
                time::sleep_until(self.cx, deadline);
                continue;
            }
            if let Ok(count) = console::read_deadline(self.cx, &mut bytes[..room], deadline) {
                self.typed.push(&bytes[..count]);
            }
        }
    }

    /// The next key that is or was typed, if one comes before `deadline`.
    ///
    /// # Errors
    ///
    /// Ctrl-C was pressed.
    pub fn key_until(&mut self, deadline: time::Instant) -> Result<Option<u8>, Failure<'static>> {
        if self.typed.take_interrupt() {
            return Err(Failure::Interrupted);
        }
        if self.typed.is_empty() {
            let mut bytes = [0; 128];
            match console::read_deadline(self.cx, &mut bytes, deadline) {
                Ok(count) => self.typed.push(&bytes[..count]),
                Err(_) => return Ok(None),
            }
            if self.typed.take_interrupt() {
                return Err(Failure::Interrupted);
            }
        }
        Ok(self.typed.pop())
    }

    /// Says how many bytes of input were lost since it was last said.
    pub fn report_loss(&mut self) {
        let lost = console::stats().lost;
        let news = lost.saturating_sub(self.lost);
        self.lost = lost;
        if news > 0 {
            say!(
                "[{} of input lost: more came than could be taken]",
                Count(news, "byte")
            );
        }
    }
}
