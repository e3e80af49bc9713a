//! The kernel's own work queues: where their items run, that none of those that interrupts hand over
//! is lost or doubled, and that a queue which stands still is reported.
//@ timeout: 300
//@ expect: work queue percpu/0 stands still
//@ expect: item `keeps the core` has run for
//@ expect: work queue percpu/0: worker/percpu/0 (thread
//@ expect: work queue percpu/0 goes on
//@ expect: work queue long stands still
//@ expect: item `waits at the gate` has run for
//@ expect: is blocked on a gate
//@ expect: system_queues::wait_at_the_gate
//@ expect: work queue long goes on
//@ reject: work queue unbound stands still
#![cfg_attr(target_os = "none", no_std)]
#![no_main]
#![cfg(target_os = "none")]

extern crate alloc;

mod support;

use core::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use layercake_kernel::work::{self, QueueReport, Queued};
use layercake_kernel::{Host, IrqCx, Work, WorkQueue, kprintln, platform, system_work};
use support::*;

kernel_tests!(
    each_queue_has_its_workers,
    the_rescuer_works_when_no_thread_can_be_made,
    a_cores_items_run_there,
    a_delayed_item_comes_in_its_time,
    items_from_interrupts_are_all_accounted_for,
    an_item_that_sleeps_holds_up_nobody,
    a_queue_that_stands_still_is_reported_once,
    a_full_queue_is_reported_with_where_its_items_are,
    workers_that_nobody_needs_leave,
);

fn each_queue_has_its_workers(cx: &mut TaskCx) {
    assert_eq!(system_work::all().count(), 4 + 2 * cpu::count());
    for queue in system_work::all() {
        // The queue that has a rescuer counts him.
        let least = 1 + usize::from(queue.name() == "reclaim");
        wait_for(cx, "its first workers are there", || {
            queue.report().workers >= least
        });
    }
}

fn a_cores_items_run_there(cx: &mut TaskCx) {
    static RAN_ON: AtomicUsize = AtomicUsize::new(cpu::MAX);
    static ITEM: Work = Work::new("where", |_, _| {
        RAN_ON.store(cpu::current(), Ordering::Release)
    });
    for core in cores().chain(cores()) {
        for queue in [system_work::percpu(core), system_work::percpu_highpri(core)] {
            assert_eq!(queue.queue(&ITEM), Queued::New);
            ITEM.flush(cx).expect("this is no worker");
            assert_eq!(RAN_ON.load(Ordering::Acquire), core);
        }
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
        let queue = system_work::all().nth(n / 3 % (4 + 2 * cpu::count()));
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

/// On the queue of a core, where one at a time runs, items sleep until one that came after them all
/// has run (K6). Each of them is one more worker.
fn an_item_that_sleeps_holds_up_nobody(cx: &mut TaskCx) {
    const SLEEPERS: usize = 5;
    static GATE: WaitQueue = WaitQueue::new("a gate");
    static OPEN: AtomicBool = AtomicBool::new(false);
    static COMPUTING: AtomicBool = AtomicBool::new(false);
    static ASLEEP: AtomicUsize = AtomicUsize::new(0);
    fn alone(f: impl FnOnce()) {
        // Nobody is woken or preempted by another worker of this queue before it sleeps.
        assert!(!COMPUTING.swap(true, Ordering::AcqRel), "two run at once");
        f();
        assert!(COMPUTING.swap(false, Ordering::AcqRel));
    }
    static SLEEPER: [Work; SLEEPERS] = [const {
        Work::new("sleeps", |_, cx| {
            alone(|| _ = ASLEEP.fetch_add(1, Ordering::AcqRel));
            GATE.wait_until(cx, |_| OPEN.load(Ordering::Acquire).then_some(()));
        })
    }; SLEEPERS];
    static OPENER: Work = Work::new("opens the gate", |_, _| {
        alone(|| assert_eq!(ASLEEP.load(Ordering::Acquire), SLEEPERS));
        OPEN.store(true, Ordering::Release);
        GATE.wake_all();
    });
    let core = cores().last().expect("a core");
    let queue = system_work::percpu(core);
    for item in &SLEEPER {
        assert_eq!(queue.queue(item), Queued::New);
    }
    assert_eq!(queue.queue(&OPENER), Queued::New);
    wait_for(cx, "the gate is opened", || OPEN.load(Ordering::Acquire));
    for item in &SLEEPER {
        item.flush(cx).expect("this is no worker");
    }
    OPENER.flush(cx).expect("this is no worker");
    assert!(queue.report().workers > SLEEPERS);
    wait_for(cx, "all are idle", || {
        let report = queue.report();
        report.idle == report.workers && report.blocked == 0
    });
}

/// All workers sleep, and threads have run out: what has to get memory back goes on all the same,
/// on the thread that was made for that, and on no other.
///
/// It is so only if the queue has one worker, and if nobody makes room for a second one by leaving:
/// so whoever was hired for an earlier check has to have gone.
fn the_rescuer_works_when_no_thread_can_be_made(cx: &mut TaskCx) {
    static GATE: WaitQueue = WaitQueue::new("a gate");
    static OPEN: AtomicBool = AtomicBool::new(false);
    static DOORS: AtomicBool = AtomicBool::new(false);
    static RESCUED: AtomicUsize = AtomicUsize::new(0);
    static HOLDER: Work = Work::new("holds the worker", |_, cx| {
        GATE.wait_until(cx, |_| OPEN.load(Ordering::Acquire).then_some(()));
    });
    static RECLAIM: Work = Work::new("reclaims", |_, _| {
        let name = look_at(thread::current_id()).map(|info| info.name);
        assert_eq!(name.as_deref(), Some("rescuer/reclaim"));
        RESCUED.fetch_add(1, Ordering::Release);
    });
    wait_until_nobody_is_surplus(cx);
    let mut crowd = alloc::vec::Vec::new();
    let refused = loop {
        let idler = thread::Builder::new("idler").stack_size(8 * 1024);
        match idler.spawn(|cx| {
            GATE.wait_until_shared(cx, |_| DOORS.load(Ordering::Acquire).then_some(()));
        }) {
            Ok(handle) => crowd.push(handle),
            Err(why) => break why,
        }
    };
    assert_eq!(refused, thread::SpawnError::OutOfMemory);
    kprintln!("  {} threads, and no more", crowd.len());
    let queue = system_work::reclaim();
    assert_eq!(queue.queue(&HOLDER), Queued::New);
    for n in 1..=20 {
        assert_eq!(queue.queue(&RECLAIM), Queued::New);
        wait_for(cx, "it has run", || RESCUED.load(Ordering::Acquire) == n);
        RECLAIM.flush(cx).expect("this is no worker");
    }
    DOORS.store(true, Ordering::Release);
    OPEN.store(true, Ordering::Release);
    GATE.wake_all();
    for handle in crowd {
        handle.join(cx);
    }
    HOLDER.flush(cx).expect("this is no worker");
}

static GATE: WaitQueue = WaitQueue::new("a gate");
static OPEN: AtomicBool = AtomicBool::new(false);

/// Named in the report of a stall.
#[inline(never)]
fn wait_at_the_gate(cx: &mut TaskCx) {
    GATE.wait_until(cx, |_| OPEN.load(Ordering::Acquire).then_some(()));
    core::hint::black_box(());
}

fn a_queue_that_stands_still_is_reported_once(cx: &mut TaskCx) {
    const LIMIT: Duration = Duration::from_millis(800);
    static OVER: AtomicBool = AtomicBool::new(false);
    static OTHERS: AtomicU64 = AtomicU64::new(0);
    fn count() {
        OTHERS.fetch_add(1, Ordering::Release);
    }
    static KEEPER: Work = Work::new("keeps the core", |_, _| {
        while !OVER.load(Ordering::Acquire) {
            core::hint::spin_loop();
        }
    });
    static BEHIND: Work = Work::new("waits behind it", |_, _| count());
    static BLOCKED: Work = Work::new("blocks", |_, cx| wait_at_the_gate(cx));
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
    let mut others = 0;
    for other in system_work::all().filter(|other| other.name() != queue.name()) {
        assert_eq!(other.queue(&OTHER), Queued::New);
        OTHER.flush(cx).expect("this is no worker");
        others += 1;
    }
    assert_eq!(OTHERS.load(Ordering::Acquire), others);
    time::sleep(cx, 3 * LIMIT);
    assert_eq!(system_work::stalls(), before + 1, "reported again");
    OVER.store(true, Ordering::Release);
    OPEN.store(true, Ordering::Release);
    GATE.wake_all();
    for item in [&KEEPER, &BEHIND, &BLOCKED] {
        item.flush(cx).expect("this is no worker");
    }
    assert_eq!(OTHERS.load(Ordering::Acquire), others + 1);
    // It is seen that it goes on, too.
    time::sleep(cx, 2 * LIMIT);
    system_work::set_stall_limit(system_work::STALL_LIMIT);
}

/// So many items sleep that there may be no more workers. The report says of each where it waits.
fn a_full_queue_is_reported_with_where_its_items_are(cx: &mut TaskCx) {
    const LIMIT: Duration = Duration::from_millis(800);
    const FULL: usize = system_work::MOST_WORKERS;
    static SLEEPER: [Work; FULL + 1] =
        [const { Work::new("waits at the gate", |_, cx| wait_at_the_gate(cx)) }; FULL + 1];
    OPEN.store(false, Ordering::Release);
    let before = system_work::stalls();
    system_work::set_stall_limit(LIMIT);
    for item in &SLEEPER {
        assert_eq!(system_work::long().queue(item), Queued::New);
    }
    wait_for(cx, "it is reported", || system_work::stalls() > before);
    let report = system_work::long().report();
    assert_eq!((report.workers, report.blocked), (FULL, FULL));
    OPEN.store(true, Ordering::Release);
    GATE.wake_all();
    for item in &SLEEPER {
        item.flush(cx).expect("this is no worker");
    }
    time::sleep(cx, 2 * LIMIT);
    system_work::set_stall_limit(system_work::STALL_LIMIT);
}

fn workers_that_nobody_needs_leave(cx: &mut TaskCx) {
    wait_until_nobody_is_surplus(cx);
}

/// Waits until of each queue one worker is left, and the rescuer; and until the threads of those who
/// have left are no more.
fn wait_until_nobody_is_surplus(cx: &mut TaskCx) {
    wait_for(cx, "one is left of each queue, and the rescuer", || {
        let mut queues = system_work::all();
        let threads = thread::snapshot().into_iter();
        let workers = threads.filter(|info| info.name.starts_with("worker/"));
        queues.all(|queue| {
            let rescuers = usize::from(queue.name() == "reclaim");
            queue.report().workers == 1 + rescuers
        }) && workers.count() == system_work::all().count()
    });
}
