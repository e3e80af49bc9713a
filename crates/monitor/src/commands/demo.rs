//! `demo`: the demonstrations of the reference texts, each in a file of its own.
//!
//! A demonstration ends by itself within seconds, and with Ctrl-C; its threads are joined before
//! it returns, so it leaves nothing behind.

mod crew;
mod sleep;
mod waiters;
mod work;

use super::Run;
use crate::{args::choice, failure::Failure, session::Session, table::Command};

pub const COMMAND: Command<Run> = Command {
    name: "demo",
    synopsis: "waiters|work|sleep",
    help: "shows a wait queue, work queues of every kind, or two ways to sleep",
    run,
};

fn run<'a>(session: &mut Session<'_>, args: &[&'a str]) -> Result<(), Failure<'a>> {
    match choice(args[0], &["waiters", "work", "sleep"])? {
        0 => waiters::run(session),
        1 => work::run(session),
        _ => sleep::run(session),
    }
}
