//! The kernel's own work queues: where their items run, that none of those that interrupts hand over
//! is lost or doubled, and that a queue which stands still is reported.
//@ timeout: 120
//@ expect: work queue percpu/0 stands still
//@ expect: item `keeps the worker` has run for
//@ expect: work queue percpu/0: worker/percpu/0 (thread
//@ expect: is blocked on a gate
//@ expect: work queue percpu/0 goes on
//@ reject: work queue unbound stands still
#![cfg_attr(target_os = "none", no_std)]
#![no_main]
#![cfg(target_os = "none")]

mod support;

use core::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use layercake_kernel::work::{self, QueueReport, Queued};
use layercake_kernel::{Host, IrqCx, Work, WorkQueue, kprintln, platform, system_work};
use support::*;

kernel_tests!(
    each_queue_has_its_workers,
    a_cores_items_run_there,
    a_delayed_item_comes_in_its_time,
    items_from_interrupts_are_all_accounted_for,
    a_queue_that_stands_still_is_reported_once,
);

fn each_queue_has_its_workers(cx: &mut TaskCx) {
    let expected = |name: &str| match name {
        "unbound" => system_work::UNBOUND_WORKERS,
        "long" => system_work::LONG_WORKERS,
        _ => 1,
    };
    assert_eq!(system_work::all().count(), 3 + cpu::count());
    for queue in system_work::all() {
        wait_for(cx, "all workers are there", || {
            queue.report().workers == expected(queue.name())
        });
    }
}

fn a_cores_items_run_there(cx: &mut TaskCx) {
    static RAN_ON: AtomicUsize = AtomicUsize::new(cpu::MAX);
    static ITEM: Work = Work::new("where", |_, _| {
        RAN_ON.store(cpu::current(), Ordering::Release)
    });
    for core in cores().chain(cores()) {
        assert_eq!(system_work::percpu(core).queue(&ITEM), Queued::New);
        ITEM.flush(cx).expect("this is no worker");
        assert_eq!(RAN_ON.load(Ordering::Acquire), core);
    }
}

fn a_delayed_item_comes_in_its_time(cx: &mut TaskCx) {
    const DELAY: Duration = Duration::from_millis(20);
    static RAN_AT: AtomicU64 = AtomicU64::new(0);
    static ITEM: Work = Work::new("later", |_, _| {
        RAN_AT.store(time::now().as_nanos(), Ordering::Release)
    });
    let due = time::now() + DELAY;
    let delayed = system_work::delays().queue_at(system_work::highpri(), &ITEM, due);
    assert_eq!(delayed, Queued::New);
    // Not by a flush, which would end the delay.
    wait_for(cx, "it runs", || RAN_AT.load(Ordering::Acquire) > 0);
    assert!(RAN_AT.load(Ordering::Acquire) >= due.as_nanos());
}

/// One item for each core's queue, which goes nowhere else, and some that go everywhere.
const SHARED: usize = 3;
const ITEMS: usize = cpu::MAX + SHARED;

struct Books {
    /// Runs that were promised, and calls that joined one.
    promised: AtomicU64,
    joined: AtomicU64,
    runs: AtomicU64,
    inside: AtomicBool,
    /// The core that it must run on.
    core: Option<usize>,
}

const fn item(core: Option<usize>) -> work::Work<Host, Books> {
    let books = Books {
        promised: AtomicU64::new(0),
        joined: AtomicU64::new(0),
        runs: AtomicU64::new(0),
        inside: AtomicBool::new(false),
        core,
    };
    work::Work::with_data("with books", books, run_with_books)
}

static ITEM: [work::Work<Host, Books>; ITEMS] = [
    item(Some(0)),
    item(Some(1)),
    item(Some(2)),
    item(Some(3)),
    item(None),
    item(None),
    item(None),
];

fn run_with_books(books: &work::Running<'_, Host, Books>, cx: &mut TaskCx) {
    let twice = books.inside.swap(true, Ordering::Acquire);
    assert!(!twice, "it runs twice at a time");
    if let Some(core) = books.core {
        assert_eq!(cpu::current(), core, "it runs on another core");
    }
    if books
        .runs
        .fetch_add(1, Ordering::Relaxed)
        .is_multiple_of(64)
    {
        time::sleep(cx, Duration::from_micros(50));
    }
    books.inside.store(false, Ordering::Release);
}

fn submit(item: &'static work::Work<Host, Books>, queue: &'static WorkQueue) {
    let count = match queue.queue(item) {
        Queued::New | Queued::WillRunAgain => &item.data().promised,
        Queued::Coalesced => &item.data().joined,
        refused => panic!("it was refused: {refused:?}"),
    };
    count.fetch_add(1, Ordering::Relaxed);
}

/// The sum of what all queues have counted: queued, ran, coalesced.
fn counted() -> [u64; 3] {
    system_work::all().fold([0; 3], |sum, queue| {
        let report = queue.report();
        assert_balanced(&report);
        [
            sum[0] + report.queued,
            sum[1] + report.ran,
            sum[2] + report.coalesced,
        ]
    })
}

#[track_caller]
fn assert_balanced(report: &QueueReport) {
    let now = (report.pending + report.running) as u64;
    let gone = report.ran + report.coalesced + report.cancelled;
    assert_eq!(report.queued, now + gone, "{report:?}");
}

fn items_from_interrupts_are_all_accounted_for(cx: &mut TaskCx) {
    static INTERRUPTS: AtomicU64 = AtomicU64::new(0);
    let before = counted();
    let sgi = register_sgi(cx, 0, |_: IrqCx<'_>| {
        let n = INTERRUPTS.fetch_add(1, Ordering::Relaxed) as usize;
        let core = n % cpu::count();
        submit(&ITEM[core], system_work::percpu(core));
        let queue = system_work::all().nth(n / 3 % (3 + cpu::count()));
        submit(&ITEM[cpu::MAX + n % SHARED], queue.expect("so many queues"));
    });
    in_parallel(cx, 1, move |core, _| {
        let random = Random::new(core as u64 + 5);
        Budget::new(10_000, 10).spend(|_| {
            platform::get().send_sgi(random.below(cpu::count() as u64) as usize, sgi);
            random.dawdle(2000);
            if core == 0 {
                // At every moment, not only at the end.
                counted();
            }
        });
    });
    let sum = |count: fn(&Books) -> &AtomicU64| {
        let counts = ITEM.iter().map(|item| count(item.data()));
        counts.map(|n| n.load(Ordering::Relaxed)).sum::<u64>()
    };
    wait_for(cx, "every run that was promised comes", || {
        ITEM.iter()
            .all(|item| !item.is_pending() && !item.is_running())
            && sum(|books| &books.runs) == sum(|books| &books.promised)
    });
    let (promised, joined) = (sum(|books| &books.promised), sum(|books| &books.joined));
    assert_eq!(promised + joined, 2 * INTERRUPTS.load(Ordering::Relaxed));
    wait_for(cx, "no worker is at the end of a run", || {
        system_work::all().all(|queue| queue.report().running == 0)
    });
    let after = counted();
    let grown = [0, 1, 2].map(|n| after[n] - before[n]);
    assert_eq!(grown, [promised + joined, promised, joined]);
    kprintln!("  {promised} runs, {joined} joined");
}

fn a_queue_that_stands_still_is_reported_once(cx: &mut TaskCx) {
    const LIMIT: Duration = Duration::from_millis(800);
    static GATE: WaitQueue = WaitQueue::new("a gate");
    static OPEN: AtomicBool = AtomicBool::new(false);
    static OTHERS: AtomicU64 = AtomicU64::new(0);
    fn keep(cx: &mut TaskCx) {
        GATE.wait_until(cx, |_| OPEN.load(Ordering::Acquire).then_some(()));
    }
    fn count() {
        OTHERS.fetch_add(1, Ordering::Release);
    }
    static KEEPER: Work = Work::new("keeps the worker", |_, cx| keep(cx));
    static BEHIND: Work = Work::new("waits behind it", |_, _| count());
    static BLOCKED: Work = Work::new("blocks", |_, cx| keep(cx));
    static OTHER: Work = Work::new("goes on", |_, _| count());
    let queue = system_work::percpu(0);
    let before = system_work::stalls();
    system_work::set_stall_limit(LIMIT);
    assert_eq!(queue.queue(&KEEPER), Queued::New);
    assert_eq!(system_work::unbound().queue(&BLOCKED), Queued::New);
    // Nobody waits for either: that is no stall.
    time::sleep(cx, 2 * LIMIT);
    assert_eq!(system_work::stalls(), before);
    let since = time::now();
    assert_eq!(queue.queue(&BEHIND), Queued::New);
    wait_for(cx, "it is reported", || system_work::stalls() > before);
    let took = time::now().saturating_duration_since(since);
    assert!(took >= LIMIT, "reported after {took:?}");
    kprintln!("  reported after {} ms", took.as_millis());
    // The other queues go on, the one with a blocked item, too.
    for other in system_work::all().filter(|other| other.name() != queue.name()) {
        assert_eq!(other.queue(&OTHER), Queued::New);
        OTHER.flush(cx).expect("this is no worker");
    }
    assert_eq!(OTHERS.load(Ordering::Acquire), 2 + cpu::count() as u64);
    time::sleep(cx, 3 * LIMIT);
    assert_eq!(system_work::stalls(), before + 1, "reported again");
    OPEN.store(true, Ordering::Release);
    GATE.wake_all();
    for item in [&KEEPER, &BEHIND, &BLOCKED] {
        item.flush(cx).expect("this is no worker");
    }
    assert_eq!(OTHERS.load(Ordering::Acquire), 3 + cpu::count() as u64);
    // It is seen that it goes on, too.
    time::sleep(cx, 2 * LIMIT);
    system_work::set_stall_limit(system_work::STALL_LIMIT);
}
