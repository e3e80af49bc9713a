//! A heart for each core: an urgent thread that stays there and beats. Who finds another's heart
//! still, or the supervisor's, says so: a core that hangs with its interrupts masked can say nothing
//! itself, and the supervisor may be the one who waits for it.

use crate::support::*;
use crate::{Crew, Party, STANDSTILL, is_over};
use core::sync::atomic::{AtomicU64, Ordering::SeqCst};

pub const PARTY: Party = Party {
    name: "beats",
    start,
    progress: || {
        cores()
            .map(|core| BEATS[core].load(SeqCst))
            .min()
            .unwrap_or(0)
    },
    end: || {},
    check: |_| _ = BEATS[SUPERVISOR].fetch_add(1, SeqCst),
};

/// Behind those of the cores.
const SUPERVISOR: usize = cpu::MAX;
static BEATS: [AtomicU64; cpu::MAX + 1] = [const { AtomicU64::new(0) }; cpu::MAX + 1];

fn start(crew: &mut Crew<'_>) {
    for core in cores() {
        let heart = Builder::new("heart").affinity(CpuSet::one(core));
        crew.spawn(heart.priority(Priority::round_robin(60)), move |cx, _| {
            let mut seen = [(0, time::now()); cpu::MAX + 1];
            while !is_over() {
                time::sleep(cx, Duration::from_millis(50));
                BEATS[core].fetch_add(1, SeqCst);
                for who in cores().chain([SUPERVISOR]) {
                    look_at(who, &mut seen[who]);
                }
            }
        });
    }
}

fn look_at(who: usize, (last, since): &mut (u64, time::Instant)) {
    let (beats, now) = (BEATS[who].load(SeqCst), time::now());
    if beats != *last {
        (*last, *since) = (beats, now);
    }
    // The supervisor is the first to say what stands still, if it can.
    let still = now.saturating_duration_since(*since);
    assert!(
        still < STANDSTILL * 2 || is_over(),
        "{} has stood still for {} s",
        if who == SUPERVISOR {
            "the supervisor"
        } else {
            "a core"
        },
        still.as_secs()
    );
}
