//! `demo`: the demonstrations of the reference texts, each in a file of its own.
//!
//! A demonstration ends by itself within seconds, and with Ctrl-C; its threads are joined before
//! it returns, so it leaves nothing behind.

mod crew;
mod lost_wakeup;
mod sleep;
mod waiters;
mod work;

use super::Run;
use crate::{
    args::{ArgError, choice},
    failure::Failure,
    session::Session,
    table::Command,
};

pub const COMMAND: Command<Run> = Command {
    name: "demo",
    synopsis: "waiters|work|sleep|lost-wakeup [1|2|fixed]",
    help: "shows a wait queue, work queues, two ways to sleep, or wrong ways to wait",
    run,
};

fn run<'a>(session: &mut Session<'_>, args: &[&'a str]) -> Result<(), Failure<'a>> {
    let which = choice(args[0], &["waiters", "work", "sleep", "lost-wakeup"])?;
    match (which, args.get(1)) {
        (0, None) => waiters::run(session),
        (1, None) => work::run(session),
        (2, None) => sleep::run(session),
        (3, Some(way)) => lost_wakeup::run(session, way),
        _ => Err(ArgError::Count.into()),
    }
}
