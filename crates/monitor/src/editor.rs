//! The line editor: bytes from the terminal in; echo and finished lines out.
//!
//! A pure state machine: it reads nothing, waits for nothing and allocates nothing, so the host
//! can feed it millions of bytes. Its parts: [`keys`] tells what a byte means, [`mod@line`] is the
//! text, [`history`] keeps what was entered, [`row`] draws. What a line *means* is no business
//! of this file, see [`crate::parse`].
//!
//! Only printable ASCII gets into a line. Other control bytes are ignored; a character outside
//! of ASCII rings the bell, so that nobody wonders where it went. At most one bell rings for a
//! line, so noise does not answer with noise.

pub mod history;
pub mod keys;
pub mod line;
pub mod row;

use core::fmt::{self, Write};
use history::History;
use keys::{Key, Keys};
use line::Line;
use row::Row;

/// What a byte brought about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Event<'a> {
    /// A line was entered. Never longer than the editor's `LINE`.
    Line(&'a str),
    /// A line was entered that the editor could not hold. It is refused as a whole: half a
    /// command is another command.
    TooLong(TooLong),
    /// Ctrl-C: the line that was begun is dropped.
    Interrupted,
    /// Ctrl-D on an empty line.
    EndOfInput,
}

/// A line that was refused because of its length. Its [`Display`](fmt::Display) is a sentence.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TooLong {
    /// Characters that came for the line.
    pub length: usize,
    /// Characters that a line may have.
    pub limit: usize,
}

impl fmt::Display for TooLong {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { length, limit } = self;
        write!(
            f,
            "a line of {length} characters is refused, nothing of it was run: {limit} are the most"
        )
    }
}

/// A line editor for lines of up to `LINE` characters, with a history of `HISTORY` bytes.
#[derive(Clone, Debug)]
pub struct Editor<const LINE: usize = 256, const HISTORY: usize = 2048> {
    keys: Keys,
    line: Line<LINE>,
    row: Row,
    history: History<HISTORY>,
    /// Which line of the history is shown, if any, and what was being written before.
    recalled: Option<usize>,
    draft: Line<LINE>,
    /// Characters that found the line full. From the first one on, the line takes no more and
    /// cannot be entered, until it is dropped or emptied (Ctrl-C, Ctrl-U, Ctrl-A Ctrl-K).
    refused: usize,
    rung: bool,
    /// The line was entered; the next key starts another one.
    entered: bool,
}

impl<const LINE: usize, const HISTORY: usize> Editor<LINE, HISTORY> {
    /// An editor that shows `prompt` before each line.
    pub const fn new(prompt: &'static str) -> Self {
        Self {
            keys: Keys::new(),
            line: Line::new(),
            row: Row::new(prompt),
            history: History::new(),
            recalled: None,
            draft: Line::new(),
            refused: 0,
            rung: false,
            entered: false,
        }
    }

    /// Shows the prompt and the line as it is, on the terminal's current row: before the first
    /// line, after each [`Event`], and when something else was printed in between.
    ///
    /// What `out` says about errors is not heard: an echo that is lost changes no line.
    pub fn show(&mut self, out: &mut dyn Write) {
        self.start_over();
        let _ = self.row.draw(&self.line, out);
    }

    /// The line as it is now; empty after one was entered.
    pub fn text(&self) -> &str {
        if self.entered { "" } else { self.line.as_str() }
    }

    /// Characters before the cursor.
    pub fn cursor(&self) -> usize {
        if self.entered { 0 } else { self.line.cursor() }
    }

    /// Takes a byte from the terminal and writes what it changes on the screen to `out`.
    ///
    /// O(1) for a character at the end of the line, also in bytes of output; else O(`LINE`) with
    /// at most a hundred bytes of output. Enter costs O(`HISTORY`).
    pub fn feed(&mut self, byte: u8, out: &mut dyn Write) -> Option<Event<'_>> {
        let key = self.keys.take(byte)?;
        self.start_over();
        match key {
            Key::Enter => Some(self.enter(out)),
            Key::Interrupt => {
                let _ = self.row.dropped(&self.line, out);
                self.entered = true;
                Some(Event::Interrupted)
            }
            Key::EndOfInput if self.line.is_empty() && self.refused == 0 => {
                let _ = out.write_str("\r\n");
                self.entered = true;
                Some(Event::EndOfInput)
            }
            _ => {
                let _ = self.edit(key, out);
                None
            }
        }
    }

    /// Forgets a line that was entered.
    fn start_over(&mut self) {
        if self.entered {
            self.entered = false;
            self.rung = false;
            self.recalled = None;
            self.empty();
        }
    }

    fn empty(&mut self) {
        self.line.clear();
        self.refused = 0;
    }

    fn enter(&mut self, out: &mut dyn Write) -> Event<'_> {
        let _ = out.write_str("\r\n");
        self.entered = true;
        if self.refused > 0 {
            return Event::TooLong(TooLong {
                length: self.line.len() + self.refused,
                limit: LINE,
            });
        }
        self.history.push(self.line.as_str());
        Event::Line(self.line.as_str())
    }

    fn edit(&mut self, key: Key, out: &mut dyn Write) -> fmt::Result {
        match key {
            Key::Char(byte) => {
                if self.refused == 0 && self.line.insert(byte) {
                    return self.row.inserted(&self.line, out);
                }
                self.refused += 1;
                return self.ring(out);
            }
            Key::Foreign => return self.ring(out),
            Key::Backspace => {
                return if self.line.backspace() {
                    self.row.backspaced(&self.line, out)
                } else {
                    Ok(())
                };
            }
            Key::Left | Key::Right => {
                let right = key == Key::Right;
                let moved = if right {
                    self.line.right()
                } else {
                    self.line.left()
                };
                return if moved {
                    self.row.moved(&self.line, right, out)
                } else {
                    Ok(())
                };
            }
            Key::Up => {
                let older = self.recalled.map_or(0, |shown| shown + 1);
                if !self.recall(older) {
                    return Ok(());
                }
            }
            Key::Down => match self.recalled {
                None => return Ok(()),
                Some(0) => {
                    self.recalled = None;
                    self.refused = 0;
                    self.line = self.draft.clone();
                }
                Some(shown) => _ = self.recall(shown - 1),
            },
            Key::Delete | Key::EndOfInput => _ = self.line.delete(),
            Key::Home => self.line.home(),
            Key::End => self.line.end(),
            Key::KillLine => self.empty(),
            Key::KillToEnd if self.line.cursor() == 0 => self.empty(),
            Key::KillToEnd => self.line.kill_to_end(),
            Key::KillWord => self.line.kill_word(),
            Key::Repaint => out.write_str("\x1b[H\x1b[2J")?,
            Key::Enter | Key::Interrupt => {}
        }
        self.row.draw(&self.line, out)
    }

    /// Shows the line that was entered `back` lines before the newest one, if there is one.
    fn recall(&mut self, back: usize) -> bool {
        let Some(text) = self.history.get(back) else {
            return false;
        };
        if self.recalled.is_none() {
            self.draft.clear();
            // What is left of a line that was too long does not come back as if it were whole.
            if self.refused == 0 {
                self.draft = self.line.clone();
            }
        }
        self.line.set(text);
        self.refused = 0;
        self.recalled = Some(back);
        true
    }

    fn ring(&mut self, out: &mut dyn Write) -> fmt::Result {
        if core::mem::replace(&mut self.rung, true) {
            return Ok(());
        }
        out.write_char('\x07')
    }
}
