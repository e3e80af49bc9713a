//! `demo work`: every core queues an item that says which core it came from.
//!
//! The second demonstration of the reference chapter. The items are queued on all cores at the
//! same time, and run later, one after the other, by the queue's worker thread, which sleeps when
//! there is nothing to do.

use super::crew::Crew;
use crate::{failure::Failure, out::say, session::Session, show::Count, show::Span};
use alloc::{sync::Arc, vec::Vec};
use core::{
    sync::atomic::{AtomicU64, AtomicUsize, Ordering::SeqCst},
    time::Duration,
};
use layercake_kernel::{
    Host, TaskCx, WaitQueue, cpu, system_work,
    thread::{self, Builder, CpuSet},
    time,
    work::{Running, Work},
};

/// The item of one core: where and when it was queued.
struct Slip {
    party: Arc<Party>,
    core: AtomicUsize,
    queued_at: AtomicU64,
}

/// What all items share.
struct Party {
    /// Items that have not run yet.
    left: AtomicUsize,
    all_done: WaitQueue,
}

/// How long the demonstration waits for a queue that is busy with other things.
const PATIENCE: Duration = Duration::from_secs(5);

pub fn run(session: &mut Session<'_>) -> Result<(), Failure<'static>> {
    let cores: Vec<usize> = (0..cpu::MAX)
        .filter(|core| cpu::online_mask() & (1 << core) != 0)
        .collect();
    say!(
        "Each of {} queues an item; a worker thread runs them one after the other.",
        Count(cores.len() as u64, "core")
    );
    let party = Arc::new(Party {
        left: AtomicUsize::new(cores.len()),
        all_done: WaitQueue::new("demo: all items"),
    });
    let mut crew = Crew::default();
    let mut made = Ok(());
    for &core in &cores {
        let party = party.clone();
        made = crew.spawn(
            Builder::new("queuer").affinity(CpuSet::one(core)),
            move |_: &mut TaskCx| queue_here(party),
        );
        if made.is_err() {
            break;
        }
    }
    crew.join(session.cx);
    made?;
    party
        .all_done
        .wait_until_deadline(session.cx, time::now() + PATIENCE, |_| {
            (party.left.load(SeqCst) == 0).then_some(())
        })
        .map_err(|_| Failure::because("not all items have run in time"))?;
    say!("Queueing took no sleep and no memory, so an interrupt handler may do it, too.");
    Ok(())
}

/// Queues an item on the core that this runs on.
fn queue_here(party: Arc<Party>) {
    let slip = Slip {
        party,
        core: AtomicUsize::new(cpu::current()),
        queued_at: AtomicU64::new(time::now().as_nanos()),
    };
    let item = Arc::new(Work::with_data("demo", slip, read_slip));
    if !system_work::queue().queue(&item).accepted() {
        say!("  the work queue is closed");
    }
}

/// What the worker runs for each item.
fn read_slip(slip: &Running<'_, Host, Slip>, _: &mut TaskCx) {
    let since = time::now()
        .as_nanos()
        .saturating_sub(slip.queued_at.load(SeqCst));
    say!(
        "  an item from core {}, run on core {} by thread {}, {} later",
        slip.core.load(SeqCst),
        cpu::current(),
        thread::current_id(),
        Span(Duration::from_nanos(since)),
    );
    if slip.party.left.fetch_sub(1, SeqCst) == 1 {
        slip.party.all_done.wake_all();
    }
}
