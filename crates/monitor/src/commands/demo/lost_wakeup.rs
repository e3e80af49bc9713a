//! `demo lost-wakeup 1|2|fixed`: the lecture's two wrong ways to wait, and the right one, at full
//! speed on all cores.
//!
//! Sleepers wait for their wakers, round after round, while the console looks on. A round that is
//! lost would never end; so the console has a deadline, looks whether the sleeper really sleeps
//! with nobody left to wake it, says so, and kicks it awake. With Ctrl-C all of them end, wherever
//! they hang. Why the wrong ways lose is told in the book's chapter on waiting.

use super::crew::Crew;
use crate::{
    args::choice,
    failure::Failure,
    out::say,
    session::Session,
    show::{Count, Span},
};
use alloc::{sync::Arc, vec::Vec};
use core::{
    hint::spin_loop,
    sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering::SeqCst},
    time::Duration,
};
use layercake_kernel::{
    Host, TaskCx, WaitQueue, cpu,
    thread::{self, Builder, CpuSet, State, yield_now},
    time,
    wait::Mutex,
};

/// How long the right way runs; and a wrong one at the most.
const RIGHT: Duration = Duration::from_secs(5);
const WRONG: Duration = Duration::from_secs(30);
/// A wrong way has shown what it is after so many losses.
const ENOUGH: u64 = 3;
/// The supervisor looks so often, and suspects a round that has not ended for so long.
const EVERY: Duration = Duration::from_millis(100);
const DEADLINE: Duration = Duration::from_millis(500);

const X: &str = "demo: x";
const LOCK_OF_X: &str = "demo: lock of x";

/// How the sleeper waits.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Way {
    /// Attempt 1: look, then sleep.
    LookThenSleep,
    /// Attempt 2: the same with a lock held, so that the waker cannot come between.
    SleepWithLock,
    /// Prepare, check, block.
    Right,
}

/// A sleeper and its waker. In round `n`, x is true when `told >= n`.
struct Pair {
    way: Way,
    queue: WaitQueue,
    lock: Mutex<(), Host>,
    told: AtomicU64,
    /// The last round whose wake has been sent, and the last that the sleeper has ended.
    woken: AtomicU64,
    heard: AtomicU64,
    /// The threads' numbers.
    sleeper: AtomicU32,
    waker: AtomicU32,
    kicked: AtomicBool,
    over: AtomicBool,
}

impl Pair {
    fn new(way: Way) -> Self {
        Self {
            way,
            queue: WaitQueue::new(X),
            lock: Mutex::new(LOCK_OF_X, ()),
            told: AtomicU64::new(0),
            woken: AtomicU64::new(0),
            heard: AtomicU64::new(0),
            sleeper: AtomicU32::new(0),
            waker: AtomicU32::new(0),
            kicked: AtomicBool::new(false),
            over: AtomicBool::new(false),
        }
    }

    /// What the sleeper waits for in round `n`. Also true when there is no more to wait for.
    fn x(&self, n: u64) -> bool {
        self.told.load(SeqCst) >= n || self.over.load(SeqCst)
    }

    fn wait(&self, n: u64, cx: &mut TaskCx) {
        match self.way {
            Way::LookThenSleep => {
                while !self.x(n) {
                    // A wake that comes here finds nobody on the queue.
                    self.queue.wait_once(cx);
                }
            }
            Way::SleepWithLock => {
                let held = self.lock.lock(cx);
                while !self.x(n) && !self.kicked.load(SeqCst) {
                    // Nobody makes x true as long as this thread has the lock.
                    self.queue.wait_once(cx);
                }
                drop(held);
                if self.kicked.swap(false, SeqCst) {
                    self.queue.wait_until(cx, |_| self.x(n).then_some(()));
                }
            }
            Way::Right => self.queue.wait_until(cx, |_| self.x(n).then_some(())),
        }
    }

    fn sleep_and_wake_up(&self, cx: &mut TaskCx) {
        self.sleeper.store(thread::current_id(), SeqCst);
        for n in 1.. {
            self.wait(n, cx);
            if self.over.load(SeqCst) {
                break;
            }
            self.heard.store(n, SeqCst);
        }
    }

    fn wake(&self, seed: u64, cx: &mut TaskCx) {
        self.waker.store(thread::current_id(), SeqCst);
        let mut random = seed;
        'rounds: for n in 1.. {
            // Xorshift (Marsaglia, 2003): each round meets the sleeper somewhere else.
            random ^= random << 13;
            random ^= random >> 7;
            random ^= random << 17;
            (0..random % 300).for_each(|_| spin_loop());
            if self.way == Way::SleepWithLock {
                let held = self.lock.lock(cx);
                self.told.store(n, SeqCst);
                drop(held);
            } else {
                self.told.store(n, SeqCst);
            }
            self.queue.wake_one();
            self.woken.store(n, SeqCst);
            for turn in 1_u64.. {
                if self.over.load(SeqCst) {
                    break 'rounds;
                }
                if self.heard.load(SeqCst) >= n {
                    break;
                }
                spin_loop();
                if turn.is_multiple_of(256) {
                    yield_now(cx);
                }
            }
        }
    }

    /// Whether the round after `heard` cannot end: the sleeper sleeps, and whoever should wake it
    /// has done so already, or is asleep as well. No slow machine can make a right way look so.
    fn is_lost(&self, heard: u64) -> bool {
        let woken = self.woken.load(SeqCst) > heard;
        let asleep = |id: &AtomicU32, on: &str| {
            thread::look_up(id.load(SeqCst))
                .is_some_and(|thread| thread.state == State::Blocked && thread.waits_on == Some(on))
        };
        let stuck = asleep(&self.sleeper, X) && (woken || asleep(&self.waker, LOCK_OF_X));
        stuck && self.heard.load(SeqCst) == heard
    }

    /// Gets the sleeper out of a round that is lost.
    fn kick(&self) {
        self.kicked.store(self.way == Way::SleepWithLock, SeqCst);
        self.queue.wake_all();
    }
}

/// What the supervisor knows of a pair.
struct Watched {
    pair: Arc<Pair>,
    heard: u64,
    since: time::Instant,
}

impl Watched {
    /// The round that is lost, if one is.
    fn look(&mut self) -> Option<u64> {
        let (heard, now) = (self.pair.heard.load(SeqCst), time::now());
        if heard != self.heard {
            (self.heard, self.since) = (heard, now);
            return None;
        }
        let late = now.saturating_duration_since(self.since) >= DEADLINE;
        (late && self.pair.is_lost(heard)).then_some(heard + 1)
    }
}

pub fn run<'a>(session: &mut Session<'_>, way: &'a str) -> Result<(), Failure<'a>> {
    let way = match choice(way, &["1", "2", "fixed"])? {
        0 => Way::LookThenSleep,
        1 => Way::SleepWithLock,
        _ => Way::Right,
    };
    say!(
        "{}",
        match way {
            Way::LookThenSleep => "Attempt 1: the sleeper looks at x, and sleeps if it is false.",
            Way::SleepWithLock =>
                "Attempt 2: the sleeper looks and sleeps with the lock of x held.",
            Way::Right => "Prepare, check, block: the sleeper is on the queue before it looks.",
        }
    );
    let start = time::now();
    let mut pairs: Vec<_> = (0..(cpu::count() / 2).max(1))
        .map(|_| Watched {
            pair: Arc::new(Pair::new(way)),
            heard: 0,
            since: start,
        })
        .collect();
    let mut crew = Crew::default();
    let shown = hire(&mut crew, &pairs).and_then(|()| watch(session, &mut pairs, start, way));
    end(session.cx, crew, &pairs);
    let lost = shown?;
    let rounds = pairs.iter().map(|it| it.pair.heard.load(SeqCst)).sum();
    let took = Span(time::now().saturating_duration_since(start));
    say!(
        "{} lost in {} on {}, in {took}.",
        Count(lost, "wake"),
        Count(rounds, "round"),
        Count(cpu::count() as u64, "core"),
    );
    match way {
        Way::Right if lost > 0 => Err(Failure::because("a wake was lost, which must not be")),
        Way::Right => Ok(()),
        _ if lost == 0 => Err(Failure::because("no wake was lost this time: try again")),
        Way::LookThenSleep => {
            say!("Each fell between the look and the sleep, when nobody was on the queue.");
            Ok(())
        }
        Way::SleepWithLock => {
            say!("The sleeper took the lock to bed; its waker waited for that lock.");
            Ok(())
        }
    }
}

/// Makes the threads, each on a core of its own if there are enough.
fn hire(crew: &mut Crew, pairs: &[Watched]) -> Result<(), Failure<'static>> {
    let on = |name, core: usize| Builder::new(name).affinity(CpuSet::one(core % cpu::count()));
    for (n, watched) in pairs.iter().enumerate() {
        let pair = watched.pair.clone();
        crew.spawn(on("sleeper", 2 * n), move |cx| pair.sleep_and_wake_up(cx))?;
        let pair = watched.pair.clone();
        crew.spawn(on("waker", 2 * n + 1), move |cx| {
            pair.wake(0x9e37_79b9 + n as u64, cx)
        })?;
    }
    Ok(())
}

/// Looks on until the time is over or enough is lost; says how many wakes were lost.
fn watch(
    session: &mut Session<'_>,
    pairs: &mut [Watched],
    start: time::Instant,
    way: Way,
) -> Result<u64, Failure<'static>> {
    let longest = if way == Way::Right { RIGHT } else { WRONG };
    let mut lost = 0;
    while lost < ENOUGH && time::now() < start + longest {
        session.pause(EVERY)?;
        for (n, watched) in pairs.iter_mut().enumerate() {
            let Some(round) = watched.look() else {
                continue;
            };
            lost += 1;
            let blame = match way {
                Way::SleepWithLock => "the sleeper has the lock, and the waker waits for it",
                _ => "x is true, the wake was sent, and the sleeper sleeps",
            };
            say!("  pair {n}, round {round}: {blame}: lost; kicked");
            watched.since = time::now();
            watched.pair.kick();
        }
    }
    Ok(lost)
}

/// Ends the threads, wherever they hang.
fn end(cx: &mut TaskCx, crew: Crew, pairs: &[Watched]) {
    pairs
        .iter()
        .for_each(|watched| watched.pair.over.store(true, SeqCst));
    // More than once: to a sleeper of attempt 1 this wake can be lost like any other.
    while crew.still_runs() {
        pairs.iter().for_each(|it| _ = it.pair.queue.wake_all());
        time::sleep(cx, Duration::from_millis(1));
    }
    crew.join(cx);
}
