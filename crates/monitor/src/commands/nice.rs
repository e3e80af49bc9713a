//! `nice THREAD N`: another share of the processor for a thread.

use super::{Run, listing::ByName, target};
use crate::{args::integer, failure::Failure, out::say, session::Session, table::Command};
use layercake_kernel::thread::{self, Nice, Priority};

pub const COMMAND: Command<Run> = Command {
    name: "nice",
    synopsis: "ID N",
    help: "makes a thread, by number or name, an ordinary one of weight N, -20 (most) to 19",
    run,
};

fn run<'a>(_: &mut Session<'_>, args: &[&'a str]) -> Result<(), Failure<'a>> {
    let info = target::find(args[0])?;
    let range = i64::from(Nice::MIN)..=i64::from(Nice::MAX);
    let nice = integer("N", args[1], range)? as i8;
    thread::set_nice(info.id, nice).map_err(Failure::because)?;
    say!(
        "thread {} `{}`: {}, was {}",
        info.id,
        info.name,
        ByName(Priority::fair(nice)),
        ByName(info.priority)
    );
    Ok(())
}
