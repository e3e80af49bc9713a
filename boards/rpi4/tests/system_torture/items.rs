//! Work of every kind: queued on all of the kernel's queues, delayed, cancelled, flushed, queueing
//! itself again. Never twice at a time, and every call of `queue` ends as the books say.

use crate::support::*;
use crate::{Crew, Party, is_over};
use core::sync::atomic::{AtomicBool, AtomicU64, Ordering::SeqCst};
use layercake_kernel::work::{Running, Work};
use layercake_kernel::{Host, WorkQueue, system_work};

pub const PARTY: Party = Party {
    name: "items",
    start,
    progress: || RAN.load(SeqCst),
    end: || {},
    check,
};

const ITEMS: usize = 12;
const THREADS: usize = 3;

#[derive(Default)]
struct Books {
    inside: AtomicBool,
    runs: AtomicU64,
}

const fn item() -> Work<Host, Books> {
    let books = Books {
        inside: AtomicBool::new(false),
        runs: AtomicU64::new(0),
    };
    Work::with_data("torture", books, run)
}

static ITEM: [Work<Host, Books>; ITEMS] = [const { item() }; ITEMS];
static RAN: AtomicU64 = AtomicU64::new(0);

fn run(books: &Running<'_, Host, Books>, cx: &mut TaskCx) {
    let twice = books.inside.swap(true, SeqCst);
    assert!(!twice, "an item runs twice at a time");
    let runs = books.runs.fetch_add(1, SeqCst);
    if runs.is_multiple_of(16) {
        time::sleep(cx, Duration::from_micros(runs % 100));
    }
    books.inside.store(false, SeqCst);
    RAN.fetch_add(1, SeqCst);
}

fn queue(random: &Random) -> &'static WorkQueue {
    match random.below(6) {
        0 => system_work::unbound(),
        1 => system_work::highpri(),
        2 => system_work::long(),
        _ => system_work::percpu(random.below(cpu::count() as u64) as usize),
    }
}

fn start(crew: &mut Crew<'_>) {
    for _ in 0..THREADS {
        let builder = Builder::new("boss").affinity(CpuSet::first(cpu::count()));
        crew.spawn(builder, |cx, random| {
            while !is_over() {
                turn(cx, &random);
            }
        });
    }
}

fn turn(cx: &mut TaskCx, random: &Random) {
    let item = &ITEM[random.below(ITEMS as u64) as usize];
    match random.below(12) {
        0 => {
            let delay = Duration::from_nanos(1 << random.below(20));
            // Whatever the answer: it is pending, or somebody cancels it just now.
            let _ = system_work::delays().queue_after(queue(random), item, delay);
        }
        1 => item.flush(cx).expect("this is no worker"),
        2 => _ = item.cancel_sync(cx).expect("this is no worker"),
        3 => queue(random).flush(cx).expect("this is no worker"),
        4 => time::sleep(cx, Duration::from_micros(random.below(300))),
        _ => _ = queue(random).queue(item),
    }
    random.dawdle(20);
}

fn check(at_end: bool) {
    for queue in system_work::all() {
        let report = queue.report();
        let accounted = (report.pending + report.running) as u64
            + report.ran
            + report.coalesced
            + report.cancelled;
        assert_eq!(report.queued, accounted, "{report:?}");
    }
    if at_end {
        let busy = ITEM.iter().any(|item| item.data().inside.load(SeqCst));
        let end = time::now() + PATIENCE;
        // An item that was queued last may still run.
        while busy && ITEM.iter().any(|item| item.data().inside.load(SeqCst)) {
            assert!(time::now() < end, "an item does not end");
        }
    }
}

/// How many runs there were.
pub fn ran() -> u64 {
    RAN.load(SeqCst)
}
