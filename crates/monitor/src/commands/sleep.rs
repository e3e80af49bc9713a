//! `sleep MS`: the console thread blocks for a time.

use super::Run;
use crate::{
    args::number, failure::Failure, out::say, session::Session, show::Span, table::Command,
};
use core::time::Duration;
use layercake_kernel::time;

pub const COMMAND: Command<Run> = Command {
    name: "sleep",
    synopsis: "MS",
    help: "blocks the console for MS milliseconds, or until Ctrl-C",
    run,
};

/// A day. Nobody wants to find a console that sleeps for longer.
const MOST_MS: u64 = 24 * 60 * 60 * 1000;

fn run<'a>(session: &mut Session<'_>, args: &[&'a str]) -> Result<(), Failure<'a>> {
    let wanted = Duration::from_millis(number("MS", args[0], 0..=MOST_MS)?);
    let start = time::now();
    session.pause(wanted)?;
    let slept = time::now().saturating_duration_since(start);
    say!(
        "slept {}, {} longer than asked",
        Span(slept),
        Span(slept.saturating_sub(wanted))
    );
    Ok(())
}
