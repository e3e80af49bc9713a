//! `kill THREAD`: tells a thread to end.

use super::{Run, target};
use crate::{failure::Failure, out::say, session::Session, table::Command};
use layercake_kernel::thread;

pub const COMMAND: Command<Run> = Command {
    name: "kill",
    synopsis: "ID",
    help: "tells a thread, by number or name, to end at its next wait that can be called off",
    run,
};

fn run<'a>(_: &mut Session<'_>, args: &[&'a str]) -> Result<(), Failure<'a>> {
    let info = target::find(args[0])?;
    thread::kill(info.id).map_err(Failure::because)?;
    say!("thread {} `{}` is told to end", info.id, info.name);
    Ok(())
}
