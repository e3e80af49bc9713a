//! The one error type: a sentence for the person, and the exit status.
//!
//! Everything that can go wrong here ends the command, so an error is never matched on; what
//! matters is that its sentence says what is wrong and what to do.

use std::{fmt, io, path::Path};

/// What ends a command early.
#[derive(Debug)]
pub struct Error {
    message: String,
    exit: u8,
}

pub type Result<T, E = Error> = std::result::Result<T, E>;

impl Error {
    pub fn new(message: impl Into<String>) -> Self {
        Self {
            message: message.into(),
            exit: 1,
        }
    }

    /// The command ends with this status; what there was to say has been said.
    pub fn silent(exit: u8) -> Self {
        Self {
            message: String::new(),
            exit,
        }
    }

    pub fn exit(&self) -> u8 {
        self.exit
    }

    pub fn is_silent(&self) -> bool {
        self.message.is_empty()
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

/// Ends the command with a sentence.
pub fn fail<T>(message: impl Into<String>) -> Result<T> {
    Err(Error::new(message))
}

/// Turns an [`io::Error`] into a sentence that names the thing it happened to.
pub trait Context<T> {
    /// `doing` reads after "cannot": "read", "start", "write".
    fn cannot(self, doing: &str, what: impl AsRef<Path>) -> Result<T>;
}

impl<T> Context<T> for io::Result<T> {
    fn cannot(self, doing: &str, what: impl AsRef<Path>) -> Result<T> {
        self.map_err(|error| {
            Error::new(format!(
                "cannot {doing} {}: {}",
                what.as_ref().display(),
                reason(&error)
            ))
        })
    }
}

/// The error in words, without the "(os error N)" that std adds.
pub fn reason(error: &io::Error) -> String {
    let text = error.to_string();
    let text = text.split(" (os error").next().unwrap_or(&text);
    let mut letters = text.chars();
    letters
        .next()
        .map(|first| first.to_lowercase().chain(letters).collect())
        .unwrap_or_default()
}
