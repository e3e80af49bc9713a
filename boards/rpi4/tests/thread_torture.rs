//! Threads come and go on all cores by the thousand, while their priorities and affinities change at
//! random, they sleep, wait, hold locks, and are killed. Nobody runs where it may not (S2), and in
//! the end all accounts agree: who was spawned has ended and is reaped, each in the way that it
//! says, and memory is as it was, to the byte (S3).
//@ case: short
//@ timeout: 60
//@ case: long
//@ timeout: 900
//@ full
//@ case: hundred_thousand
//@ timeout: 900
//@ full
#![cfg_attr(target_os = "none", no_std)]
#![no_main]
#![cfg(target_os = "none")]

extern crate alloc;

mod support;

use alloc::boxed::Box;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::cell::Cell;
use core::sync::atomic::{AtomicU64, Ordering};
use layercake_kernel::thread::Exit;
use layercake_kernel::{IrqSpinLock, kprintln, memory, thread_local};
use support::*;

kernel_cases!(short, long, hundred_thousand);

fn short(cx: &mut TaskCx) {
    run(cx, 3);
}

fn long(cx: &mut TaskCx) {
    run(cx, 300);
}

/// Threads that each driver keeps at a time.
const CREW: usize = 12;
/// Drivers: one for each core, and one that goes where it likes.
const DRIVERS: usize = 5;

/// Bytes of every stack, so that any number's stack fits any thread.
const STACK: usize = 32 * 1024;

/// How often what happened, in all.
#[derive(Default)]
struct Accounts {
    spawned: AtomicU64,
    returned: AtomicU64,
    killed: AtomicU64,
    detached: AtomicU64,
    /// Detached ones that have come to their end.
    ended_alone: AtomicU64,
    changes: AtomicU64,
    locals: AtomicU64,
    locals_dropped: AtomicU64,
}

static ACCOUNTS: Accounts = Accounts {
    spawned: AtomicU64::new(0),
    returned: AtomicU64::new(0),
    killed: AtomicU64::new(0),
    detached: AtomicU64::new(0),
    ended_alone: AtomicU64::new(0),
    changes: AtomicU64::new(0),
    locals: AtomicU64::new(0),
    locals_dropped: AtomicU64::new(0),
};

fn add(account: &AtomicU64) {
    account.fetch_add(1, Ordering::Relaxed);
}

fn get(account: &AtomicU64) -> u64 {
    account.load(Ordering::Relaxed)
}

thread_local! {
    static MINE: Mine = {
        add(&ACCOUNTS.locals);
        Mine(Cell::new(0))
    };
}

struct Mine(Cell<u64>);

impl Drop for Mine {
    fn drop(&mut self) {
        add(&ACCOUNTS.locals_dropped);
    }
}

/// What a driver tells a thread of its crew.
struct Orders {
    /// The cores that it may run on, as bits. Changed before the kernel is told when cores are added,
    /// after it when they are taken away; `u64::MAX` in between.
    cores: IrqSpinLock<u64>,
}

static EVENT: WaitQueue = WaitQueue::new("an event");
static SHARED: IrqSpinLock<u64> = IrqSpinLock::new(0);

/// What a thread of a crew does; returns its seed when it is done, or has been killed.
fn member(cx: &mut TaskCx, seed: u64, orders: &Orders) -> u64 {
    let random = Random::new(seed);
    for n in 0..random.below(40) {
        let killed = match random.below(8) {
            0 => thread::sleep(cx, Duration::from_micros(random.below(500))).is_err(),
            1 => {
                thread::yield_now(cx);
                false
            }
            2 => {
                EVENT.wake_one();
                false
            }
            3 => {
                // A wait that cannot be called off, but ends by itself.
                let end = time::now() + Duration::from_micros(random.below(300));
                let _ = EVENT.wait_until_deadline(cx, end, |_| None::<()>);
                false
            }
            4 => MINE.with(cx, |mine, cx| {
                let before = mine.0.get();
                thread::yield_now(cx);
                assert_eq!(mine.0.get(), before, "another thread's value");
                mine.0.set(n);
                thread::is_killed(cx)
            }),
            5 => {
                *SHARED.lock(cx.atomic()) += 1;
                false
            }
            _ => {
                random.dawdle(200);
                false
            }
        };
        {
            // The driver cannot change the orders meanwhile, nor can this thread move.
            let cores = orders.cores.lock(cx.atomic());
            let here = cpu::current();
            assert!(
                *cores & (1 << here) != 0,
                "on core {here}, not in {cores:#b}",
                cores = *cores
            );
        }
        if killed {
            break;
        }
    }
    seed
}

fn random_priority(random: &Random) -> Priority {
    match random.below(4) {
        0 => Priority::round_robin(random.below(8) as u8),
        1 => Priority::fifo(random.below(8) as u8),
        _ => Priority::fair(random.below(40) as i8 - 20),
    }
}

/// A set of cores that are up, not empty.
fn random_cores(random: &Random) -> u64 {
    let up = (1 << cpu::count()) - 1;
    match random.below(1 << cpu::count()) & up {
        0 => up,
        some => some,
    }
}

struct Member {
    handle: JoinHandle<u64>,
    seed: u64,
    killed: bool,
    orders: Arc<Orders>,
}

fn hire(random: &Random) -> Member {
    let seed = random.below(1 << 40) + 1;
    let cores = random_cores(random);
    let orders = Arc::new(Orders {
        cores: IrqSpinLock::new(cores),
    });
    let theirs = Arc::clone(&orders);
    let owned = Box::new([seed; 8]);
    let alone = random.below(8) == 0;
    let builder = Builder::new("crew")
        .affinity(CpuSet::from_bits(cores))
        .priority(random_priority(random))
        .stack_size(STACK);
    add(&ACCOUNTS.spawned);
    if alone {
        let thread = builder.spawn(move |cx| {
            member(cx, owned[3], &theirs);
            drop((owned, theirs));
            add(&ACCOUNTS.ended_alone);
        });
        thread.expect("a thread").detach();
        add(&ACCOUNTS.detached);
        return hire(random);
    }
    let handle = builder.spawn(move |cx| member(cx, owned[5], &theirs));
    Member {
        handle: handle.expect("a thread"),
        seed,
        killed: false,
        orders,
    }
}

fn dismiss(cx: &mut TaskCx, member: Member) {
    match member.handle.join(cx) {
        Exit::Returned(seed) => {
            assert_eq!(seed, member.seed, "the value of another thread");
            add(&ACCOUNTS.returned);
        }
        Exit::Killed => {
            assert!(member.killed, "killed by nobody");
            add(&ACCOUNTS.killed);
        }
        Exit::Exited => panic!("nobody called exit"),
    }
    assert_eq!(Arc::strong_count(&member.orders), 1, "its frames were kept");
}

/// Changes something about a member, at random.
fn disturb(cx: &mut TaskCx, member: &mut Member, random: &Random) {
    add(&ACCOUNTS.changes);
    match random.below(6) {
        0 => {
            let _ = member.handle.kill();
            member.killed = true;
        }
        1 | 2 => {
            let _ = member.handle.set_priority(random_priority(random));
        }
        _ => {
            // Under the lock under which the member looks where it is, and which keeps it there:
            // what it may is always what the kernel was told, or just not yet.
            let cores = random_cores(random);
            let before = core::mem::replace(&mut *member.orders.cores.lock(cx.atomic()), u64::MAX);
            let set = member.handle.set_affinity(CpuSet::from_bits(cores));
            assert!(set.is_ok(), "{before:#b} to {cores:#b}: {set:?}");
            let id = member.handle.id();
            // A core lets go of it by an interrupt, whether it runs there or has just been preempted.
            wait_for(cx, "it is where it may be", || {
                thread::look_up(id).is_none_or(|info| {
                    info.state == State::Blocked || cores & (1 << info.core) != 0
                })
            });
            *member.orders.cores.lock(cx.atomic()) = cores;
        }
    }
}

fn drive(cx: &mut TaskCx, seed: u64, end: time::Instant) {
    let random = Random::new(seed);
    let mut crew: Vec<_> = (0..CREW).map(|_| hire(&random)).collect();
    // On a busy machine it takes longer until everything has happened.
    let enough = || get(&ACCOUNTS.killed) >= 5 && get(&ACCOUNTS.returned) >= 50;
    while time::now() < end || !enough() {
        for _ in 0..random.below(6) {
            let who = random.below(CREW as u64) as usize;
            disturb(cx, &mut crew[who], &random);
        }
        if random.below(3) == 0 {
            EVENT.wake_all();
        }
        let who = random.below(CREW as u64) as usize;
        dismiss(cx, core::mem::replace(&mut crew[who], hire(&random)));
    }
    crew.into_iter().for_each(|member| dismiss(cx, member));
}

fn usage() -> (usize, usize, usize) {
    let usage = memory::usage();
    let threads = thread::snapshot().len();
    (usage.heap.used, usage.frames.used, threads)
}

fn run_for(cx: &mut TaskCx, seconds: u64, seed: u64) {
    let end = time::now() + Duration::from_secs(seconds);
    let drivers: Vec<_> = (0..DRIVERS)
        .map(|n| {
            // Above most of what they drive, so that the crew does not keep them from it.
            let driver = Builder::new("driver").stack_size(STACK);
            let driver = driver.priority(Priority::round_robin(6));
            let driver = match n < cpu::count() {
                true => driver.affinity(CpuSet::one(n)),
                false => driver,
            };
            driver.spawn(move |cx| drive(cx, seed + n as u64, end))
        })
        .map(|driver| driver.expect("a thread"))
        .collect();
    for driver in drivers {
        assert_eq!(driver.join(cx), Exit::Returned(()));
    }
    wait_for(cx, "the detached ones end", || {
        get(&ACCOUNTS.ended_alone) == get(&ACCOUNTS.detached)
    });
}

fn run(cx: &mut TaskCx, seconds: u64) {
    let living = thread::snapshot().len();
    // Numbers keep their memory and their stacks, so the first run takes some: as many as it needs at
    // a time. Make more than that, and all of one size.
    fill(cx, 2 * DRIVERS * (CREW + 8));
    let before = usage();
    run_for(cx, seconds, 0x5eed);
    let a = &ACCOUNTS;
    kprintln!(
        "{} threads: {} returned, {} killed, {} detached; {} changes, {} locals",
        get(&a.spawned),
        get(&a.returned),
        get(&a.killed),
        get(&a.detached),
        get(&a.changes),
        get(&a.locals),
    );
    assert_eq!(
        get(&a.spawned),
        get(&a.returned) + get(&a.killed) + get(&a.detached)
    );
    assert_eq!(get(&a.locals), get(&a.locals_dropped));
    // A detached thread's last steps may be late.
    wait_for(cx, "the threads are gone", || {
        thread::snapshot().len() == living
    });
    assert_eq!(usage(), before);
}

/// Makes `count` threads that live at the same time, and ends them.
fn fill(cx: &mut TaskCx, count: usize) {
    static GATE: WaitQueue = WaitQueue::new("all at once");
    static OPEN: AtomicU64 = AtomicU64::new(0);
    let threads: Vec<_> = (0..count)
        .map(|_| Builder::new("fills").stack_size(STACK))
        .map(|builder| {
            builder.spawn(|cx| {
                GATE.wait_until(cx, |_| (OPEN.load(Ordering::Relaxed) > 0).then_some(()));
            })
        })
        .map(|thread| thread.expect("a thread"))
        .collect();
    OPEN.store(1, Ordering::Relaxed);
    GATE.wake_all();
    threads.into_iter().for_each(|thread| _ = thread.join(cx));
}

/// One after the other, spawned, run, joined: memory is as it was, to the byte, all the way.
fn hundred_thousand(cx: &mut TaskCx) {
    static RAN: AtomicU64 = AtomicU64::new(0);
    let one = |cx: &mut TaskCx, n: u64| {
        let owned = Box::new([n; 20]);
        let thread = thread::spawn("one of many", Priority::default(), move |_| {
            add(&RAN);
            Box::new(owned[19])
        });
        assert_eq!(
            thread.expect("a thread").join(cx),
            Exit::Returned(Box::new(n))
        );
    };
    (0..100).for_each(|n| one(cx, n));
    let before = usage();
    for n in 0..100_000 {
        one(cx, n);
        if n % 10_000 == 0 {
            assert_eq!(usage(), before, "after {n} threads");
        }
    }
    assert_eq!(usage(), before);
    assert_eq!(get(&RAN), 100_100);
    kprintln!("100000 threads; {before:?}");
}
