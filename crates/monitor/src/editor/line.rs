//! The line being written: its text and the cursor. Nothing of keys or of the screen.

/// Up to `N` printable ASCII characters and a cursor between them.
#[derive(Clone, Debug)]
pub struct Line<const N: usize> {
    text: [u8; N],
    len: usize,
    cursor: usize,
}

impl<const N: usize> Default for Line<N> {
    fn default() -> Self {
        Self::new()
    }
}

impl<const N: usize> Line<N> {
    /// An empty line.
    pub const fn new() -> Self {
        Self {
            text: [0; N],
            len: 0,
            cursor: 0,
        }
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        // Only printable ASCII comes in, see `insert`.
        core::str::from_utf8(self.bytes()).unwrap_or_default()
    }

    /// The text as bytes, each a character.
    pub fn bytes(&self) -> &[u8] {
        &self.text[..self.len]
    }

    /// Number of characters.
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether there is no character.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Where the cursor is: how many characters are before it.
    pub fn cursor(&self) -> usize {
        self.cursor
    }

    /// Whether the cursor is behind the last character.
    pub fn at_end(&self) -> bool {
        self.cursor == self.len
    }

    /// Puts a printable ASCII character before the cursor; `false` when the line is full or the
    /// byte is none. O(1) at the end of the line, else O(characters behind the cursor).
    pub fn insert(&mut self, byte: u8) -> bool {
        if self.len == N || !matches!(byte, 0x20..=0x7e) {
            return false;
        }
        self.text
            .copy_within(self.cursor..self.len, self.cursor + 1);
        self.text[self.cursor] = byte;
        self.len += 1;
        self.cursor += 1;
        true
    }

    /// Moves the cursor by one to the left; `false` at the start.
    pub fn left(&mut self) -> bool {
        let can = self.cursor > 0;
        self.cursor -= usize::from(can);
        can
    }

    /// Moves the cursor by one to the right; `false` at the end.
    pub fn right(&mut self) -> bool {
        let can = self.cursor < self.len;
        self.cursor += usize::from(can);
        can
    }

    /// Moves the cursor to the start.
    pub fn home(&mut self) {
        self.cursor = 0;
    }

    /// Moves the cursor to the end.
    pub fn end(&mut self) {
        self.cursor = self.len;
    }

    /// Removes the character before the cursor; `false` when there is none.
    pub fn backspace(&mut self) -> bool {
        self.left() && self.delete()
    }

    /// Removes the character behind the cursor; `false` when there is none.
    pub fn delete(&mut self) -> bool {
        if self.at_end() {
            return false;
        }
        self.remove(self.cursor, self.cursor + 1);
        true
    }

    /// Removes everything.
    pub fn clear(&mut self) {
        self.len = 0;
        self.cursor = 0;
    }

    /// Removes everything behind the cursor.
    pub fn kill_to_end(&mut self) {
        self.len = self.cursor;
    }

    /// Removes the blanks before the cursor and the word before these.
    pub fn kill_word(&mut self) {
        let before = &self.text[..self.cursor];
        let word_end = before.iter().rposition(|&b| b != b' ').map_or(0, |i| i + 1);
        let word = before[..word_end]
            .iter()
            .rposition(|&b| b == b' ')
            .map_or(0, |i| i + 1);
        let end = core::mem::replace(&mut self.cursor, word);
        self.remove(word, end);
    }

    /// Makes `text` the line and puts the cursor at its end. What does not fit, or is no
    /// printable ASCII character, is left out.
    pub fn set(&mut self, text: &str) {
        self.clear();
        for byte in text.bytes() {
            self.insert(byte);
        }
    }

    fn remove(&mut self, from: usize, to: usize) {
        self.text.copy_within(to..self.len, from);
        self.len -= to - from;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(text: &str) -> Line<32> {
        let mut line = Line::new();
        line.set(text);
        line
    }

    #[test]
    fn a_word_goes_with_the_blanks_behind_it() {
        for (before, after) in [
            ("", ""),
            ("  ", ""),
            ("one", ""),
            ("one two", "one "),
            ("one two  ", "one "),
            ("  one", "  "),
        ] {
            let mut line = line(before);
            line.kill_word();
            assert_eq!(line.as_str(), after);
            assert!(line.at_end());
        }
        let mut line = line("one two three");
        (0..6).for_each(|_| _ = line.left());
        line.kill_word();
        assert_eq!((line.as_str(), line.cursor()), ("one  three", 4));
    }

    #[test]
    fn a_full_line_takes_nothing() {
        let mut line = Line::<2>::new();
        assert!(line.insert(b'a') && line.insert(b'b') && !line.insert(b'c'));
        assert_eq!(line.as_str(), "ab");
        assert!(line.backspace() && line.insert(b'c'));
        assert_eq!(line.as_str(), "ac");
    }

    #[test]
    fn only_printable_characters_come_in() {
        let mut line = Line::<4>::new();
        assert!(!line.insert(0) && !line.insert(0x7f) && !line.insert(0xe4));
        assert!(line.is_empty());
    }
}
