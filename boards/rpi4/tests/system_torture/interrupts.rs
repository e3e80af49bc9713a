//! Waits that end in interrupts: a software interrupt's handler wakes who asked for it, and puts
//! something into a box; the UART brings what is typed. The timer's interrupts are everybody's who
//! waits with a deadline.

use crate::support::*;
use crate::{Crew, Party, boxes, is_over, items, ways};
use core::sync::atomic::{AtomicU32, AtomicU64, Ordering::SeqCst};
use layercake_kernel::{IrqCx, console, platform};

pub const PARTY: Party = Party {
    name: "interrupts",
    start,
    progress: || ANSWERED.iter().map(|n| n.load(SeqCst)).min().unwrap_or(0),
    end: || ASKERS.iter().for_each(|queue| _ = queue.wake_all()),
    check,
};

/// Who asks, each at a software interrupt of its own.
const ASKING: usize = 3;

static ASKERS: [WaitQueue; ASKING] = [const { WaitQueue::new("torture: askers") }; ASKING];
static ASKED: [AtomicU64; ASKING] = [const { AtomicU64::new(0) }; ASKING];
static ANSWERED: [AtomicU64; ASKING] = [const { AtomicU64::new(0) }; ASKING];
static NUMBERS: [AtomicU32; ASKING] = [const { AtomicU32::new(0) }; ASKING];
/// The software interrupt whose handler queues work.
static QUEUES_WORK: AtomicU32 = AtomicU32::new(0);
static TYPED: AtomicU64 = AtomicU64::new(0);

/// Makes the handlers known.
pub fn register(cx: &mut TaskCx) {
    const HANDLERS: [fn(IrqCx<'_>); ASKING] = [|_| answer(0), |_| answer(1), |_| answer(2)];
    for (n, handler) in HANDLERS.into_iter().enumerate() {
        NUMBERS[n].store(register_sgi(cx, n as u32, handler), SeqCst);
    }
    let number = register_sgi(cx, ASKING as u32, |_| items::queue_from_interrupt());
    QUEUES_WORK.store(number, SeqCst);
}

/// Interrupts `core`, which then queues work in the handler.
pub fn have_work_queued(core: usize) {
    platform::get().send_sgi(core, QUEUES_WORK.load(SeqCst));
}

/// In the handler.
fn answer(n: usize) {
    ANSWERED[n].store(ASKED[n].load(SeqCst), SeqCst);
    ASKERS[n].wake_one();
    boxes::put_from_interrupt(n);
}

fn start(crew: &mut Crew<'_>) {
    for n in 0..ASKING {
        crew.spawn(Builder::new("asker"), move |cx, random| {
            while !is_over() {
                let asked = ASKED[n].fetch_add(1, SeqCst) + 1;
                let core = random.below(cpu::count() as u64) as usize;
                platform::get().send_sgi(core, NUMBERS[n].load(SeqCst));
                random.dawdle(30);
                let ready = || ANSWERED[n].load(SeqCst) >= asked || is_over();
                ways::wait(cx, &random, &ASKERS[n], ready);
                if random.below(4) == 0 {
                    time::sleep(cx, Duration::from_micros(random.below(200)));
                }
            }
        });
    }
    crew.spawn(Builder::new("reader"), |cx, random| {
        let mut buffer = [0; 16];
        while !is_over() {
            let soon = time::now() + Duration::from_millis(1 + random.below(20));
            if let Ok(count) = console::read_deadline(cx, &mut buffer, soon) {
                TYPED.fetch_add(count as u64, SeqCst);
            }
        }
    });
}

fn check(_: bool) {
    // Read first: what was read has been received before.
    let typed = TYPED.load(SeqCst);
    let stats = console::stats();
    assert!(typed <= stats.received, "{typed} bytes read of {stats:?}");
    for (asked, answered) in ASKED.iter().zip(&ANSWERED) {
        let answered = answered.load(SeqCst);
        assert!(answered <= asked.load(SeqCst), "answered before it asked");
    }
}
