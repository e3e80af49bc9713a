//! Everything at once on four cores: random threads, waits of every kind with deadlines and
//! cancels, locks, work, and interrupts of the timer, the UART and software. Every account is
//! checked each second and at the end: no wake, item, permit or thread is lost or doubled.
//!
//! What is tormented is in the files beside this one, one for each *party*; here are the cases, the
//! supervisor, and the end. The first inconsistency, party that stands still, or thread that hangs
//! is a panic that names the seed. `cargo xtask torture` runs the case that its options ask for.
//!
//! The same image with a known mistake switched on in the wait queues must fail, in the party that
//! is there to find it: a torture that could not fail would prove nothing. That the emulator shows
//! reordered stores is `canary.rs`'s.
//@ features: stats
//@ wait: the torture begins
//@ send-repeated: 700 typed while the torture runs, to make the UART interrupt it\r
//@ case: waits
//@ timeout: 150
//@ expect: every account is right
//@ case: works
//@ timeout: 150
//@ expect: every account is right
//@ case: all
//@ timeout: 240
//@ expect: every account is right
//@ case: a_lost_wakeup_is_found
//@ timeout: 60
//@ exit: 101
//@ features: mutants
//@ expect: a wake was lost: both sides of pair
//@ case: a_swallowed_wake_is_found
//@ timeout: 150
//@ exit: 101
//@ features: mutants
//@ expect: the party `relays` stands still
//@ case: five_million_wakeups
//@ full
//@ timeout: 3000
//@ expect: every account is right
//@ case: five_million_items
//@ full
//@ timeout: 3000
//@ expect: every account is right
//@ case: an_hour
//@ full
//@ timeout: 4200
//@ expect: every account is right
#![cfg_attr(target_os = "none", no_std)]
#![no_main]
#![cfg(target_os = "none")]

extern crate alloc;

mod accounts;
mod beats;
mod boxes;
mod churn;
mod delays;
mod interrupts;
mod items;
mod locks;
mod pairs;
mod relays;
mod scopes;
#[path = "../support/mod.rs"]
mod support;
mod ways;

use accounts::Done;
use alloc::vec::Vec;
use core::sync::atomic::{AtomicBool, Ordering};
use layercake_kernel::{entry, kprintln, power};
use support::*;

entry!(&board_rpi4::BOARD, main);

/// What a run is to do.
struct Plan {
    parties: &'static [Party],
    seed: u64,
    /// It ends when all three are reached; or, short of the counts, at the longest.
    shortest: Duration,
    wakeups: u64,
    items: u64,
    longest: Duration,
}

impl Plan {
    /// Whether so much was done as it asks for.
    fn is_reached(&self, done: &Done) -> bool {
        done.wakeups >= self.wakeups && done.queued() >= self.items
    }
}

/// One kind of torment.
struct Party {
    name: &'static str,
    /// Makes its threads.
    start: fn(&mut Crew<'_>),
    /// Something that grows as long as nothing is lost.
    progress: fn() -> u64,
    /// Wakes all who wait, so that they see that it is over.
    end: fn(),
    /// Checks its books: each second, and at the end, when all its threads have gone.
    check: fn(at_end: bool),
}

static WAITS: [Party; 5] = [
    pairs::PARTY,
    relays::PARTY,
    boxes::PARTY,
    interrupts::PARTY,
    beats::PARTY,
];
/// With waits that end in interrupts beside those interrupts that queue work.
static WORKS: [Party; 5] = [
    items::PARTY,
    scopes::PARTY,
    delays::PARTY,
    interrupts::PARTY,
    beats::PARTY,
];
/// Who alone finds a known mistake soonest, however busy the machine is.
static PAIRS: [Party; 1] = [pairs::PARTY];
static RELAYS: [Party; 1] = [relays::PARTY];
static ALL: [Party; 10] = [
    pairs::PARTY,
    relays::PARTY,
    boxes::PARTY,
    interrupts::PARTY,
    locks::PARTY,
    items::PARTY,
    scopes::PARTY,
    delays::PARTY,
    // This one changes the threads of all that come before it.
    churn::PARTY,
    beats::PARTY,
];

/// Set when the parties are to end.
static OVER: AtomicBool = AtomicBool::new(false);

fn is_over() -> bool {
    OVER.load(Ordering::SeqCst)
}

/// A party that makes no progress for so long has lost something. More than a busy machine takes
/// from an emulator at a time.
const STANDSTILL: Duration = Duration::from_secs(15);

fn main(cx: &mut TaskCx) {
    let asked = board_rpi4::script::from_host().unwrap_or_default();
    let plan = plan(&asked);
    run(cx, &plan);
    power::poweroff(0)
}

fn plan(asked: &str) -> Plan {
    let lasting = |parties, seconds| Plan {
        parties,
        seed: 0x5eed,
        shortest: Duration::from_secs(seconds),
        longest: Duration::from_secs(seconds),
        wakeups: 0,
        items: 0,
    };
    match asked {
        "waits" => lasting(&WAITS, 10),
        "works" => lasting(&WORKS, 5),
        "all" => lasting(&ALL, 60),
        "a_lost_wakeup_is_found" => mutant("CheckThenEnqueue", lasting(&PAIRS, 50)),
        "a_swallowed_wake_is_found" => mutant("SwallowedWakeOne", lasting(&RELAYS, 50)),
        "five_million_wakeups" => Plan {
            longest: Duration::from_secs(2700),
            wakeups: 5_000_000,
            ..lasting(&WAITS, 60)
        },
        "five_million_items" => Plan {
            longest: Duration::from_secs(2700),
            items: 5_000_000,
            ..lasting(&WORKS, 60)
        },
        "an_hour" => lasting(&ALL, 3600),
        _ => parse(asked).unwrap_or_else(|| panic!("there is no case `{asked}`")),
    }
}

/// `seconds=N seed=S`.
fn parse(asked: &str) -> Option<Plan> {
    let (seconds, seed) = asked.split_once(' ')?;
    let seconds = seconds.strip_prefix("seconds=")?.parse().ok()?;
    Some(Plan {
        seed: seed.strip_prefix("seed=")?.parse().ok()?,
        shortest: Duration::from_secs(seconds),
        longest: Duration::from_secs(seconds),
        ..plan("all")
    })
}

/// Makes the wait queues wrong.
fn mutant(name: &str, plan: Plan) -> Plan {
    #[cfg(feature = "mutants")]
    layercake_kernel::wait::mutant::switch_on(name);
    kprintln!("with the mutant {name}");
    plan
}

/// The threads of the parties.
struct Crew<'a> {
    threads: Vec<JoinHandle>,
    random: &'a Random,
}

impl Crew<'_> {
    /// Makes a thread that gets random numbers of its own.
    fn spawn(&mut self, builder: Builder, body: impl FnOnce(&mut TaskCx, Random) + Send + 'static) {
        let random = Random::new(self.random.below(u64::MAX >> 16) | 1);
        let thread = builder.spawn(move |cx| body(cx, random));
        self.threads.push(thread.expect("a thread of the torture"));
    }
}

fn run(cx: &mut TaskCx, plan: &Plan) {
    interrupts::register(cx);
    scopes::make_room(cx);
    let random = Random::new(plan.seed.max(1));
    let mut crew = Crew {
        threads: Vec::new(),
        random: &random,
    };
    let seed = plan.seed;
    kprintln!("the torture begins, seed {seed}");
    let before = Done::so_far();
    let mut seen: Vec<_> = plan.parties.iter().map(|_| (0, time::now())).collect();
    // From here on, what is taken is given back.
    let memory = accounts::Memory::with_stacks(cx);
    // Of a party that stands still, its name is of more use than its threads'.
    thread::set_hung_limit(STANDSTILL * 2);
    let begun = time::now();
    plan.parties
        .iter()
        .for_each(|party| (party.start)(&mut crew));
    let mut told = begun;
    loop {
        time::sleep(cx, Duration::from_secs(1));
        let now = time::now();
        for (party, (last, since)) in plan.parties.iter().zip(&mut seen) {
            let progress = (party.progress)();
            if progress != *last {
                (*last, *since) = (progress, now);
            }
            let still = now.saturating_duration_since(*since);
            assert!(
                still < STANDSTILL,
                "the party `{}` stands still at {progress}, seed {seed}",
                party.name
            );
            (party.check)(false);
        }
        accounts::check(false, seed);
        let (lasted, done) = (
            now.saturating_duration_since(begun),
            Done::so_far().since(&before),
        );
        if now.saturating_duration_since(told) >= Duration::from_secs(60) {
            told = now;
            kprintln!("{:5} s: {done}", lasted.as_secs());
        }
        if lasted >= plan.longest || (lasted >= plan.shortest && plan.is_reached(&done)) {
            break;
        }
    }
    end(cx, plan, crew.threads);
    let done = Done::so_far().since(&before);
    kprintln!("{done}");
    accounts::check(true, seed);
    memory.check(cx, seed);
    assert!(plan.is_reached(&done), "that is not what was asked for");
    kprintln!("every account is right, seed {seed}");
}

/// Ends the parties. Whoever does not come out has lost something.
fn end(cx: &mut TaskCx, plan: &Plan, threads: Vec<JoinHandle>) {
    OVER.store(true, Ordering::SeqCst);
    plan.parties.iter().for_each(|party| (party.end)());
    let end = time::now() + STANDSTILL;
    while let Some(thread) = threads.iter().find(|thread| !thread.is_finished()) {
        let (id, seed) = (thread.id(), plan.seed);
        assert!(time::now() < end, "thread {id} does not end, seed {seed}");
        time::sleep(cx, Duration::from_millis(1));
    }
    drop(threads);
    plan.parties.iter().for_each(|party| (party.check)(true));
}
