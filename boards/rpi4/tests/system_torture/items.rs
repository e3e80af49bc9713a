//! Work of every kind: queued by interrupts on all cores and by threads, on all of the kernel's
//! queues and on an ordered one of its own; delayed, cancelled, disabled, flushed, queueing itself
//! again, asleep in the middle. Never twice at a time, and every call of `queue` ends as the books
//! say: queued = run + coalesced + cancelled.

use crate::support::*;
use crate::{Crew, Party, interrupts, is_over};
use core::sync::atomic::{AtomicBool, AtomicU64, Ordering::SeqCst};
use layercake_kernel::work::{Queued, Running, Work};
use layercake_kernel::{Host, WorkQueue, system_work};

pub const PARTY: Party = Party {
    name: "items",
    start,
    progress: || BOOKS.ran.load(SeqCst),
    end: || {},
    check,
};

/// So many that most are idle when an interrupt comes to queue them.
const ITEMS: usize = 64 * cpu::MAX;
/// The most that one interrupt queues.
const BURST: u64 = 64;
/// Works only on what the torture queues there.
static ORDERED: WorkQueue = WorkQueue::ordered("torture: ordered");

/// Those who have others queue, as long as they do.
static BOSSES: AtomicU64 = AtomicU64::new(0);

type Item = Work<Host, Data>;

struct Data {
    inside: AtomicBool,
    random: Random,
}

static ITEM: [Item; ITEMS] = [const {
    Work::with_data(
        "torture",
        Data {
            inside: AtomicBool::new(false),
            random: Random::new(0x51ce),
        },
        run,
    )
}; ITEMS];

/// What the callers were told, and what became of it.
#[derive(Debug)]
struct Books {
    /// Calls that made a run pending: of an idle item, or of one that runs.
    runs: AtomicU64,
    joined: AtomicU64,
    refused: AtomicU64,
    /// Calls that took a pending run back.
    cancelled: AtomicU64,
    ran: AtomicU64,
    /// Of the calls: those in interrupts, with a delay, and by the items themselves.
    in_interrupts: AtomicU64,
    delayed: AtomicU64,
    again: AtomicU64,
    flushes: AtomicU64,
}

const fn zero() -> AtomicU64 {
    AtomicU64::new(0)
}

static BOOKS: Books = Books {
    runs: zero(),
    joined: zero(),
    refused: zero(),
    cancelled: zero(),
    ran: zero(),
    in_interrupts: zero(),
    delayed: zero(),
    again: zero(),
    flushes: zero(),
};

fn add(account: &AtomicU64) {
    account.fetch_add(1, SeqCst);
}

/// Enters what a call was told, and of which kind it was.
fn enter(queued: Queued, kind: Option<&AtomicU64>) {
    kind.into_iter().for_each(add);
    match queued {
        Queued::New | Queued::WillRunAgain => add(&BOOKS.runs),
        Queued::Coalesced => add(&BOOKS.joined),
        Queued::Disabled => add(&BOOKS.refused),
        Queued::Closed => panic!("none of these queues is closed before all are idle"),
    }
}

fn run(item: &Running<'_, Host, Data>, cx: &mut TaskCx) {
    let twice = item.inside.swap(true, SeqCst);
    assert!(!twice, "an item runs twice at a time");
    match item.random.below(512) {
        0..64 => enter(item.again(), Some(&BOOKS.again)),
        64..70 => enter(item.again_on(any_queue(&item.random)), Some(&BOOKS.again)),
        // There is one lock for all that is delayed: seldom, or it is all that happens.
        70 => {
            let delay = soon(&item.random);
            enter(
                item.again_after(system_work::delays(), delay),
                Some(&BOOKS.again),
            );
        }
        71..76 => time::sleep(cx, soon(&item.random)),
        76..80 => item.random.dawdle(1000),
        _ => {}
    }
    item.inside.store(false, SeqCst);
    add(&BOOKS.ran);
}

/// Up to 66 microseconds.
fn soon(random: &Random) -> Duration {
    Duration::from_nanos(1 << random.below(17))
}

/// Most often one that other cores seldom touch. They fight often enough: on a busy machine, who has
/// to wait for another's lock may wait for a turn of that core on the machine.
fn any_item(random: &Random) -> &'static Item {
    let near = cpu::current() + cpu::MAX * random.below((ITEMS / cpu::MAX) as u64) as usize;
    match random.below(256) {
        0 => &ITEM[random.below(ITEMS as u64) as usize],
        _ => &ITEM[near],
    }
}

fn any_core(random: &Random) -> usize {
    match random.below(256) {
        0 => random.below(cpu::count() as u64) as usize,
        _ => cpu::current(),
    }
}

/// Most often the one of this core.
fn any_queue(random: &Random) -> &'static WorkQueue {
    match random.below(512) {
        0 => system_work::unbound(),
        1 => system_work::highpri(),
        2 => system_work::long(),
        3 => system_work::reclaim(),
        4 => &ORDERED,
        5..20 => system_work::percpu_highpri(any_core(random)),
        _ => system_work::percpu(any_core(random)),
    }
}

/// Queues a few, in the handler of a software interrupt.
pub fn queue_from_interrupt() {
    static RANDOM: [Random; cpu::MAX] = [
        Random::new(0x1111),
        Random::new(0x2222),
        Random::new(0x3333),
        Random::new(0x4444),
    ];
    let random = &RANDOM[cpu::current()];
    for _ in 0..random.below(BURST) {
        let queue = any_queue(random);
        enter(queue.queue(any_item(random)), Some(&BOOKS.in_interrupts));
    }
}

fn start(crew: &mut Crew<'_>) {
    for core in cores() {
        // Less urgent than the workers, so that what they make others queue is soon done.
        let builder = Builder::new("boss").nice(5).affinity(CpuSet::one(core));
        add(&BOSSES);
        crew.spawn(builder, |cx, random| {
            while !is_over() {
                turn(cx, &random);
            }
            if BOSSES.fetch_sub(1, SeqCst) == 1 {
                finish(cx);
            }
        });
    }
    crew.spawn(Builder::new("orderly"), |cx, _| ORDERED.run_worker(cx));
}

/// The last one sees to it that nothing is left to do.
fn finish(cx: &mut TaskCx) {
    // An interrupt that is still to come on a core comes before whatever runs there.
    for core in cores() {
        let here = thread::set_affinity(thread::current_id(), CpuSet::one(core));
        here.expect("this core is up");
    }
    while let Some(item) = ITEM.iter().find(|it| it.is_pending() || it.is_running()) {
        item.flush(cx).expect("this is no worker");
    }
    ORDERED.close();
}

fn turn(cx: &mut TaskCx, random: &Random) {
    interrupts::have_work_queued(any_core(random));
    let item = any_item(random);
    match random.below(32) {
        0 if random.below(4) == 0 => {
            let (queue, delay) = (any_queue(random), soon(random));
            let queued = system_work::delays().queue_after(queue, item, delay);
            enter(queued, Some(&BOOKS.delayed));
        }
        2 => {
            add(&BOOKS.flushes);
            item.flush(cx).expect("this is no worker");
        }
        3 if random.below(8) == 0 => {
            add(&BOOKS.flushes);
            any_queue(random).flush(cx).expect("this is no worker");
        }
        4 | 5 => withdrawn(item.cancel()),
        6 => withdrawn(item.cancel_sync(cx).expect("this is no worker")),
        7 => {
            withdrawn(item.disable());
            random.dawdle(100);
            item.enable();
        }
        8 => time::sleep(cx, soon(random)),
        _ => enter(any_queue(random).queue(item), None),
    }
}

fn withdrawn(was_pending: bool) {
    if was_pending {
        add(&BOOKS.cancelled);
    }
}

fn check(at_end: bool) {
    for queue in system_work::all().chain([&ORDERED]) {
        let report = queue.report();
        let accounted = (report.pending + report.running) as u64
            + report.ran
            + report.coalesced
            + report.cancelled;
        assert_eq!(report.queued, accounted, "{report:?}");
    }
    let delays = system_work::delays().report();
    let accounted = delays.delayed as u64 + delays.handed_over + delays.cancelled;
    assert_eq!(delays.came, accounted, "{delays:?}");
    let count = |account: &AtomicU64| account.load(SeqCst);
    // In this order: each call is entered before what becomes of it, or a moment later.
    let ended = count(&BOOKS.ran) + count(&BOOKS.cancelled);
    let on_their_way = (ITEMS + 64) as u64;
    assert!(ended <= count(&BOOKS.runs) + on_their_way, "{BOOKS:?}");
    if at_end {
        assert_eq!(ended, count(&BOOKS.runs), "{BOOKS:?}");
    }
}

/// How many calls queued something, how many runs there were, how many calls joined, and how many
/// runs were cancelled.
pub fn done() -> [u64; 4] {
    let count = |account: &AtomicU64| account.load(SeqCst);
    let joined = count(&BOOKS.joined);
    [
        count(&BOOKS.runs) + joined,
        count(&BOOKS.ran),
        joined,
        count(&BOOKS.cancelled),
    ]
}
