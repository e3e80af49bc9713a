//! `input`: what came in through the console, and whether anything was lost.

use super::Run;
use crate::{failure::Failure, out::say, session::Session, show::Count, table::Command};
use layercake_kernel::console;

pub const COMMAND: Command<Run> = Command {
    name: "input",
    synopsis: "",
    help: "shows how many bytes the console has received and lost",
    run,
};

fn run<'a>(_: &mut Session<'_>, _: &[&'a str]) -> Result<(), Failure<'a>> {
    let stats = console::stats();
    say!(
        "{} received, {} lost; the sender was made to wait {}",
        Count(stats.received, "byte"),
        stats.lost,
        Count(stats.held_back, "time"),
    );
    Ok(())
}
