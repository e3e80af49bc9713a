//! The table of commands: finding one by its name, and telling how it is used.
//!
//! The table does not know what a command does: `F` is whatever the caller runs.

use crate::args::Short;
use core::fmt;

/// One command.
#[derive(Clone, Copy, Debug)]
pub struct Command<F> {
    /// The word it is called by.
    pub name: &'static str,
    /// Its words: `MS` must be there, `[MS]` may, a last one that ends in `...` stands for any
    /// number of words. This is also what the number of words is checked against.
    pub synopsis: &'static str,
    /// What it does, in one line.
    pub help: &'static str,
    /// What it runs.
    pub run: F,
}

impl<F> Command<F> {
    /// Whether a command with this synopsis takes `count` words.
    pub fn takes(&self, count: usize) -> bool {
        let (mut least, mut most) = (0, 0);
        for word in self.synopsis.split_ascii_whitespace() {
            let optional = word.starts_with('[');
            least += usize::from(!optional);
            let any = word.trim_end_matches(']').ends_with("...");
            most = if any { usize::MAX } else { most + 1 };
        }
        (least..=most).contains(&count)
    }

    /// `name synopsis`.
    pub fn usage(&self) -> Usage {
        Usage {
            name: self.name,
            synopsis: self.synopsis,
        }
    }
}

/// How a command is called, see [`Command::usage`]. Takes the width of a column when displayed: one that
/// fills it has a line of its own, and the column is empty in the next.
#[derive(Clone, Copy, Debug)]
pub struct Usage {
    name: &'static str,
    synopsis: &'static str,
}

impl fmt::Display for Usage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let gap = usize::from(!self.synopsis.is_empty());
        let length = self.name.len() + gap + self.synopsis.len();
        write!(f, "{}{:gap$}{}", self.name, "", self.synopsis)?;
        match f.width() {
            Some(column) if length >= column => write!(f, "\n{:column$}", ""),
            column => write!(f, "{:fill$}", "", fill = column.map_or(0, |c| c - length)),
        }
    }
}

/// A name that no command has. Its [`Display`](fmt::Display) is a sentence with a suggestion.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Unknown<'a> {
    /// The name.
    pub name: &'a str,
    /// The command that was perhaps meant.
    pub nearest: Option<&'static str>,
}

impl fmt::Display for Unknown<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "there is no command `{}`; ", Short(self.name))?;
        match self.nearest {
            Some(nearest) => write!(f, "was `{nearest}` meant?"),
            None => f.write_str("`help` lists all"),
        }
    }
}

/// The command of this name. O(commands), and for an unknown name O(commands x length).
///
/// # Errors
///
/// No command has the name.
pub fn find<'t, 'a, F>(
    table: &'t [Command<F>],
    name: &'a str,
) -> Result<&'t Command<F>, Unknown<'a>> {
    table
        .iter()
        .find(|command| command.name == name)
        .ok_or_else(|| Unknown {
            name,
            nearest: nearest(table, name),
        })
}

/// The command whose name is like `name`: one that starts with it, else one that two slips of
/// the finger make of it.
fn nearest<F>(table: &[Command<F>], name: &str) -> Option<&'static str> {
    let names = || table.iter().map(|command| command.name);
    if let Some(longer) = names().find(|known| known.starts_with(name) && !name.is_empty()) {
        return Some(longer);
    }
    names()
        .filter_map(|known| Some((distance(name.as_bytes(), known.as_bytes())?, known)))
        // In a short word, two slips leave nothing.
        .filter(|&(slips, known)| slips <= 2 && slips * 2 < known.len())
        .min_by_key(|&(slips, _)| slips)
        .map(|(_, known)| known)
}

/// The longest name that suggestions are made for.
const LONGEST: usize = 16;

/// How many slips (a character missing, added, wrong, or two neighbours swapped) lead from one
/// name to the other: the optimal string alignment distance, kept in three rows of its table.
fn distance(a: &[u8], b: &[u8]) -> Option<usize> {
    if a.len() > LONGEST || b.len() > LONGEST {
        return None;
    }
    let mut before_last = [0; LONGEST + 1];
    let mut last: [usize; LONGEST + 1] = core::array::from_fn(|j| j);
    for (i, &x) in a.iter().enumerate() {
        let mut row = [i + 1; LONGEST + 1];
        for (j, &y) in b.iter().enumerate() {
            let wrong = last[j] + usize::from(x != y);
            row[j + 1] = wrong.min(last[j + 1] + 1).min(row[j] + 1);
            if i > 0 && j > 0 && x == b[j - 1] && a[i - 1] == y {
                row[j + 1] = row[j + 1].min(before_last[j - 1] + 1);
            }
        }
        before_last = last;
        last = row;
    }
    Some(last[b.len()])
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::{format, string::ToString};

    fn command(name: &'static str, synopsis: &'static str) -> Command<()> {
        Command {
            name,
            synopsis,
            help: "",
            run: (),
        }
    }

    #[test]
    fn the_synopsis_says_how_many_words() {
        for (synopsis, least, most) in [
            ("", 0, 0),
            ("MS", 1, 1),
            ("[CODE]", 0, 1),
            ("waiters|work", 1, 1),
            ("A [B]", 1, 2),
        ] {
            let command = command("c", synopsis);
            for count in 0..5 {
                assert_eq!(
                    command.takes(count),
                    (least..=most).contains(&count),
                    "{synopsis}"
                );
            }
        }
        assert!(command("c", "[WORD...]").takes(0) && command("c", "[WORD...]").takes(15));
        assert!(!command("c", "WORD...").takes(0) && command("c", "WORD...").takes(15));
    }

    #[test]
    fn a_slip_is_understood() {
        let table = ["help", "threads", "poweroff", "log", "sleep"].map(|name| command(name, ""));
        for (name, nearest) in [
            ("thraeds", Some("threads")),
            ("thread", Some("threads")),
            ("t", Some("threads")),
            ("hlep", Some("help")),
            ("sleeep", Some("sleep")),
            ("lgo", Some("log")),
            ("Threads", Some("threads")),
            ("power-of", Some("poweroff")),
            ("xyz", None),
            ("", None),
            ("aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", None),
            ("\u{1f980}", None),
        ] {
            let unknown = find(&table, name).unwrap_err();
            assert_eq!(unknown, Unknown { name, nearest });
            assert!(unknown.to_string().len() < 90);
        }
        assert_eq!(find(&table, "log").unwrap().name, "log");
    }

    #[test]
    fn usage_fills_its_column() {
        assert_eq!(
            format!("{:10}|", command("sleep", "MS").usage()),
            "sleep MS  |"
        );
        assert_eq!(format!("{}|", command("help", "").usage()), "help|");
        // What follows is never stuck to it.
        let sleep = command("sleep", "MS").usage();
        assert_eq!(format!("{sleep:9}|"), "sleep MS |");
        assert_eq!(format!("{sleep:8}|"), "sleep MS\n        |");
    }
}
