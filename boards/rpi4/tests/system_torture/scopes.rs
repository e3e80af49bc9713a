//! Work that lives no longer than it is needed: items on a stack, in a scope; items in boxes; queues
//! that are made for some items, and destroyed. All of it has run when the scope or the queue ends, as
//! often as the callers were told, and no box is lost.

use crate::support::*;
use crate::{Crew, Party, is_over};
use alloc::boxed::Box;
use alloc::vec::Vec;
use core::sync::atomic::{AtomicU64, Ordering::SeqCst};
use layercake_kernel::work::{QueueStore, Queued, Running, Work};
use layercake_kernel::{Host, WorkQueue, system_work};

pub const PARTY: Party = Party {
    name: "scopes",
    start,
    progress,
    end: || {},
    check,
};

/// Who has items on its stack: so many.
const SCOPERS: usize = 2;
/// Who makes queues, at most so many items of which run at once: each another number, as a queue's
/// memory is kept for the next one with the same.
const LIMITS: [usize; 2] = [1, 2];
const MADE: &str = "torture: made";

static STORE: QueueStore<Host> = QueueStore::new();
static SCOPES: AtomicU64 = AtomicU64::new(0);
static QUEUES: AtomicU64 = AtomicU64::new(0);
static BOXED: AtomicU64 = AtomicU64::new(0);
static OPENED: AtomicU64 = AtomicU64::new(0);
static FREED: AtomicU64 = AtomicU64::new(0);

/// Who does least.
fn progress() -> u64 {
    done().into_iter().min().unwrap_or_default()
}

/// Has the queues made whose memory is kept for good.
pub fn make_room(cx: &mut TaskCx) {
    for limit in LIMITS {
        let queue = STORE.make(MADE, limit, cx);
        queue.destroy(cx).expect("this is no worker");
    }
}

fn start(crew: &mut Crew<'_>) {
    for _ in 0..SCOPERS {
        crew.spawn(Builder::new("scoper"), |cx, random| {
            while !is_over() {
                scope(cx, &random);
                SCOPES.fetch_add(1, SeqCst);
                nap(cx, &random);
            }
        });
    }
    for limit in LIMITS {
        crew.spawn(Builder::new("queue maker"), move |cx, random| {
            while !is_over() {
                queue(cx, &random, limit);
                QUEUES.fetch_add(1, SeqCst);
                nap(cx, &random);
            }
        });
    }
    crew.spawn(Builder::new("packer"), |cx, random| {
        while !is_over() {
            for _ in 0..random.below(16) {
                pack(any_queue(&random));
            }
            nap(cx, &random);
        }
        // A box is freed a moment after it was opened.
        while FREED.load(SeqCst) < BOXED.load(SeqCst) {
            nap(cx, &random);
        }
    });
}

fn nap(cx: &mut TaskCx, random: &Random) {
    time::sleep(cx, Duration::from_micros(random.below(2000)));
}

/// One of the kernel's, which are never closed.
fn any_queue(random: &Random) -> &'static WorkQueue {
    match random.below(8) {
        0 => system_work::unbound(),
        1 => system_work::highpri(),
        2 => system_work::long(),
        3 => system_work::reclaim(),
        4 => system_work::percpu_highpri(cpu::current()),
        _ => system_work::percpu(cpu::current()),
    }
}

/// What an item on the stack carries: a part of that stack.
struct Task<'a> {
    ran: &'a AtomicU64,
    random: Random,
}

fn work(run: &Running<'_, Host, Task<'_>>, cx: &mut TaskCx) {
    match run.random.below(32) {
        0 => time::sleep(cx, Duration::from_micros(run.random.below(200))),
        1..4 => run.random.dawdle(1000),
        _ => {}
    }
    run.ran.fetch_add(1, SeqCst);
}

/// Queues items of this stack, and takes some of them back.
fn scope(cx: &mut TaskCx, random: &Random) {
    let (ran, mut due) = (AtomicU64::new(0), 0);
    let items: [_; 4] = core::array::from_fn(|n| {
        let random = Random::new(random.below(1 << 40) + n as u64 + 1);
        Work::with_data("torture: on a stack", Task { ran: &ran, random }, work)
    });
    let queue = any_queue(random);
    let scoped = queue.scope(cx, |scope, cx| {
        for _ in 0..=random.below(8) {
            let item = &items[random.below(items.len() as u64) as usize];
            due += runs(scope.queue(item));
            due -= u64::from(match random.below(16) {
                0 => item.cancel(),
                1 => item.cancel_sync(cx).expect("this is no worker"),
                _ => false,
            });
        }
    });
    scoped.expect("this is no worker");
    assert_eq!(ran.load(SeqCst), due, "on {}", queue.name());
}

/// How many runs a call made pending.
fn runs(queued: Queued) -> u64 {
    match queued {
        Queued::New | Queued::WillRunAgain => 1,
        Queued::Coalesced => 0,
        Queued::Disabled | Queued::Closed => panic!("{queued:?}"),
    }
}

/// Makes a queue with its workers, has them do something, and destroys it.
fn queue(cx: &mut TaskCx, random: &Random, limit: usize) {
    static TURNS: [AtomicU64; LIMITS.len()] = [const { AtomicU64::new(0) }; LIMITS.len()];
    static TURN: [Work<Host, &AtomicU64>; LIMITS.len()] = [
        Work::with_data("torture: turn", &TURNS[0], turn),
        Work::with_data("torture: turn", &TURNS[1], turn),
    ];
    fn turn(run: &Running<'_, Host, &AtomicU64>, _: &mut TaskCx) {
        run.fetch_add(1, SeqCst);
    }

    let (item, turns) = (&TURN[limit - 1], &TURNS[limit - 1]);
    let before = turns.load(SeqCst);
    let owned = STORE.make(MADE, limit, cx);
    let made = owned.queue();
    let workers: Vec<JoinHandle> = (0..limit)
        .map(|_| {
            let worker = Builder::new("hand").spawn(move |cx| made.run_worker(cx));
            worker.expect("a thread of the torture")
        })
        .collect();
    let mut due = 0;
    for _ in 0..random.below(8) {
        due += runs(made.queue(item));
        pack(made);
        random.dawdle(100);
    }
    owned.destroy(cx).expect("this is no worker");
    let ran = turns.load(SeqCst) - before;
    assert_eq!(ran, due, "when the queue was destroyed");
    workers.into_iter().for_each(|worker| _ = worker.join(cx));
}

/// What a box carries.
struct Parcel;

impl Drop for Parcel {
    fn drop(&mut self) {
        FREED.fetch_add(1, SeqCst);
    }
}

fn pack(queue: &'static WorkQueue) {
    fn open(_: &Running<'_, Host, Parcel>, _: &mut TaskCx) {
        OPENED.fetch_add(1, SeqCst);
    }
    BOXED.fetch_add(1, SeqCst);
    let item = Box::pin(Work::with_data("torture: in a box", Parcel, open));
    queue.queue_boxed(item).expect("the queue is open");
}

/// How many scopes ended, queues were destroyed and boxes freed.
pub fn done() -> [u64; 3] {
    [&SCOPES, &QUEUES, &FREED].map(|count| count.load(SeqCst))
}

fn check(at_end: bool) {
    // In this order: what is freed was opened before, and what is opened was packed.
    let [freed, opened, boxed] = [&FREED, &OPENED, &BOXED].map(|count| count.load(SeqCst));
    assert!(
        freed <= opened && opened <= boxed,
        "{freed} {opened} {boxed}"
    );
    if at_end {
        assert_eq!([freed, opened], [boxed, boxed]);
    }
}
