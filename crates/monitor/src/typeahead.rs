//! What was typed and not yet used: between the kernel's console and the line editor.
//!
//! While a command runs, its keys are looked at only for Ctrl-C; the others wait here for the
//! next line. When this room is full nothing more is taken from the kernel, which counts what
//! it then must drop.

use crate::editor::keys::CTRL_C;
use heapless::Deque;

/// Bytes that wait here at the most.
pub const ROOM: usize = 1024;

/// The bytes that wait, oldest first.
#[derive(Debug, Default)]
pub struct Typeahead {
    bytes: Deque<u8, ROOM>,
}

impl Typeahead {
    /// No bytes.
    pub const fn new() -> Self {
        Self {
            bytes: Deque::new(),
        }
    }

    /// How many bytes there is room for.
    pub fn room(&self) -> usize {
        ROOM - self.bytes.len()
    }

    /// Whether nothing waits.
    pub fn is_empty(&self) -> bool {
        self.bytes.is_empty()
    }

    /// Adds bytes behind the others. What there is no [`room`](Self::room) for is dropped.
    pub fn push(&mut self, bytes: &[u8]) {
        for &byte in bytes.iter().take(self.room()) {
            let _ = self.bytes.push_back(byte);
        }
    }

    /// Takes the oldest byte.
    pub fn pop(&mut self) -> Option<u8> {
        self.bytes.pop_front()
    }

    /// Whether Ctrl-C was typed. If so, it and all that was typed before it are dropped, as they
    /// were meant for what is now interrupted.
    pub fn take_interrupt(&mut self) -> bool {
        let Some(last) = self.bytes.iter().rposition(|&byte| byte == CTRL_C) else {
            return false;
        };
        for _ in 0..=last {
            self.bytes.pop_front();
        }
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_interrupt_drops_what_came_before_it() {
        let mut typed = Typeahead::new();
        typed.push(b"abc");
        assert!(!typed.take_interrupt());
        typed.push(b"\x03d\x03ef");
        assert!(typed.take_interrupt() && !typed.take_interrupt());
        assert_eq!(
            (typed.pop(), typed.pop(), typed.pop()),
            (Some(b'e'), Some(b'f'), None)
        );
    }

    #[test]
    fn the_room_is_bounded() {
        let mut typed = Typeahead::new();
        typed.push(&[b'x'; ROOM + 1]);
        assert_eq!(typed.room(), 0);
        assert_eq!(core::iter::from_fn(|| typed.pop()).count(), ROOM);
    }
}
