//! `workqueues`: what waits on the kernel's work queues, what runs, and what became of the rest.

use super::Run;
use crate::{
    failure::Failure,
    out::say,
    session::Session,
    show::{Count, Span},
    table::Command,
};
use layercake_kernel::{system_work, time};

pub const COMMAND: Command<Run> = Command {
    name: "workqueues",
    synopsis: "",
    help: "lists the work queues: workers, what waits, what runs and since when, counts",
    run,
};

fn run<'a>(_: &mut Session<'_>, _: &[&'a str]) -> Result<(), Failure<'a>> {
    say!("name      workers  pending  running     queued        ran  coalesced  cancelled");
    for queue in system_work::all() {
        let report = queue.report();
        say!(
            "{:8}{:>9}{:>9}{:>9}{:>11}{:>11}{:>11}{:>11}",
            report.name,
            report.workers,
            report.pending,
            report.running,
            report.queued,
            report.ran,
            report.coalesced,
            report.cancelled,
        );
        let mut runs = [None; system_work::MOST_WORKERS];
        queue.runs(&mut runs);
        let now = time::now();
        for run in runs.iter().flatten() {
            let span = Span(run.running_for(now));
            say!("          runs `{}` for {span}", run.item);
        }
    }
    let delays = system_work::delays().report();
    match delays.next {
        Some(next) => say!(
            "{}, the next in {}",
            Count(delays.delayed as u64, "delayed item"),
            Span(next.saturating_duration_since(time::now()))
        ),
        None => say!("no delayed item"),
    }
    say!("At every moment queued = pending + running + ran + coalesced + cancelled.");
    let stalls = system_work::stalls();
    if stalls > 0 {
        say!("The watchdog has reported {}.", Count(stalls, "stall"));
    }
    Ok(())
}
