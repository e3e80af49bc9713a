//! How a command ends when it does not end well: what is said, and the status for a script.

use crate::args::ArgError;
use core::fmt;
use heapless::String;

/// Status of a command that is not known, as shells have it.
pub const UNKNOWN: u8 = 127;
/// Status of a line or command with wrong words.
pub const WRONG_WORDS: u8 = 2;

/// Why a command did not do what it was asked for. Its [`Display`](fmt::Display) is a sentence.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Failure<'a> {
    /// The words do not fit; the usage is shown, too.
    Words(ArgError<'a>),
    /// It could not be done.
    Failed(String<96>),
    /// Ctrl-C was pressed.
    Interrupted,
}

impl Failure<'_> {
    /// It could not be done, because of `why`; what is longer than a line is cut.
    pub fn because(why: impl fmt::Display) -> Self {
        let mut text = String::new();
        let _ = fmt::write(&mut Cut(&mut text), format_args!("{why}"));
        Self::Failed(text)
    }

    /// The status for a script, never 0.
    pub fn status(&self) -> u8 {
        match self {
            Self::Words(_) => WRONG_WORDS,
            Self::Failed(_) => 1,
            Self::Interrupted => 130,
        }
    }
}

impl<'a> From<ArgError<'a>> for Failure<'a> {
    fn from(error: ArgError<'a>) -> Self {
        Self::Words(error)
    }
}

impl fmt::Display for Failure<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Words(error) => error.fmt(f),
            Self::Failed(why) => f.write_str(why),
            Self::Interrupted => f.write_str("interrupted"),
        }
    }
}

/// Takes the characters that fit, and nothing after the first that does not.
struct Cut<'a, const N: usize>(&'a mut String<N>);

impl<const N: usize> fmt::Write for Cut<'_, N> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        text.chars()
            .try_for_each(|c| self.0.push(c).map_err(|_| fmt::Error))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::string::ToString;

    #[test]
    fn no_failure_has_status_0() {
        let long = "x".repeat(200);
        for failure in [
            Failure::Words(ArgError::Count),
            Failure::because("the oven is cold"),
            Failure::because(&long),
            Failure::Interrupted,
        ] {
            assert_ne!(failure.status(), 0);
        }
        assert_eq!(
            Failure::because("the oven is cold").to_string(),
            "the oven is cold"
        );
        assert_eq!(Failure::because(&long).to_string(), long[..96]);
    }
}
