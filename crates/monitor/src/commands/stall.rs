//! `stall`: an item that keeps its worker, and what that means for the others.
//!
//! One that blocks keeps nobody from working: its queue calls another worker. One that computes on
//! the queue of a core keeps the others waiting, for one at a time runs there; if that takes longer
//! than the watchdog's limit, it speaks. Ends with Ctrl-C, too; the items are gone when it returns.

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
    synopsis: "MS [unbound|percpu|busy]",
    help: "an item blocks for MS milliseconds and others go on; busy: it computes, and they wait",
    run,
};

/// How many times the other item is queued meanwhile.
const OTHERS: u32 = 5;

/// What blocks, and how it is let go early.
struct Block {
    span: Duration,
    /// Whether it computes instead.
    busy: bool,
    queue: WaitQueue,
    over: AtomicBool,
}

fn block(block: &Running<'_, Host, Block>, cx: &mut TaskCx) {
    let until = time::now() + block.span;
    let over = || block.over.load(SeqCst).then_some(());
    if block.busy {
        while over().is_none() && time::now() < until {
            core::hint::spin_loop();
        }
        return;
    }
    let _ = block.queue.wait_until_deadline(cx, until, |_| over());
}

fn run<'a>(session: &mut Session<'_>, args: &[&'a str]) -> Result<(), Failure<'a>> {
    let span = Duration::from_millis(number("MS", args[0], 1..=60_000)?);
    let kind = match args.get(1) {
        None => 0,
        Some(word) => choice(word, &["unbound", "percpu", "busy"])?,
    };
    let queue = match kind {
        0 => system_work::unbound(),
        // The last core's: the console's thread, wherever it is now, may go to another.
        _ => system_work::percpu(last_core()),
    };
    let busy = kind == 2;
    let blocked = Arc::new(Work::with_data(
        "stall",
        Block {
            span,
            busy,
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
        "An item on {} {} for {}; {} there.",
        queue.name(),
        if busy { "computes" } else { "blocks" },
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
            "  another item has run {}; {} running, {} of them asleep, {} waiting; {}",
            Count(other.data().load(SeqCst), "time"),
            report.running,
            report.blocked,
            report.pending,
            Count(report.workers as u64, "worker"),
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

fn last_core() -> usize {
    let mask = cpu::online_mask();
    (0..cpu::MAX)
        .rfind(|core| mask & (1 << core) != 0)
        .unwrap_or(0)
}

fn queued(accepted: bool) -> Result<(), Failure<'static>> {
    match accepted {
        true => Ok(()),
        false => Err(Failure::because("the queue is closed")),
    }
}
