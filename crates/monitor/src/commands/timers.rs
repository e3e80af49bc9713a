//! `timers`: what is armed on each core, and how late what fired was.

use super::Run;
use crate::{
    args::number, failure::Failure, out::say, session::Session, show::Span, table::Command,
};
use core::fmt::Write;
use heapless::{String, Vec};
use layercake_kernel::{
    cpu,
    time::{self, BUCKETS, Timers},
};

pub const COMMAND: Command<Run> = Command {
    name: "timers",
    synopsis: "[CORE]",
    help: "shows each core's timers: armed, next deadline, fired, how late those were",
    run,
};

fn run<'a>(_: &mut Session<'_>, args: &[&'a str]) -> Result<(), Failure<'a>> {
    let up = |core: &usize| cpu::online_mask() & (1 << core) != 0;
    let mut wanted: Vec<usize, { cpu::MAX }> = (0..cpu::MAX).filter(up).collect();
    if let Some(word) = args.first() {
        let core = number("CORE", word, 0..=cpu::MAX as u64 - 1)? as usize;
        if !up(&core) {
            return Err(Failure::because(format_args!("core {core} is not up")));
        }
        wanted.retain(|one| *one == core);
    }
    let all: Vec<(usize, Timers), { cpu::MAX }> = wanted
        .into_iter()
        .map(|core| (core, time::timers(core)))
        .collect();
    let now = time::now();
    say!("core  armed  next deadline       fired  all less late than");
    for (core, timers) in &all {
        let mut next = String::<32>::new();
        let mut latest = String::<32>::new();
        let _ = match timers.latest() {
            None => write!(latest, "-"),
            Some(latest_end) => write!(latest, "{}", Span(latest_end)),
        };
        // Neither is ever longer than its text can be.
        let _ = match timers.next {
            None => write!(next, "-"),
            Some(at) => write!(next, "in {}", Span(at.saturating_duration_since(now))),
        };
        say!(
            "{core:>4}{:>7}  {next:>13}{:>12}{latest:>20}",
            timers.armed,
            timers.fired(),
        );
    }
    histogram(&all);
    Ok(())
}

/// How many fired how late: a row for each span of lateness that has any, a column for each core.
fn histogram(all: &[(usize, Timers)]) {
    say!("How late they fired:");
    let mut line = String::<96>::new();
    let _ = write!(line, "{:>12}", "less than");
    for (core, _) in all {
        let _ = write!(line, "{:>10} {core}", "core");
    }
    say!("{line}");
    for bucket in 0..BUCKETS {
        if all.iter().all(|(_, timers)| timers.late[bucket] == 0) {
            continue;
        }
        line.clear();
        let _ = write!(line, "{:>12}", Span(time::bucket_end(bucket)));
        for (_, timers) in all {
            let _ = write!(line, "{:>12}", timers.late[bucket]);
        }
        say!("{line}");
    }
}
