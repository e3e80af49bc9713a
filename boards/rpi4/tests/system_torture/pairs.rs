//! Two threads that wake each other in turn, as the lecture's sleeper and waker, with nothing that
//! would make good a wake that is lost: then the pair stands still.

use crate::support::*;
use crate::{Crew, Party, is_over, ways};
use core::sync::atomic::{AtomicU64, Ordering::SeqCst};

pub const PARTY: Party = Party {
    name: "pairs",
    start,
    progress,
    end,
    check: |_| {},
};

const PAIRS: usize = 4;

/// In turn `n`, the side `n % 2` goes.
struct Pair {
    turn: AtomicU64,
    queues: [WaitQueue; 2],
}

static PAIR: [Pair; PAIRS] = [const {
    Pair {
        turn: AtomicU64::new(0),
        queues: [const { WaitQueue::new("torture: pairs") }; 2],
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
            // Half of them stay on cores of their own, half go where there is room.
            let core = (2 * n + side) % cpu::count();
            let cores = match n % 2 {
                0 => CpuSet::one(core),
                _ => CpuSet::first(cpu::count()),
            };
            crew.spawn(Builder::new("pair").affinity(cores), move |cx, random| {
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
        // A slow look: the longer it takes, the more fits between it and the sleep.
        let look = || mine() || (random.dawdle(60), false).1;
        ways::wait(cx, random, &pair.queues[side as usize], look);
        if is_over() {
            break;
        }
        random.dawdle(30);
        pair.turn.fetch_add(1, SeqCst);
        let other = &pair.queues[1 - side as usize];
        match random.below(4) {
            0 => _ = other.wake_all(),
            _ => _ = other.wake_one(),
        }
    }
}
