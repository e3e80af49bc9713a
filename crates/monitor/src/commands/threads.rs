//! `threads`: every thread, what it does, what it has had of the machine, and what it waits on.

use super::{Run, listing};
use crate::{
    args::choice, failure::Failure, out::say, session::Session, show::Count, table::Command,
};
use core::time::Duration;
use layercake_kernel::{thread, time};

pub const COMMAND: Command<Run> = Command {
    name: "threads",
    synopsis: "[id|name|cpu|time|switches]",
    help: "lists the threads in that order: share of a core since boot, run time, what each waits on",
    run,
};

fn run<'a>(_: &mut Session<'_>, args: &[&'a str]) -> Result<(), Failure<'a>> {
    let order = args
        .first()
        .map_or(Ok(0), |word| choice(word, listing::ORDERS))?;
    let mut rows = listing::rows(thread::snapshot(), &[]);
    listing::sort(&mut rows, order);
    let up = Duration::from_nanos(time::now().as_nanos());
    listing::print(rows.iter(), up);
    say!("{}", Count(rows.len() as u64, "thread"));
    Ok(())
}
