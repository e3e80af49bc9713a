//! `workqueues`: what waits on the kernel's work queues, what runs, and what became of the rest.

use super::Run;
use crate::{
    failure::Failure,
    out::say,
    session::Session,
    show::{Count, Span},
    table::Command,
};
use core::fmt::Write;
use layercake_kernel::{system_work, time, work::WAIT_LIMITS};

pub const COMMAND: Command<Run> = Command {
    name: "workqueues",
    synopsis: "",
    help: "lists the work queues: workers, what waits, what runs and since when, counts",
    run,
};

fn run<'a>(_: &mut Session<'_>, _: &[&'a str]) -> Result<(), Failure<'a>> {
    say!(
        "name       workers  idle  asleep  pending  running     queued        ran  coalesced  cancelled"
    );
    for queue in system_work::all() {
        let report = queue.report();
        say!(
            "{:9}{:>9}{:>6}{:>8}{:>9}{:>9}{:>11}{:>11}{:>11}{:>11}",
            report.name,
            report.workers,
            report.idle,
            report.blocked,
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
            say!("           runs `{}` for {span}", run.item);
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
    histograms();
    let stalls = system_work::stalls();
    if stalls > 0 {
        say!("The watchdog has reported {}.", Count(stalls, "stall"));
    }
    Ok(())
}

/// Shows how long items waited for their run: for each queue the counts between the limits.
fn histograms() {
    say!("From queueing to run, of one item in 32:");
    for queue in system_work::all() {
        let counts = queue.waits();
        let Some(last) = counts.iter().rposition(|count| *count > 0) else {
            continue;
        };
        let first = counts.iter().position(|count| *count > 0).unwrap_or(0);
        let mut line = Line::new();
        for (n, count) in counts.iter().enumerate().take(last + 1).skip(first) {
            // Cut, if it were too long.
            let _ = match WAIT_LIMITS.get(n) {
                Some(limit) => write!(line, "  <{} {count}", Span(*limit)),
                None => write!(line, "  more {count}"),
            };
        }
        say!("  {:9}{line}", queue.name());
    }
}

/// As much as twelve counts need.
type Line = heapless::String<240>;
