//! `cores`: what each core has counted. An idle core's numbers stand still: it takes no tick.

use super::Run;
use crate::{failure::Failure, out::say, session::Session, table::Command};
use core::sync::atomic::{AtomicU64, Ordering};
use layercake_kernel::cpu;

pub const COMMAND: Command<Run> = Command {
    name: "cores",
    synopsis: "",
    help: "shows what each core has counted: interrupts, wakes from other cores, switches",
    run,
};

fn run<'a>(_: &mut Session<'_>, _: &[&'a str]) -> Result<(), Failure<'a>> {
    let here = cpu::current();
    say!("core  interrupts  from cores  from timer    switches");
    for core in (0..cpu::MAX).filter(|core| cpu::online_mask() & (1 << core) != 0) {
        let counts = cpu::counts(core);
        let count = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        say!(
            "{core:>4}{:>12}{:>12}{:>12}{:>12}{}",
            count(&counts.irqs),
            count(&counts.sgis),
            count(&counts.timer),
            count(&counts.switches),
            if core == here { "  (this console)" } else { "" },
        );
    }
    Ok(())
}
