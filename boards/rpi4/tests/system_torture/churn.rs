//! Threads that come and go: made with random priorities and cores, joined or let go. As many end
//! as were made, and their memory comes back.
//!
//! Whatever is done to threads while they run (to move them, to change their priority, to kill
//! them) is to be done in [`disturb`].

use crate::support::*;
use crate::{Crew, Party, is_over};
use core::sync::atomic::{AtomicU64, Ordering::SeqCst};

pub const PARTY: Party = Party {
    name: "churn",
    start,
    progress: || ENDED.load(SeqCst),
    end: || {},
    check,
};

/// Who makes threads, and how many of theirs there may be at a time.
const MAKERS: usize = 2;
pub const AT_ONCE: u64 = 16;

static MADE: AtomicU64 = AtomicU64::new(0);
static ENDED: AtomicU64 = AtomicU64::new(0);

fn start(crew: &mut Crew<'_>) {
    for _ in 0..MAKERS {
        crew.spawn(Builder::new("maker"), |cx, random| {
            while !is_over() {
                make(cx, &random);
            }
        });
    }
    assert!(AT_ONCE >= 2 * MAKERS as u64);
}

fn make(cx: &mut TaskCx, random: &Random) {
    if MADE.load(SeqCst) - ENDED.load(SeqCst) >= AT_ONCE - MAKERS as u64 {
        return time::sleep(cx, Duration::from_micros(500));
    }
    let priority = match random.below(8) {
        0 => Priority::round_robin(1 + random.below(20) as u8),
        1 => Priority::Idle,
        _ => Priority::fair(random.below(40) as i8 - 20),
    };
    // At least one core that there is.
    let some = 1 + random.below((1 << cpu::count()) - 1);
    let (nap, work) = (random.below(300), random.below(2000));
    let builder = Builder::new("passing").priority(priority);
    MADE.fetch_add(1, SeqCst);
    let thread = builder.affinity(CpuSet::from_bits(some)).spawn(move |cx| {
        (0..work).for_each(|_| core::hint::spin_loop());
        time::sleep(cx, Duration::from_micros(nap));
        ENDED.fetch_add(1, SeqCst);
    });
    let thread = thread.expect("a thread that comes and goes");
    disturb(cx, random, &thread);
    match random.below(2) {
        0 => _ = thread.join(cx),
        _ => thread.detach(),
    }
}

/// What happens to a thread while it runs. Nothing yet but that its maker takes its time.
fn disturb(cx: &mut TaskCx, random: &Random, _thread: &JoinHandle) {
    if random.below(4) == 0 {
        time::sleep(cx, Duration::from_micros(random.below(100)));
    }
}

fn check(at_end: bool) {
    if at_end {
        // Those that were let go may still be on their way.
        let end = time::now() + PATIENCE;
        while ENDED.load(SeqCst) < MADE.load(SeqCst) {
            assert!(time::now() < end, "a thread does not end");
        }
    } else {
        let ended = ENDED.load(SeqCst);
        assert!(ended <= MADE.load(SeqCst), "more ended than were made");
    }
}

/// How many threads came and went.
pub fn ended() -> u64 {
    ENDED.load(SeqCst)
}
