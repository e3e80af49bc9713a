//! Two threads that wake each other in turn, as the lecture's sleeper and waker, with nothing that
//! would make good a wake that is lost: then both sides of the pair sleep, which is seen at once.

use crate::support::*;
use crate::{Crew, Party, is_over, ways};
use core::sync::atomic::{AtomicU32, AtomicU64, Ordering::SeqCst};

pub const PARTY: Party = Party {
    name: "pairs",
    start,
    progress,
    end,
    check,
};

/// Three for each core: enough that every core has something to do while some are on their way.
const PAIRS: usize = 12;

/// In turn `n`, the side `n % 2` goes.
struct Pair {
    turn: AtomicU64,
    queues: [WaitQueue; 2],
    threads: [AtomicU32; 2],
    /// The turn in which both sides were last seen asleep, and one more; 0 for none.
    slept_in: AtomicU64,
}

static PAIR: [Pair; PAIRS] = [const {
    Pair {
        turn: AtomicU64::new(0),
        queues: [const { WaitQueue::new("torture: pairs") }; 2],
        threads: [const { AtomicU32::new(0) }; 2],
        slept_in: AtomicU64::new(0),
    }
}; PAIRS];

/// The slowest pair's: so that each of them is missed.
fn progress() -> u64 {
    let turns = PAIR.iter().map(|pair| pair.turn.load(SeqCst));
    turns.min().unwrap_or_default()
}

fn end() {
    for pair in &PAIR {
        pair.queues.iter().for_each(|queue| _ = queue.wake_all());
    }
}

fn start(crew: &mut Crew<'_>) {
    for (n, pair) in PAIR.iter().enumerate() {
        for side in 0..2 {
            let core = n / 3 % cpu::count();
            let cores = match n % 3 {
                // Both on one core.
                0 => CpuSet::one(core),
                // On two.
                1 => CpuSet::one((core + side) % cpu::count()),
                // Where there is room.
                _ => CpuSet::first(cpu::count()),
            };
            crew.spawn(Builder::new("pair").affinity(cores), move |cx, random| {
                pair.threads[side].store(thread::current_id(), SeqCst);
                play(pair, side as u64, cx, &random)
            });
        }
    }
}

fn play(pair: &Pair, side: u64, cx: &mut TaskCx, random: &Random) {
    let mine = || pair.turn.load(SeqCst) % 2 == side || is_over();
    while !is_over() {
        if random.below(2) == 0 {
            // Awake when its turn comes, it answers just when the other is on its way to sleep.
            (0..2000)
                .take_while(|_| !mine())
                .for_each(|_| core::hint::spin_loop());
        }
        // A slow look: the longer it takes, the more fits between it and the sleep. Now and then
        // all that the other side does in a turn.
        let slow = [20, 60, 60, 4000][random.below(4) as usize];
        let look = || mine() || (random.dawdle(slow), false).1;
        ways::wait(cx, random, &pair.queues[side as usize], look);
        if is_over() {
            break;
        }
        match random.below(64) {
            // Asleep, so that its core is free for others, or idles.
            0 => time::sleep(cx, Duration::from_micros(random.below(500))),
            _ => random.dawdle(30),
        }
        pair.turn.fetch_add(1, SeqCst);
        let other = &pair.queues[1 - side as usize];
        match random.below(4) {
            0 => _ = other.wake_all(),
            _ => _ = other.wake_one(),
        }
    }
}

/// Who sleeps has woken the other side before. So if both sleep in one turn, the wake for it was
/// lost. Seen twice, in case that one was just about to wake up.
fn check(at_end: bool) {
    let asleep = |id: &AtomicU32| {
        let info = thread::look_up(id.load(SeqCst));
        info.is_some_and(|info| info.state == State::Blocked)
    };
    for (n, pair) in PAIR.iter().enumerate().filter(|_| !at_end) {
        let turn = pair.turn.load(SeqCst);
        let both = pair.threads.iter().all(asleep) && turn == pair.turn.load(SeqCst);
        let seen = if both { turn + 1 } else { 0 };
        let before = pair.slept_in.swap(seen, SeqCst);
        assert!(
            seen == 0 || before != seen,
            "a wake was lost: both sides of pair {n} sleep in turn {turn}"
        );
    }
}
