//! The lines that were entered before: a ring of text in a fixed number of bytes.

/// The newest lines that fit into `N` bytes, one byte for each line's end included.
///
/// A line that is entered again moves to the front instead of being kept twice; blank lines are
/// not kept at all.
#[derive(Clone, Debug)]
pub struct History<const N: usize> {
    /// Oldest first, each line followed by `END`.
    text: [u8; N],
    len: usize,
}

/// No line contains it: lines are printable ASCII.
const END: u8 = b'\n';

impl<const N: usize> Default for History<N> {
    fn default() -> Self {
        Self::new()
    }
}

impl<const N: usize> History<N> {
    /// An empty history.
    pub const fn new() -> Self {
        Self {
            text: [0; N],
            len: 0,
        }
    }

    /// Keeps `line` as the newest one; the oldest go to make room. A line longer than the whole
    /// history is not kept. O(N).
    pub fn push(&mut self, line: &str) {
        let needed = line.len() + 1;
        if line.trim_ascii().is_empty() || needed > N || line.as_bytes().contains(&END) {
            return;
        }
        let same = self
            .spans()
            .find(|&(start, end)| self.text[start..end] == *line.as_bytes());
        if let Some((start, end)) = same {
            self.remove(start, end + 1);
        }
        let mut gone = 0;
        while self.len - gone + needed > N {
            gone = self.end_of_line(gone) + 1;
        }
        self.remove(0, gone);
        self.text[self.len..][..line.len()].copy_from_slice(line.as_bytes());
        self.text[self.len + line.len()] = END;
        self.len += needed;
    }

    /// The line that was entered `back` lines before the newest one (0: the newest). O(N).
    pub fn get(&self, back: usize) -> Option<&str> {
        let (start, end) = self.spans().nth(self.lines().checked_sub(back + 1)?)?;
        core::str::from_utf8(&self.text[start..end]).ok()
    }

    /// How many lines are kept. O(N).
    pub fn lines(&self) -> usize {
        self.spans().count()
    }

    /// Start and end of each line, oldest first.
    fn spans(&self) -> impl Iterator<Item = (usize, usize)> {
        let mut start = 0;
        core::iter::from_fn(move || {
            (start < self.len).then(|| {
                let span = (start, self.end_of_line(start));
                start = span.1 + 1;
                span
            })
        })
    }

    fn end_of_line(&self, start: usize) -> usize {
        let rest = &self.text[start..self.len];
        start + rest.iter().position(|&b| b == END).unwrap_or(rest.len())
    }

    fn remove(&mut self, from: usize, to: usize) {
        self.text.copy_within(to..self.len, from);
        self.len -= to - from;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::{string::String, vec::Vec};

    fn kept<const N: usize>(history: &History<N>) -> Vec<&str> {
        (0..history.lines())
            .map(|i| history.get(i).unwrap())
            .collect()
    }

    #[test]
    fn the_newest_comes_first_and_none_twice() {
        let mut history = History::<64>::new();
        for line in ["one", "two", "", "  ", "one", "three", "three"] {
            history.push(line);
        }
        assert_eq!(kept(&history), ["three", "one", "two"]);
        assert_eq!(history.get(3), None);
    }

    #[test]
    fn the_oldest_goes_when_there_is_no_room() {
        let mut history = History::<8>::new();
        for line in ["one", "two", "six", "eightchr", "a\nb"] {
            history.push(line);
        }
        assert_eq!(kept(&history), ["six", "two"]);
        history.push("seven77");
        assert_eq!(kept(&history), ["seven77"]);
    }

    proptest! {
        #[test]
        fn it_is_the_list_that_it_seems(lines in prop::collection::vec("[ab ]{0,6}", 0..40)) {
            let mut history = History::<20>::new();
            let mut model: Vec<String> = Vec::new();
            for line in lines {
                history.push(&line);
                if !line.trim().is_empty() {
                    model.retain(|kept| *kept != line);
                    model.insert(0, line);
                    while model.iter().map(|kept| kept.len() + 1).sum::<usize>() > 20 {
                        model.pop();
                    }
                }
                prop_assert_eq!(kept(&history), model.iter().map(String::as_str).collect::<Vec<_>>());
            }
        }
    }
}
