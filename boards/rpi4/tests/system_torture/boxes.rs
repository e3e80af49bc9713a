//! Boxes that many fill and many empty, in every way to wait, with deadlines and cancels that come
//! at any moment. What was put is taken or still there.

use crate::support::*;
use crate::{Crew, Party, is_over, ways};
use alloc::sync::Arc;
use core::pin::pin;
use core::sync::atomic::{AtomicU64, Ordering::SeqCst};
use layercake_kernel::wait::{CancelToken, Cancelled, wait_any};
use layercake_kernel::{Host, SpinLock, TaskAtomic, Waiter};

pub const PARTY: Party = Party {
    name: "boxes",
    start,
    progress: || sum(|it| &it.taken),
    end,
    check,
};

const BOXES: usize = 4;
const TAKERS: usize = 6;
const GIVERS: usize = 2;
/// Who finds so many in a box waits a little before adding to them.
const PLENTY: u64 = 12;

struct Box {
    full: WaitQueue,
    room: WaitQueue,
    items: AtomicU64,
    put: AtomicU64,
    taken: AtomicU64,
}

static BOX: [Box; BOXES] = [const {
    Box {
        full: WaitQueue::new("torture: boxes"),
        room: WaitQueue::new("torture: room"),
        items: AtomicU64::new(0),
        put: AtomicU64::new(0),
        taken: AtomicU64::new(0),
    }
}; BOXES];

type Token = CancelToken<Host>;

/// The token that waits are called off with; each is used once.
static TOKEN: SpinLock<Option<Arc<Token>>> = SpinLock::new(None).named("torture: token");

fn token(cx: &mut TaskCx) -> Arc<Token> {
    let new = || Arc::new(CancelToken::new("torture: token"));
    TOKEN.lock(cx).get_or_insert_with(new).clone()
}

fn cancel(cx: &mut TaskCx) {
    let token = TOKEN.lock(cx).take();
    if let Some(token) = token {
        token.cancel();
    }
}

fn sum(of: fn(&Box) -> &AtomicU64) -> u64 {
    BOX.iter().map(|it| of(it).load(SeqCst)).sum()
}

impl Box {
    fn take(&self) -> Option<()> {
        let took = (self.items).fetch_update(SeqCst, SeqCst, |items| items.checked_sub(1));
        took.ok()?;
        self.taken.fetch_add(1, SeqCst);
        self.room.wake_one();
        Some(())
    }

    /// Any context.
    fn put(&self, count: u64, everybody: bool) {
        self.put.fetch_add(count, SeqCst);
        self.items.fetch_add(count, SeqCst);
        match count {
            _ if everybody => _ = self.full.wake_all(),
            1 => _ = self.full.wake_one(),
            _ => _ = self.full.wake_n(count as usize),
        }
    }
}

/// Puts one into a box, from an interrupt handler.
pub fn put_from_interrupt(n: usize) {
    BOX[n % BOXES].put(1, false);
}

fn start(crew: &mut Crew<'_>) {
    let anywhere = |name| Builder::new(name).affinity(CpuSet::first(cpu::count()));
    for n in 0..TAKERS {
        let priority = match n % 4 {
            0 => Priority::round_robin(5),
            _ => Priority::fair(n as i8 - 4),
        };
        crew.spawn(anywhere("taker").priority(priority), |cx, random| {
            while !is_over() {
                take(cx, &random);
            }
        });
    }
    for _ in 0..GIVERS {
        crew.spawn(anywhere("giver"), |cx, random| {
            while !is_over() {
                give(cx, &random);
            }
        });
    }
    crew.spawn(anywhere("canceller"), |cx, random| {
        while !is_over() {
            time::sleep(cx, soon(&random));
            cancel(cx);
        }
    });
}

/// Up to a millisecond, most often much less.
fn soon(random: &Random) -> Duration {
    Duration::from_nanos(1 << random.below(21))
}

fn give(cx: &mut TaskCx, random: &Random) {
    let it = &BOX[random.below(BOXES as u64) as usize];
    let count = match random.below(6) {
        0 => 1 + random.below(5),
        _ => 1,
    };
    it.put(count, random.below(10) == 0);
    random.dawdle(50);
    let until = time::now() + soon(random);
    let room = || (it.items.load(SeqCst) < PLENTY || is_over()).then_some(());
    // Room or not, it goes on.
    let _ = it.room.wait_until_deadline(cx, until, |_| room());
}

fn take(cx: &mut TaskCx, random: &Random) {
    let n = random.below(BOXES as u64) as usize;
    let it = &BOX[n];
    let until = time::now() + soon(random);
    let over = || is_over().then_some(());
    match random.below(8) {
        0 => it.full.wait_until(cx, |_| it.take().or_else(over)),
        1 | 2 => _ = it.full.wait_until_deadline(cx, until, |_| it.take()),
        3 => {
            let token = token(cx);
            let ended = it
                .full
                .wait_until_cancelled(cx, &token, |_| it.take().or_else(over));
            assert!(ended != Err(Cancelled) || token.is_cancelled());
        }
        4 => {
            let next = |by: usize| &BOX[(n + by) % BOXES];
            let queues = [&it.full, &next(1).full, &next(2).full];
            let any = || (0..3).find_map(|by| next(by).take());
            _ = wait_any(cx, queues, Some(until), |_| any());
        }
        5 => {
            // Watches until something was put, and takes nothing.
            let before = it.put.load(SeqCst);
            let news = || (it.put.load(SeqCst) != before).then_some(());
            it.full.wait_until_shared(cx, |_| news().or_else(over));
        }
        6 => leave_early(cx, random, it, until),
        _ => {
            let ready = || it.items.load(SeqCst) > 0 || is_over();
            ways::wait(cx, random, &it.full, ready);
            it.take();
        }
    }
}

/// The steps by hand, and often away from the queue without a look.
fn leave_early(cx: &mut TaskCx, random: &Random, it: &Box, until: time::Instant) {
    let waiter = pin!(Waiter::new());
    let waiter = waiter.as_ref();
    waiter.prepare(&it.full, cx);
    if it.take().is_some() {
        return waiter.clear();
    }
    random.dawdle(20);
    if random.below(2) == 0 {
        // A deadline that came first is an end like any other.
        let _ = waiter.maybe_block_until(cx, until);
    }
    match random.below(3) {
        // Without a look: a wake goes on to the next.
        0 => waiter.clear(),
        1 => {}
        _ => {
            it.take();
            waiter.accept();
        }
    }
}

fn end() {
    for it in &BOX {
        it.full.wake_all();
        it.room.wake_all();
    }
}

fn check(at_end: bool) {
    if at_end {
        // SAFETY: CX-ATOMIC: nothing sleeps while the token is taken out.
        drop(TOKEN.lock(unsafe { TaskAtomic::assume() }).take());
        let (put, taken, left) = (sum(|it| &it.put), sum(|it| &it.taken), sum(|it| &it.items));
        assert_eq!(put, taken + left, "put = taken + left");
    }
}
