//! One giver, several takers, one thing at a time: the giver goes on when somebody has taken it.
//! Among the takers is a fickle one that joins the queue and leaves it without a look, often when it
//! has been woken. That wake has to go on to the next, or all stand still (W3).

use crate::support::*;
use crate::{Crew, Party, is_over, ways};
use core::pin::pin;
use core::sync::atomic::{AtomicBool, AtomicU64, Ordering::SeqCst};
use layercake_kernel::Waiter;

pub const PARTY: Party = Party {
    name: "relays",
    start,
    progress,
    end,
    check: |_| {},
};

const RELAYS: usize = 2;
const TAKERS: usize = 1;

struct Relay {
    there: AtomicBool,
    takers: WaitQueue,
    giver: WaitQueue,
    given: AtomicU64,
}

static RELAY: [Relay; RELAYS] = [const {
    Relay {
        there: AtomicBool::new(false),
        takers: WaitQueue::new("torture: takers"),
        giver: WaitQueue::new("torture: giver"),
        given: AtomicU64::new(0),
    }
}; RELAYS];

/// The slowest relay's.
fn progress() -> u64 {
    let given = RELAY.iter().map(|relay| relay.given.load(SeqCst));
    given.min().unwrap_or_default()
}

fn end() {
    for relay in &RELAY {
        relay.takers.wake_all();
        relay.giver.wake_all();
    }
}

fn start(crew: &mut Crew<'_>) {
    let anywhere = |name| Builder::new(name).affinity(CpuSet::first(cpu::count()));
    for relay in &RELAY {
        crew.spawn(anywhere("relay giver"), |cx, random| {
            while !is_over() {
                random.dawdle(20);
                relay.there.store(true, SeqCst);
                relay.takers.wake_one();
                let taken = || !relay.there.load(SeqCst) || is_over();
                ways::wait(cx, &random, &relay.giver, taken);
                relay.given.fetch_add(1, SeqCst);
            }
        });
        for _ in 0..TAKERS {
            crew.spawn(anywhere("relay taker"), |cx, random| {
                while !is_over() {
                    let took = || relay.there.swap(false, SeqCst) || is_over();
                    ways::wait(cx, &random, &relay.takers, took);
                    relay.giver.wake_one();
                }
            });
        }
        crew.spawn(anywhere("relay fickle"), |cx, random| {
            let waiter = pin!(Waiter::new());
            let waiter = waiter.as_ref();
            while !is_over() {
                waiter.prepare(&relay.takers, cx);
                // On the queue first, as everybody who is to be told of the end.
                if is_over() {
                    break;
                }
                match random.below(2) {
                    0 => waiter.maybe_block(cx),
                    _ => random.dawdle(30),
                }
                waiter.clear();
                if random.below(4) == 0 {
                    time::sleep(cx, Duration::from_micros(random.below(100)));
                }
            }
        });
    }
}
