//! `busy NAME`: a thread that computes until it is killed: for `top`, `nice`, `affinity` and `kill`.

use super::Run;
use crate::{failure::Failure, out::say, session::Session, table::Command};
use core::time::Duration;
use layercake_kernel::{
    TaskCx,
    thread::{self, Builder},
    time,
};

pub const COMMAND: Command<Run> = Command {
    name: "busy",
    synopsis: "NAME",
    help: "starts a thread that computes in the background until it is killed",
    run,
};

/// How often it looks whether it is killed.
const STRETCH: Duration = Duration::from_millis(5);

fn run<'a>(_: &mut Session<'_>, args: &[&'a str]) -> Result<(), Failure<'a>> {
    if args[0].starts_with(|c: char| c.is_ascii_digit()) {
        return Err(Failure::because(
            "a name begins with no digit, for threads are named by numbers, too",
        ));
    }
    let thread = Builder::new(args[0]).spawn(compute);
    let thread = thread.map_err(Failure::because)?;
    say!("thread {} is busy until `kill {}`", thread.id(), args[0]);
    thread.detach();
    Ok(())
}

fn compute(cx: &mut TaskCx) {
    while !thread::is_killed(cx) {
        time::spin_for(STRETCH);
    }
}
