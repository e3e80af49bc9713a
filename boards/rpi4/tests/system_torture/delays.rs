//! Work that comes at its time: an item on each core that comes every period, and items that are put
//! off again and again. The first are never early and never stop; of the others, the last call is
//! followed by a run that sees what was said before it.

use crate::support::*;
use crate::{Crew, Party, is_over};
use core::sync::atomic::{AtomicU64, Ordering::SeqCst};
use layercake_kernel::work::{Queued, Running, Work};
use layercake_kernel::{Host, IrqSpinLock, system_work};

pub const PARTY: Party = Party {
    name: "delays",
    start,
    progress,
    end: || {},
    check: |_| {},
};

const PERIOD: Duration = Duration::from_millis(10);
/// So many are put off, each by a thread of its own.
const PUT_OFF: usize = 2;

/// An item that comes every period.
struct Regular {
    begun: IrqSpinLock<Option<time::Instant>>,
    beats: AtomicU64,
}

static REGULAR: [Work<Host, Regular>; cpu::MAX] = [const {
    Work::with_data(
        "torture: every period",
        Regular {
            begun: IrqSpinLock::new(None),
            beats: AtomicU64::new(0),
        },
        beat,
    )
}; cpu::MAX];

/// An item that is put off.
struct Errand {
    /// The last that was said, and the last that a run saw.
    said: AtomicU64,
    seen: AtomicU64,
}

static ERRAND: [Work<Host, Errand>; PUT_OFF] = [const {
    Work::with_data(
        "torture: put off",
        Errand {
            said: AtomicU64::new(0),
            seen: AtomicU64::new(0),
        },
        |run, _| {
            run.seen.store(run.said.load(SeqCst), SeqCst);
        },
    )
}; PUT_OFF];

/// Who has come least often.
fn progress() -> u64 {
    let seen = ERRAND.iter().map(|errand| errand.data().seen.load(SeqCst));
    beats().chain(seen).min().unwrap_or_default()
}

/// How often the item of each core has come.
fn beats() -> impl Iterator<Item = u64> {
    cores().map(|core| REGULAR[core].data().beats.load(SeqCst))
}

/// How many periods were kept, and how often something was put off.
pub fn done() -> [u64; 2] {
    let said = ERRAND.iter().map(|errand| errand.data().said.load(SeqCst));
    [beats().sum(), said.sum()]
}

fn beat(run: &Running<'_, Host, Regular>, cx: &mut TaskCx) {
    let beat = run.beats.fetch_add(1, SeqCst) + 1;
    let begun = run.begun.lock(cx.atomic()).expect("it was begun");
    let passed = time::now().saturating_duration_since(begun);
    assert!(
        passed >= PERIOD * beat as u32,
        "beat {beat} after {passed:?}"
    );
    if !is_over() {
        let queued = run.again_every(system_work::delays(), PERIOD);
        assert_eq!(queued, Queued::WillRunAgain);
    }
}

fn start(crew: &mut Crew<'_>) {
    crew.spawn(Builder::new("timekeeper"), |cx, _| {
        for core in cores() {
            let (item, now) = (&REGULAR[core], time::now());
            *item.data().begun.lock(cx.atomic()) = Some(now);
            let queue = system_work::percpu(core);
            let queued = system_work::delays().queue_at(queue, item, now + PERIOD);
            assert_eq!(queued, Queued::New);
        }
        while !is_over() {
            time::sleep(cx, PERIOD);
        }
        // Each has one run to come, or ends with the one that it is in.
        for core in cores() {
            REGULAR[core].flush(cx).expect("this is no worker");
        }
    });
    for item in &ERRAND {
        crew.spawn(Builder::new("postponer"), |cx, random| {
            while !is_over() {
                put_off(item, &random);
                let nap = random.below(500);
                time::sleep(cx, Duration::from_micros(nap));
            }
            item.flush(cx).expect("this is no worker");
            let Errand { said, seen } = item.data();
            assert_eq!(
                seen.load(SeqCst),
                said.load(SeqCst),
                "the last call was lost"
            );
        });
    }
}

fn put_off(item: &'static Work<Host, Errand>, random: &Random) {
    item.data().said.fetch_add(1, SeqCst);
    let queue = match random.below(4) {
        0 => system_work::highpri(),
        1 => system_work::unbound(),
        _ => system_work::percpu(cpu::current()),
    };
    let at = time::now() + Duration::from_micros(random.below(400));
    let queued = system_work::delays().requeue_at(queue, item, at);
    assert!(
        queued.accepted() && queued != Queued::Coalesced,
        "{queued:?}"
    );
}
