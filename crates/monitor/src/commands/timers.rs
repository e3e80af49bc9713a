//! `timers`: what is armed on each core, and how late and how unevenly what fired was.

use super::Run;
use super::cores::online;
use super::spans::{Below, histogram};
use crate::{
    args::number, failure::Failure, out::say, session::Session, show::Span, table::Command,
};
use core::fmt::{self, Write};
use heapless::{String, Vec};
use layercake_kernel::{
    cpu,
    time::{self, Timers},
};

pub const COMMAND: Command<Run> = Command {
    name: "timers",
    synopsis: "[CORE]",
    help: "shows each core's timers: armed, next deadline, fired, how late and how unevenly",
    run,
};

fn run<'a>(_: &mut Session<'_>, args: &[&'a str]) -> Result<(), Failure<'a>> {
    let mut wanted: Vec<usize, { cpu::MAX }> = online().collect();
    if let Some(word) = args.first() {
        let core = number("CORE", word, 0..=cpu::MAX as u64 - 1)? as usize;
        if !wanted.contains(&core) {
            return Err(Failure::because(format_args!("core {core} is not up")));
        }
        wanted.retain(|one| *one == core);
    }
    let all: Vec<(usize, Timers), { cpu::MAX }> = wanted
        .into_iter()
        .map(|core| (core, time::timers(core)))
        .collect();
    let now = time::now();
    say!("core  armed  next deadline       fired  all less late than  all less uneven than");
    for (core, timers) in &all {
        let mut next = String::<40>::new();
        // It is never longer than its text can be.
        let _ = match timers.next {
            None => write!(next, "-"),
            Some(at) => write!(next, "in {}", Span(at.saturating_duration_since(now))),
        };
        say!(
            "{core:>4}{:>7}  {next:>13}{:>12}{:>20}{:>22}",
            timers.armed,
            timers.fired(),
            Below(timers.latest()),
            Below(timers.jitter.below(100)),
        );
    }
    let late = all.iter().map(|(core, timers)| (Core(*core), &timers.late));
    histogram("How late they fired", late);
    let jitter = (all.iter()).map(|(core, timers)| (Core(*core), &timers.jitter));
    histogram(
        "How unevenly: how much later, or less late, than the one before",
        jitter,
    );
    Ok(())
}

/// A core as a column's name.
struct Core(usize);

impl fmt::Display for Core {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut text = String::<8>::new();
        write!(text, "core {}", self.0)?;
        f.pad(&text)
    }
}
