//! `echo`: prints its words.

use super::Run;
use crate::{failure::Failure, out::say, session::Session, table::Command};
use core::fmt;

pub const COMMAND: Command<Run> = Command {
    name: "echo",
    synopsis: "[WORD...]",
    help: "prints the words",
    run,
};

fn run<'a>(_: &mut Session<'_>, args: &[&'a str]) -> Result<(), Failure<'a>> {
    say!("{}", Spaced(args));
    Ok(())
}

/// Words with a blank between each two.
pub struct Spaced<'a>(pub &'a [&'a str]);

impl fmt::Display for Spaced<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, word) in self.0.iter().enumerate() {
            if i > 0 {
                f.write_str(" ")?;
            }
            f.write_str(word)?;
        }
        Ok(())
    }
}
