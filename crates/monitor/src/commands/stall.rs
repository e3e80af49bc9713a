//! `stall`: an item that blocks, and what that means for the others.
//!
//! On a queue with several workers the others go on. On one with a single worker they wait, and if
//! that takes longer than the watchdog's limit, it speaks. Ends with Ctrl-C, too; the items are
//! gone when it returns.

use super::Run;
use crate::{
    args::{choice, number},
    failure::Failure,
    out::say,
    session::Session,
    show::{Count, Span},
    table::Command,
};
use alloc::sync::Arc;
use core::{
    sync::atomic::{AtomicBool, AtomicU64, Ordering::SeqCst},
    time::Duration,
};
use layercake_kernel::{
    Host, TaskCx, WaitQueue, cpu, system_work, time, work::Running, work::Work,
};

pub const COMMAND: Command<Run> = Command {
    name: "stall",
    synopsis: "MS [unbound|percpu]",
    help: "blocks an item for MS milliseconds; on a queue with one worker, others wait",
    run,
};

/// How many times the other item is queued meanwhile.
const OTHERS: u32 = 5;

/// What blocks, and how it is let go early.
struct Block {
    span: Duration,
    queue: WaitQueue,
    over: AtomicBool,
}

fn block(block: &Running<'_, Host, Block>, cx: &mut TaskCx) {
    let until = time::now() + block.span;
    let over = || block.over.load(SeqCst).then_some(());
    let _ = block.queue.wait_until_deadline(cx, until, |_| over());
}

fn run<'a>(session: &mut Session<'_>, args: &[&'a str]) -> Result<(), Failure<'a>> {
    let span = Duration::from_millis(number("MS", args[0], 1..=60_000)?);
    let queue = match args.get(1) {
        None => system_work::unbound(),
        Some(word) => match choice(word, &["unbound", "percpu"])? {
            0 => system_work::unbound(),
            _ => system_work::percpu(cpu::current()),
        },
    };
    let blocked = Arc::new(Work::with_data(
        "stall",
        Block {
            span,
            queue: WaitQueue::new("stall"),
            over: AtomicBool::new(false),
        },
        block,
    ));
    let other = Arc::new(Work::with_data(
        "stall: another",
        AtomicU64::new(0),
        |ran: &Running<'_, Host, AtomicU64>, _: &mut TaskCx| _ = ran.fetch_add(1, SeqCst),
    ));
    say!(
        "An item on {} blocks for {}; {} at work there.",
        queue.name(),
        Span(span),
        Count(queue.report().workers as u64, "worker")
    );
    let mut shown = queued(queue.queue(&blocked).accepted());
    for _ in 0..OTHERS {
        shown = shown.and_then(|()| queued(queue.queue(&other).accepted()));
        shown = shown.and_then(|()| session.pause(span / OTHERS));
        if shown.is_err() {
            break;
        }
        let report = queue.report();
        say!(
            "  another item has run {}; {} running, {} waiting",
            Count(other.data().load(SeqCst), "time"),
            report.running,
            report.pending
        );
    }
    blocked.data().over.store(true, SeqCst);
    blocked.data().queue.wake_all();
    for ended in [
        blocked.cancel_sync(session.cx),
        other.cancel_sync(session.cx),
    ] {
        ended.map_err(Failure::because)?;
    }
    shown?;
    say!("The item has ended; `workqueues` shows the counts.");
    Ok(())
}

fn queued(accepted: bool) -> Result<(), Failure<'static>> {
    match accepted {
        true => Ok(()),
        false => Err(Failure::because("the queue is closed")),
    }
}
