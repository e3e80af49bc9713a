//! `queues`: who waits on which wait queue and for how long; in a build that counts, also what
//! became of waits and wakes.
//!
//! Queues of one name are one line; a thread that waits on several is shown at the first. Whether somebody waits is read from the threads, in every
//! build; the counts are the wait layer's, with the feature `stats`.

use super::Run;
use crate::{
    failure::Failure,
    out::{not_counted, say},
    session::Session,
    show::{Count, Span},
    table::Command,
};
use alloc::vec::Vec;
use core::time::Duration;
use layercake_kernel::{
    thread::{self, ThreadInfo},
    time,
    wait::stats::{self, Stats},
};

pub const COMMAND: Command<Run> = Command {
    name: "queues",
    synopsis: "",
    help: "lists the wait queues: who waits, how long the oldest has; what became of wakes",
    run,
};

fn run<'a>(_: &mut Session<'_>, _: &[&'a str]) -> Result<(), Failure<'a>> {
    let blocked = Blocked::now();
    let count = if stats::ON {
        counted(&blocked)
    } else {
        uncounted(&blocked)
    };
    say!("{}", Count(count, "queue"));
    if !stats::ON {
        not_counted("wakes are");
    }
    match thread::hung_limit() {
        Some(limit) => say!(
            "A thread that hangs is reported after {}; {} so far.",
            Span(limit),
            Count(thread::hung_reports(), "report")
        ),
        None => say!("No thread is reported as hanging, however long it waits."),
    }
    Ok(())
}

/// The threads that are blocked on something with a name.
struct Blocked {
    now: time::Instant,
    threads: Vec<ThreadInfo>,
}

impl Blocked {
    fn now() -> Self {
        let mut threads = thread::snapshot();
        threads.retain(|thread| thread.waits_on.is_some());
        Self {
            now: time::now(),
            threads,
        }
    }

    fn on(&self, queue: &str) -> impl Iterator<Item = &ThreadInfo> {
        (self.threads.iter()).filter(move |thread| thread.waits_on == Some(queue))
    }

    /// The one of `threads` that has waited longest, and for how long.
    fn oldest<'a>(
        &self,
        threads: impl Iterator<Item = &'a ThreadInfo>,
    ) -> Option<(Duration, &'a ThreadInfo)> {
        let thread = threads.min_by_key(|thread| thread.blocked_since)?;
        let waited = self.now.saturating_duration_since(thread.blocked_since?);
        Some((waited, thread))
    }
}

/// Says what the threads tell; returns how many queues there are.
fn uncounted(blocked: &Blocked) -> u64 {
    say!("waiters      longest  by        queue");
    let mut count = 0;
    for (index, thread) in blocked.threads.iter().enumerate() {
        let queue = thread.waits_on.unwrap_or_default();
        let shown = (blocked.threads[..index].iter()).any(|other| other.waits_on == Some(queue));
        let Some((waited, oldest)) = blocked.oldest(blocked.on(queue)).filter(|_| !shown) else {
            continue;
        };
        count += 1;
        say!(
            "{:>7}  {:>11}  {:<8}  {queue}{}",
            blocked.on(queue).count(),
            Span(waited),
            oldest.id,
            if oldest.idles { " (idle)" } else { "" },
        );
    }
    count
}

/// Says what the wait layer has counted; returns how many queues there are.
fn counted(blocked: &Blocked) -> u64 {
    say!(
        "waiters      longest     wakes  consumed handed on     empty  timeouts  cancels  \
         run in  queue"
    );
    let mut count = 0;
    stats::for_each(|queue| {
        count += 1;
        let oldest = blocked.oldest(blocked.on(queue.name));
        say!(
            "{:>7}  {:>11}{:>10}{:>10}{:>10}{:>10}{:>10}{:>9}  {:>6}  {}",
            queue.waiters,
            oldest.map_or(Span(Duration::ZERO), |(waited, _)| Span(waited)),
            queue.sent,
            queue.consumed,
            queue.handed_on,
            queue.found_empty,
            queue.timeouts,
            queue.cancels,
            Nanos(queue.latency_of(50)),
            queue.name,
        );
        histogram(queue);
    });
    say!("At every moment wakes = consumed + handed on + empty + those on their way.");
    count
}

/// How long it took from a wake to the thread's running: each class that has any.
fn histogram(queue: &Stats) {
    let mut line = heapless::String::<512>::new();
    for (class, count) in queue.latency.iter().enumerate().filter(|(_, n)| **n > 0) {
        // What does not fit is cut: a line has room for all classes.
        let _ = core::fmt::write(
            &mut line,
            format_args!("  {}: {count}", Nanos(1_u64 << class)),
        );
    }
    if !line.is_empty() {
        say!("         from{line}");
    }
}

/// A power of two of ns, in one short word.
struct Nanos(u64);

impl core::fmt::Display for Nanos {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        let mut text = heapless::String::<16>::new();
        let _ = match self.0 {
            0 => core::fmt::write(&mut text, format_args!("-")),
            ns @ 1..10_000 => core::fmt::write(&mut text, format_args!("{ns}ns")),
            ns @ 10_000..10_000_000 => core::fmt::write(&mut text, format_args!("{}us", ns / 1000)),
            ns => core::fmt::write(&mut text, format_args!("{}ms", ns / 1_000_000)),
        };
        f.pad(&text)
    }
}
