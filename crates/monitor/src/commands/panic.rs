//! `panic`: shows what the kernel says when something is wrong with it.

use super::{Run, echo::Spaced};
use crate::{failure::Failure, out::say, session::Session, table::Command};
use core::hint::black_box;

pub const COMMAND: Command<Run> = Command {
    name: "panic",
    synopsis: "[stack|MESSAGE...]",
    help: "panics, with a message; `panic stack` runs over the end of the stack",
    run,
};

fn run<'a>(_: &mut Session<'_>, args: &[&'a str]) -> Result<(), Failure<'a>> {
    match args {
        ["stack"] => {
            say!("calling deeper and deeper, until the guard page below this thread's stack");
            dig(0);
            Ok(())
        }
        [] => panic!("asked for at the console"),
        message => panic!("{}", Spaced(message)),
    }
}

/// Needs some stack in each call, and another call before it can return.
#[inline(never)]
fn dig(depth: u64) -> u64 {
    let frame = black_box([depth; 16]);
    if depth == u64::MAX {
        return 0;
    }
    dig(depth + 1) + black_box(frame)[0]
}
