//! A terminal for the tests: rows of 80 columns that understand what the editor sends, and
//! refuse everything else.

/// What a terminal shows.
pub struct Terminal {
    pub rows: Vec<Vec<u8>>,
    pub column: usize,
    pub bells: usize,
    /// Bytes received.
    pub bytes: usize,
    escape: Option<String>,
}

impl Terminal {
    pub fn new() -> Self {
        Self {
            rows: vec![Vec::new()],
            column: 0,
            bells: 0,
            bytes: 0,
            escape: None,
        }
    }

    /// The row that the cursor is in, without blanks at its end.
    pub fn row(&self) -> &str {
        std::str::from_utf8(self.rows.last().unwrap())
            .unwrap()
            .trim_end_matches(' ')
    }

    fn take(&mut self, byte: u8) {
        self.bytes += 1;
        if let Some(mut escape) = self.escape.take() {
            escape.push(char::from(byte));
            self.escape = self.sequence(escape);
            return;
        }
        let column = self.column;
        match byte {
            b'\r' => self.column = 0,
            b'\n' => self.rows.push(Vec::new()),
            0x07 => self.bells += 1,
            0x08 => self.column = column.checked_sub(1).expect("moved over the left edge"),
            0x1b => self.escape = Some(String::new()),
            0x20..=0x7e => {
                assert!(
                    column < 79,
                    "wrote into the last column: where does it wrap?"
                );
                let row = self.rows.last_mut().unwrap();
                row.resize(row.len().max(column + 1), b' ');
                row[column] = byte;
                self.column += 1;
            }
            other => panic!("the editor sent {other:#x}"),
        }
    }

    /// Takes an escape sequence, or gives it back as long as it is not complete.
    fn sequence(&mut self, text: String) -> Option<String> {
        let last = text.chars().last().unwrap();
        if text == "[" || last.is_ascii_digit() {
            return Some(text);
        }
        let number = text[1..text.len() - 1].parse::<usize>();
        match (last, number) {
            ('K', Err(_)) => self.rows.last_mut().unwrap().truncate(self.column),
            ('C', count) => {
                self.column += count.unwrap_or(1);
                assert!(self.column < 80, "moved over the right edge");
            }
            ('H', Err(_)) => self.column = 0,
            ('J', Ok(2)) => self.rows = vec![Vec::new()],
            _ => panic!("the editor sent ESC {text:?}"),
        }
        None
    }
}

impl std::fmt::Write for Terminal {
    fn write_str(&mut self, text: &str) -> std::fmt::Result {
        text.bytes().for_each(|byte| self.take(byte));
        Ok(())
    }
}
