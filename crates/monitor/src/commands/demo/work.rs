//! `demo work`: items on queues of every kind, all at once; each says where and when it ran.
//!
//! The second demonstration of the reference chapter, in which every core queues an item, and
//! beside it what the other kinds of queue promise. Each item naps a little when it has spoken, so
//! that one sees which of them others wait for.

use super::super::cores::online;
use super::crew::Crew;
use crate::{failure::Failure, out::say, session::Session, show::Span};
use alloc::{sync::Arc, vec::Vec};
use core::time::Duration;
use layercake_kernel::{
    Host, SpinLock, TaskCx, WorkQueue, cpu, system_work,
    thread::{self, Builder, CpuSet},
    time,
    wait::Instant,
    work::{Running, Work},
};

/// What an item says of itself.
struct Slip {
    kind: &'static str,
    number: usize,
    /// When it should have run.
    due: Instant,
}

type Item = Arc<Work<Host, Slip>>;

/// How long an item keeps its worker.
const NAP: Duration = Duration::from_millis(20);
const DELAY: Duration = Duration::from_millis(60);
/// How long the demonstration waits for queues that are busy with other things.
const PATIENCE: Duration = Duration::from_secs(5);
/// How many items there are besides those for each core.
const ALONE: usize = 6;

/// Worked on by threads of this demonstration, and never closed: it is there for the next time.
static ORDERED: WorkQueue = WorkQueue::ordered("demo: ordered");

pub fn run(session: &mut Session<'_>) -> Result<(), Failure<'static>> {
    let cores: Vec<usize> = online().collect();
    say!(
        "Items go to five kinds of queue at once. All but the last sleep for {} when they have spoken.",
        Span(NAP)
    );
    say!("  unbound  an item from each core: workers on any core, several at once");
    say!("  percpu   two items for each core: they run there, and the second need not wait");
    say!("  ordered  two threads, but one item at a time, in the order of queueing");
    say!("  delayed  not before {} and twice that", Span(DELAY));
    say!("  highpri  queued last, by a real-time worker");
    // Room for all: with preemption off, no memory is asked for.
    let items = Arc::new(SpinLock::new(Vec::with_capacity(ALONE + 3 * cores.len())));
    let mut crew = Crew::default();
    let made = start(&mut crew, session.cx, &cores, &items);
    crew.join(session.cx);
    let items = core::mem::take(&mut *items.lock(session.cx.atomic()));
    let ended = made.and_then(|()| wait(session, &items));
    for item in &items {
        item.cancel_sync(session.cx).map_err(Failure::because)?;
    }
    ended?;
    say!("Queueing took no sleep and no memory, so an interrupt handler may do it, too.");
    Ok(())
}

type Items = Arc<SpinLock<Vec<Item>>>;

/// Queues all items, and makes the threads that help; notes the items in `items`.
fn start(
    crew: &mut Crew,
    cx: &mut TaskCx,
    cores: &[usize],
    items: &Items,
) -> Result<(), Failure<'static>> {
    for n in 1..=3 {
        queue(cx, items, &ORDERED, "ordered", n);
    }
    for _ in 0..2 {
        crew.spawn(Builder::new("ordered"), help)?;
    }
    for n in 1..=2 {
        let due = time::now() + DELAY * n as u32;
        let item = slip("delayed", n, due);
        note(cx, items, &item);
        let _ = system_work::delays().queue_at(system_work::unbound(), &item, due);
    }
    for &core in cores.iter().chain(cores) {
        queue(cx, items, system_work::percpu(core), "percpu", core);
    }
    for &core in cores {
        let (items, queuer) = (items.clone(), Builder::new("queuer"));
        crew.spawn(queuer.affinity(CpuSet::one(core)), move |cx| {
            queue(cx, &items, system_work::unbound(), "unbound", core)
        })?;
    }
    queue(cx, items, system_work::highpri(), "highpri", 1);
    Ok(())
}

fn slip(kind: &'static str, number: usize, due: Instant) -> Item {
    Arc::new(Work::with_data("demo", Slip { kind, number, due }, read))
}

fn note(cx: &mut TaskCx, items: &Items, item: &Item) {
    let item = item.clone();
    items.lock(cx.atomic()).push(item);
}

/// Waits until all items have run.
fn wait(session: &mut Session<'_>, items: &[Item]) -> Result<(), Failure<'static>> {
    let end = time::now() + PATIENCE;
    while items
        .iter()
        .any(|item| item.is_pending() || item.is_running())
    {
        if time::now() >= end {
            return Err(Failure::because("not all items have run in time"));
        }
        session.pause(NAP)?;
    }
    Ok(())
}

/// Queues an item now. None of the queues is ever closed, so that it runs.
fn queue(
    cx: &mut TaskCx,
    items: &Items,
    queue: &'static WorkQueue,
    kind: &'static str,
    number: usize,
) {
    let item = slip(kind, number, time::now());
    note(cx, items, &item);
    let _ = queue.queue(&item);
}

/// A worker of the ordered queue, for as long as there is something on it.
fn help(cx: &mut TaskCx) {
    loop {
        ORDERED.run_ready(cx);
        let report = ORDERED.report();
        if report.pending + report.running == 0 {
            return;
        }
        time::sleep(cx, NAP / 4);
    }
}

/// What the worker runs for each item.
fn read(slip: &Running<'_, Host, Slip>, cx: &mut TaskCx) {
    let late = time::now().saturating_duration_since(slip.due);
    let whose = match slip.kind {
        "unbound" => "from core ",
        "percpu" => "for core ",
        _ => "",
    };
    say!(
        "  {:8} item {}{}: on core {}, by thread {}, {} after its time",
        slip.kind,
        whose,
        slip.number,
        cpu::current(),
        thread::current_id(),
        Span(late),
    );
    // So that the console need not wait for it.
    if slip.kind != "highpri" {
        time::sleep(cx, NAP);
    }
}
