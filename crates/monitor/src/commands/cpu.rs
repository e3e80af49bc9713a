//! `cpu`: how busy each core is, and what it has counted. An idle core's numbers stand still: it
//! takes no tick.

use super::Run;
use super::cores::{Idle, online};
use crate::{failure::Failure, out::say, session::Session, show::Span, table::Command};
use core::sync::atomic::{AtomicU64, Ordering};
use core::time::Duration;
use layercake_kernel::cpu;

pub const COMMAND: Command<Run> = Command {
    name: "cpu",
    synopsis: "",
    help: "shows each core's load, time idle, interrupts, wakes from other cores, switches",
    run,
};

/// How long the load is measured for.
const WINDOW: Duration = Duration::from_millis(200);

fn run<'a>(session: &mut Session<'_>, _: &[&'a str]) -> Result<(), Failure<'a>> {
    let before = Idle::now();
    session.pause(WINDOW)?;
    let after = Idle::now();
    let here = cpu::current();
    say!("core    load     time idle  interrupts  from cores  from timer    switches");
    for core in online() {
        let counts = cpu::counts(core);
        let count = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        say!(
            "{core:>4}{:>8}{:>14}{:>12}{:>12}{:>12}{:>12}{}",
            after.load(core, &before),
            Span(after.of(core)),
            count(&counts.irqs),
            count(&counts.sgis),
            count(&counts.timer),
            cpu::switches(core),
            if core == here { "  (this console)" } else { "" },
        );
    }
    say!("The load is that of {}.", Span(after.since(&before)));
    Ok(())
}
