//! From bytes to keys: what a terminal sends for each key, and what is only noise.
//!
//! Nothing here knows of lines or of the screen. Every byte is taken in O(1) and any byte may
//! come at any time: an escape sequence that is unknown is swallowed whole, one that is broken
//! off never swallows the end of a line or a Ctrl-C.
//!
//! The grammar of the sequences is that of ECMA-48 (5.3, 5.4, 5.6); the keys are those that
//! xterm, the Linux console, rxvt, tmux and the usual serial terminals send.

/// What a key asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Key {
    /// A printable ASCII character, blank included.
    Char(u8),
    /// CR, LF or CRLF.
    Enter,
    /// Backspace or DEL: removes the character before the cursor.
    Backspace,
    /// Removes the character under the cursor.
    Delete,
    /// Cursor to the left.
    Left,
    /// Cursor to the right.
    Right,
    /// The older line of the history.
    Up,
    /// The newer line of the history.
    Down,
    /// Cursor to the start of the line.
    Home,
    /// Cursor to the end of the line.
    End,
    /// Ctrl-U: removes the whole line.
    KillLine,
    /// Ctrl-K: removes what is under and after the cursor.
    KillToEnd,
    /// Ctrl-W: removes the word before the cursor.
    KillWord,
    /// Ctrl-C.
    Interrupt,
    /// Ctrl-D.
    EndOfInput,
    /// Ctrl-L: clears the screen and draws the line again.
    Repaint,
    /// A character outside of ASCII, which the console does not take. Reported once for each
    /// UTF-8 character.
    Foreign,
}

/// The byte of Ctrl-C.
pub const CTRL_C: u8 = 0x03;
const CAN: u8 = 0x18;
const SUB: u8 = 0x1a;
const ESC: u8 = 0x1b;
const BEL: u8 = 0x07;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Ground,
    /// After a CR: an LF directly behind it belongs to it.
    Cr,
    Escape,
    /// After ESC and an intermediate byte: one final byte ends it.
    EscapeLong,
    /// After ESC O: one letter names the key.
    Ss3,
    /// Directly after ESC [.
    CsiStart,
    /// In a control sequence; `first` is its first parameter, the others do not matter.
    Csi {
        first: u8,
        further: bool,
    },
    /// In a control sequence that is no key's: swallowed up to its final byte.
    CsiUnknown,
    /// After ESC [ [, as the Linux console sends for F1 to F5: one byte ends it.
    LinuxFunction,
    /// In a string (OSC, DCS, APC, PM, SOS), which BEL or ESC ends.
    Text,
}

/// The decoder. Keeps what it must know of the bytes before; never blocks, never allocates.
#[derive(Clone, Debug)]
pub struct Keys {
    state: State,
}

impl Default for Keys {
    fn default() -> Self {
        Self::new()
    }
}

impl Keys {
    /// A decoder that has seen nothing.
    pub const fn new() -> Self {
        Self {
            state: State::Ground,
        }
    }

    /// Takes the next byte; gives the key that it completes. O(1).
    pub fn take(&mut self, byte: u8) -> Option<Key> {
        use State::*;
        let before = core::mem::replace(&mut self.state, Ground);
        // These end any sequence and mean what they mean: half a sequence on a noisy line must
        // not eat the Enter or the Ctrl-C behind it.
        match byte {
            b'\n' if before == Cr => return None,
            b'\n' => return Some(Key::Enter),
            b'\r' => {
                self.state = Cr;
                return Some(Key::Enter);
            }
            CTRL_C => return Some(Key::Interrupt),
            CAN | SUB => return None,
            ESC => {
                self.state = Escape;
                return None;
            }
            _ => {}
        }
        self.state = match (before, byte) {
            (Ground | Cr, _) => return plain(byte),

            (Escape, b'[') => CsiStart,
            (Escape, b'O') => Ss3,
            (Escape, b']' | b'P' | b'X' | b'^' | b'_') => Text,
            (Escape | EscapeLong, 0x20..=0x2f) => EscapeLong,

            (CsiStart, b'[') => LinuxFunction,
            (CsiStart, b'0'..=b'9') => Csi {
                first: byte - b'0',
                further: false,
            },
            (
                Csi {
                    first,
                    further: false,
                },
                b'0'..=b'9',
            ) => Csi {
                first: first.saturating_mul(10).saturating_add(byte - b'0'),
                further: false,
            },
            (Csi { first, .. }, b'0'..=b';') => Csi {
                first,
                further: true,
            },
            (CsiStart | Csi { .. } | CsiUnknown, 0x20..=0x3f) => CsiUnknown,
            (CsiStart, 0x40..=0x7e) => return named(0, byte),
            (Csi { first, .. }, 0x40..=0x7e) => return named(first, byte),

            (Ss3, b'0'..=b';') => Ss3,
            (Ss3, _) => return named(0, byte),

            (Text, BEL) => Ground,
            (Text, _) => Text,

            // The last byte of something unknown, or one that belongs into no sequence.
            (Escape | EscapeLong | CsiStart | Csi { .. } | CsiUnknown | LinuxFunction, _) => Ground,
        };
        None
    }
}

/// A byte outside of any sequence.
fn plain(byte: u8) -> Option<Key> {
    Some(match byte {
        0x20..=0x7e => Key::Char(byte),
        // A pasted tab separates words as a blank does.
        b'\t' => Key::Char(b' '),
        0x01 => Key::Home,       // Ctrl-A
        0x02 => Key::Left,       // Ctrl-B
        0x04 => Key::EndOfInput, // Ctrl-D
        0x05 => Key::End,        // Ctrl-E
        0x06 => Key::Right,      // Ctrl-F
        0x08 | 0x7f => Key::Backspace,
        0x0b => Key::KillToEnd, // Ctrl-K
        0x0c => Key::Repaint,   // Ctrl-L
        0x0e => Key::Down,      // Ctrl-N
        0x10 => Key::Up,        // Ctrl-P
        0x15 => Key::KillLine,  // Ctrl-U
        0x17 => Key::KillWord,  // Ctrl-W
        // The first byte of a UTF-8 character, or one that can only be noise; those that
        // continue a character (0x80 to 0xbf) say nothing new.
        0xc0..=0xff => Key::Foreign,
        _ => return None,
    })
}

/// The key of a control sequence with this first parameter and this final byte.
fn named(first: u8, last: u8) -> Option<Key> {
    Some(match (last, first) {
        (b'A', _) => Key::Up,
        (b'B', _) => Key::Down,
        (b'C', _) => Key::Right,
        (b'D', _) => Key::Left,
        (b'H', _) | (b'~', 1 | 7) => Key::Home,
        (b'F', _) | (b'~', 4 | 8) => Key::End,
        (b'~', 3) => Key::Delete,
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::vec::Vec;

    fn keys(bytes: &[u8]) -> Vec<Key> {
        let mut keys = Keys::new();
        bytes.iter().filter_map(|&b| keys.take(b)).collect()
    }

    #[test]
    fn every_line_end_counts_once() {
        use Key::{Char, Enter};
        assert_eq!(keys(b"\ra"), [Enter, Char(b'a')]);
        assert_eq!(keys(b"\na"), [Enter, Char(b'a')]);
        assert_eq!(keys(b"\r\na"), [Enter, Char(b'a')]);
        assert_eq!(keys(b"\r\n\r\n"), [Enter, Enter]);
        assert_eq!(keys(b"\r\r\n\n"), [Enter, Enter, Enter]);
        assert_eq!(keys(b"\n\n"), [Enter, Enter]);
    }

    #[test]
    fn keys_of_the_usual_terminals() {
        use Key::*;
        for (bytes, key) in [
            (&b"\x1b[A"[..], Up),
            (b"\x1bOB", Down),
            (b"\x1b[1;5C", Right),
            (b"\x1b[D", Left),
            (b"\x1b[H", Home),
            (b"\x1b[1~", Home),
            (b"\x1b[7~", Home),
            (b"\x1bOH", Home),
            (b"\x1b[F", End),
            (b"\x1b[4~", End),
            (b"\x1b[8~", End),
            (b"\x1b[3~", Delete),
            (b"\x1b[3;5~", Delete),
            (b"\x1b\x1b[A", Up),
        ] {
            assert_eq!(keys(bytes), [key], "{bytes:?}");
        }
    }

    #[test]
    fn unknown_sequences_are_swallowed_whole() {
        for bytes in [
            &b"\x1b[200~"[..], // start of a bracketed paste
            b"\x1b[15~",       // F5
            b"\x1b[[A",        // F1 of the Linux console
            b"\x1bOP",         // F1
            b"\x1b[?1;2c",     // an answer to "what are you"
            b"\x1b[24;80R",    // an answer to "where is the cursor"
            b"\x1b[R",
            b"\x1b[<0;10;10M", // a mouse
            b"\x1b[999999999999999999999;1R",
            b"\x1b]0;a title\x07",
            b"\x1b]0;a title\x1b\\",
            b"\x1bPq#0\x1b\\",
            b"\x1b(B",
            b"\x1b[1 q",
            b"\x1bx",
        ] {
            assert_eq!(keys(bytes), [], "{bytes:?}");
            let mut followed = bytes.to_vec();
            followed.push(b'z');
            assert_eq!(keys(&followed), [Key::Char(b'z')], "{bytes:?}");
        }
    }

    #[test]
    fn a_broken_sequence_eats_no_line_end() {
        use Key::{Enter, Interrupt};
        for start in [
            &b"\x1b"[..],
            b"\x1b[",
            b"\x1b[1;",
            b"\x1b]0;title",
            b"\x1bO",
            b"\x1b[[",
        ] {
            let with = |end: u8| [start, &[end]].concat();
            assert_eq!(keys(&with(b'\r')), [Enter]);
            assert_eq!(keys(&with(b'\n')), [Enter]);
            assert_eq!(keys(&with(CTRL_C)), [Interrupt]);
        }
    }

    #[test]
    fn a_foreign_character_is_reported_once() {
        assert_eq!(keys("a\u{e9}\u{20ac}\u{1f980}".as_bytes()).len(), 4);
        assert_eq!(keys(b"\0\x07\x80\xbf"), []);
    }
}
