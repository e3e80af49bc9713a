//! How the line is shown: one row of the terminal, through which a longer line slides.
//!
//! The console cannot know where its terminal wraps, and the cursor of most terminals does not
//! walk back over a wrap. So the line never leaves its row: a row is taken to be [`WIDTH`]
//! columns wide, its last column stays free, and a line that is longer is shown in a window.
//! The window jumps by half its width, so writing at the end costs O(1) bytes of output for
//! each byte of input, however long the line.

use super::line::Line;
use core::fmt::{self, Write};

/// Columns that every terminal has.
pub const WIDTH: usize = 80;

/// What is seen of the line.
#[derive(Clone, Debug)]
pub struct Row {
    prompt: &'static str,
    /// The first character that is seen. Above 0, a `<` stands in its place.
    first: usize,
}

impl Row {
    /// A row that shows `prompt` and an empty line. Of a prompt of more than half a row only
    /// the first half row is shown.
    pub const fn new(prompt: &'static str) -> Self {
        let (prompt, _) = prompt.split_at(if prompt.len() > WIDTH / 2 {
            WIDTH / 2
        } else {
            prompt.len()
        });
        Self { prompt, first: 0 }
    }

    /// Characters of the line that fit behind the prompt.
    fn cells(&self) -> usize {
        WIDTH - 1 - self.prompt.len()
    }

    /// Whether the window may stay where it is: the cursor is seen, not on a mark of what is
    /// hidden, and nothing is hidden without need.
    fn shows_cursor<const N: usize>(&self, line: &Line<N>) -> bool {
        if self.first > 0 && line.len() <= self.cells() {
            return false;
        }
        let column = line.cursor().wrapping_sub(self.first);
        let from = usize::from(self.first > 0);
        let hidden_behind = line.len() > self.first + self.cells();
        let to = self.cells() - usize::from(hidden_behind) * 2;
        (from..=to).contains(&column)
    }

    /// Shows that a character came in before the cursor.
    pub fn inserted<const N: usize>(&mut self, line: &Line<N>, out: &mut dyn Write) -> fmt::Result {
        match line.bytes().last() {
            Some(&last) if line.at_end() && self.shows_cursor(line) => {
                out.write_char(char::from(last))
            }
            _ => self.draw(line, out),
        }
    }

    /// Shows that the character before the cursor went away.
    pub fn backspaced<const N: usize>(
        &mut self,
        line: &Line<N>,
        out: &mut dyn Write,
    ) -> fmt::Result {
        if line.at_end() && self.shows_cursor(line) {
            out.write_str("\x08 \x08")
        } else {
            self.draw(line, out)
        }
    }

    /// Shows that the cursor moved by one, to the left or to the right.
    pub fn moved<const N: usize>(
        &mut self,
        line: &Line<N>,
        right: bool,
        out: &mut dyn Write,
    ) -> fmt::Result {
        if !self.shows_cursor(line) {
            self.draw(line, out)
        } else if right {
            out.write_str("\x1b[C")
        } else {
            out.write_str("\x08")
        }
    }

    /// Marks the line as dropped, where the cursor is, and leaves the row.
    pub fn dropped<const N: usize>(&mut self, line: &Line<N>, out: &mut dyn Write) -> fmt::Result {
        if self.column(line) > WIDTH - 3 {
            out.write_str("\x08\x08")?;
        }
        out.write_str("^C\r\n")
    }

    /// The cursor's column.
    fn column<const N: usize>(&self, line: &Line<N>) -> usize {
        self.prompt.len() + line.cursor().saturating_sub(self.first)
    }

    /// Draws the whole row, from wherever in it the terminal's cursor is.
    pub fn draw<const N: usize>(&mut self, line: &Line<N>, out: &mut dyn Write) -> fmt::Result {
        let cells = self.cells();
        if line.len() <= cells {
            self.first = 0;
        } else if !self.shows_cursor(line) {
            self.first = line.cursor().saturating_sub(cells / 2);
        }
        out.write_char('\r')?;
        out.write_str(self.prompt)?;
        let text = line.as_str().get(self.first..).unwrap_or_default();
        let (mut seen, hidden) = text.split_at(text.len().min(cells));
        if self.first > 0 {
            out.write_char('<')?;
            seen = seen.get(1..).unwrap_or_default();
        }
        if hidden.is_empty() {
            out.write_str(seen)?;
        } else {
            out.write_str(seen.get(..seen.len() - 1).unwrap_or_default())?;
            out.write_char('>')?;
        }
        out.write_str("\x1b[K")?;
        if !line.at_end() {
            let column = self.column(line);
            out.write_char('\r')?;
            if column > 0 {
                write!(out, "\x1b[{column}C")?;
            }
        }
        Ok(())
    }
}
