//! Threads that come and go, and what is done to them meanwhile: made with random priorities and
//! cores, changed, killed, joined or let go. As many end as were made, each in the way that it says,
//! nobody runs where it may not, and memory comes back.
//!
//! Whatever is done to threads while they run is in [`disturb`]; the other parties' threads have
//! their priorities and cores changed, too, and are killed by nobody.

use crate::support::*;
use crate::{Crew, Party, is_over};
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::sync::atomic::{AtomicU64, Ordering::SeqCst};
use layercake_kernel::IrqSpinLock;
use layercake_kernel::thread::Exit;

pub const PARTY: Party = Party {
    name: "churn",
    start,
    progress: || get(&ENDED),
    end: || _ = EVENT.wake_all(),
    check,
};

/// Who makes threads, and how many of theirs each keeps.
const MAKERS: u64 = 2;
const KEPT: usize = 5;
/// The most that there are at once, with those that were let go.
pub const AT_ONCE: u64 = 32;

static MADE: AtomicU64 = AtomicU64::new(0);
static ENDED: AtomicU64 = AtomicU64::new(0);
static RETURNED: AtomicU64 = AtomicU64::new(0);
static KILLED: AtomicU64 = AtomicU64::new(0);
static LET_GO: AtomicU64 = AtomicU64::new(0);
static CHANGES: AtomicU64 = AtomicU64::new(0);

/// What those who pass wait on; most often in vain.
static EVENT: WaitQueue = WaitQueue::new("torture: passing");

fn add(account: &AtomicU64) {
    account.fetch_add(1, SeqCst);
}

fn get(account: &AtomicU64) -> u64 {
    account.load(SeqCst)
}

/// Where a thread may run, as bits. Whoever changes that holds this lock, under which the thread
/// looks where it is; `u64::MAX` while the kernel is being told.
type Orders = Arc<IrqSpinLock<u64>>;

struct Passing {
    thread: JoinHandle<u64>,
    sign: u64,
    killed: bool,
    orders: Orders,
}

fn start(crew: &mut Crew<'_>) {
    // Of all parties so far. As long as nobody joins them the numbers are theirs.
    let others: Vec<u32> = crew.threads.iter().map(JoinHandle::id).collect();
    crew.spawn(Builder::new("disturber"), move |cx, random| {
        while !is_over() {
            time::sleep(cx, Duration::from_micros(random.below(1000)));
            if !others.is_empty() {
                change(others[random.below(others.len() as u64) as usize], &random);
            }
        }
    });
    for _ in 0..MAKERS {
        let anywhere = CpuSet::first(cpu::count());
        // Above most of what they drive, so that that does not keep them from it.
        let maker = Builder::new("maker").priority(Priority::round_robin(9));
        crew.spawn(maker.affinity(anywhere), |cx, random| {
            let mut kept: Vec<_> = (0..KEPT).map(|_| make(&random)).collect();
            while !is_over() {
                turn(cx, &random, &mut kept);
            }
            kept.into_iter().for_each(|passing| dismiss(cx, passing));
        });
    }
}

/// Another place or another urgency for a thread of another party. Never real-time, and none much
/// more urgent than another: two who wake each other would keep everybody else from their core.
fn change(thread: u32, random: &Random) {
    add(&CHANGES);
    let changed = match random.below(2) {
        0 => thread::set_nice(thread, random.below(11) as i8 - 5),
        _ => thread::set_affinity(thread, CpuSet::from_bits(some_cores(random))),
    };
    // They end only when all do.
    assert!(changed.is_ok() || is_over(), "thread {thread}: {changed:?}");
}

/// At least one core that there is.
fn some_cores(random: &Random) -> u64 {
    1 + random.below((1 << cpu::count()) - 1)
}

fn some_priority(random: &Random) -> Priority {
    match random.below(8) {
        0 => Priority::round_robin(1 + random.below(8) as u8),
        1 => Priority::fifo(1 + random.below(8) as u8),
        2 => Priority::Idle,
        _ => Priority::fair(random.below(40) as i8 - 20),
    }
}

fn turn(cx: &mut TaskCx, random: &Random, kept: &mut [Passing]) {
    for _ in 0..random.below(4) {
        let who = random.below(KEPT as u64) as usize;
        disturb(cx, random, &mut kept[who]);
    }
    EVENT.wake_one();
    let who = random.below(KEPT as u64) as usize;
    let old = core::mem::replace(&mut kept[who], make(random));
    match random.below(8) {
        0 if get(&MADE) - get(&ENDED) < AT_ONCE - 2 * MAKERS => {
            add(&LET_GO);
            old.thread.detach();
        }
        _ => dismiss(cx, old),
    }
}

fn make(random: &Random) -> Passing {
    let cores = some_cores(random);
    let orders: Orders = Arc::new(IrqSpinLock::new(cores).named("torture: orders"));
    let theirs = Arc::clone(&orders);
    let sign = 1 + random.below(1 << 40);
    let builder = Builder::new("passing")
        .priority(some_priority(random))
        .affinity(CpuSet::from_bits(cores));
    add(&MADE);
    let thread = builder.spawn(move |cx| {
        pass(cx, &Random::new(sign), &theirs);
        drop(theirs);
        add(&ENDED);
        sign
    });
    Passing {
        thread: thread.expect("a thread that comes and goes"),
        sign,
        killed: false,
        orders,
    }
}

/// What a thread does between coming and going.
fn pass(cx: &mut TaskCx, random: &Random, orders: &Orders) {
    let mut killed = false;
    for _ in 0..random.below(12) {
        match random.below(6) {
            0 => {
                killed |= thread::sleep(cx, Duration::from_micros(random.below(300))).is_err();
            }
            1 => thread::yield_now(cx),
            2 => {
                // Until it is woken, or killed.
                let mut looks = 0;
                let waited = thread::wait_until(cx, &EVENT, |_| {
                    looks += 1;
                    (looks > 2 || is_over()).then_some(())
                });
                killed |= waited.is_err();
            }
            3 => {
                // A wait that a kill does not end.
                let until = time::now() + Duration::from_micros(random.below(300));
                let _ = EVENT.wait_until_deadline(cx, until, |_| None::<()>);
            }
            _ => random.dawdle(2000),
        }
        let cores = orders.lock(cx.atomic());
        let here = cpu::current();
        assert!(
            *cores & (1 << here) != 0,
            "on core {here}, not in {:#b}",
            *cores
        );
        drop(cores);
        if killed {
            return;
        }
    }
}

/// What happens to a thread while it runs, or after that.
fn disturb(cx: &mut TaskCx, random: &Random, passing: &mut Passing) {
    add(&CHANGES);
    match random.below(8) {
        0 | 1 => {
            // No error: as long as nobody has joined it, there is this thread.
            passing.thread.kill().expect("it can be killed");
            passing.killed = true;
        }
        2..5 => {
            let changed = passing.thread.set_priority(some_priority(random));
            changed.expect("it can be changed");
        }
        _ => {
            let cores = some_cores(random);
            *passing.orders.lock(cx.atomic()) = u64::MAX;
            let set = passing.thread.set_affinity(CpuSet::from_bits(cores));
            set.expect("these cores are up");
            let id = passing.thread.id();
            // A core lets go of it by an interrupt, whether it runs there or has been preempted.
            wait_for(cx, "it is where it may be", || {
                thread::look_up(id).is_none_or(|info| {
                    info.state == State::Blocked || cores & (1 << info.core) != 0
                })
            });
            *passing.orders.lock(cx.atomic()) = cores;
        }
    }
}

fn dismiss(cx: &mut TaskCx, passing: Passing) {
    // One of the idle class might never have its turn.
    let hurried = passing.thread.set_priority(Priority::round_robin(8));
    hurried.expect("nobody else has joined it");
    // One that waits for what does not come is told so.
    while !passing.thread.is_finished() {
        EVENT.wake_all();
        time::sleep(cx, Duration::from_micros(100));
    }
    match passing.thread.join(cx) {
        Exit::Returned(sign) => {
            assert_eq!(sign, passing.sign, "the value of another thread");
            add(&RETURNED);
        }
        Exit::Killed => {
            assert!(passing.killed, "killed by nobody");
            add(&KILLED);
        }
        Exit::Exited => panic!("nobody called exit"),
    }
    assert_eq!(
        Arc::strong_count(&passing.orders),
        1,
        "its frames were kept"
    );
}

fn check(at_end: bool) {
    if at_end {
        // Those that were let go may still be on their way.
        let end = time::now() + PATIENCE;
        while get(&ENDED) < get(&MADE) {
            assert!(time::now() < end, "a thread does not end");
            EVENT.wake_all();
        }
        let gone = get(&RETURNED) + get(&KILLED) + get(&LET_GO);
        assert_eq!(get(&MADE), gone, "made = joined + killed + let go");
    } else {
        let ended = get(&ENDED);
        assert!(ended <= get(&MADE), "more ended than were made");
    }
}

/// How many threads came and went, how many of them were killed, and how often one was changed.
pub fn done() -> [u64; 3] {
    [&ENDED, &KILLED, &CHANGES].map(get)
}
