//! Wait queues on one core: waking nobody, somebody, everybody.

use crate::crew::{self, Flag};
use crate::meter;
use core::sync::atomic::{AtomicU32, Ordering};
use layercake_kernel::thread::yield_now;
use layercake_kernel::{TaskCx, WaitQueue};

/// `wake_one` on a queue with no waiter.
pub fn none(_: &mut TaskCx, _: u32) {
    static NOBODY: WaitQueue = WaitQueue::new("nobody");
    while meter::wants_more() {
        meter::begin();
        NOBODY.wake_one();
        meter::end();
    }
}

/// Two equal threads; from one's return to the other's: a wake, a block, a switch.
pub fn ping_pong(cx: &mut TaskCx, _: u32) {
    static FLAGS: [Flag; 2] = [const { Flag::new() }; 2];
    meter::use_laps();
    let threads = [0, 1].map(|me| {
        crew::spawn(0, move |cx| {
            let (mine, others) = (&FLAGS[me], &FLAGS[1 - me]);
            loop {
                others.raise();
                mine.wait(cx);
                if !meter::lap() {
                    break;
                }
            }
            others.raise();
        })
    });
    threads.into_iter().for_each(|thread| _ = thread.join(cx));
}

/// Wake a higher thread, which runs and blocks again; back.
pub fn higher_priority(_: &mut TaskCx, _: u32) {
    static FLAG: Flag = Flag::new();
    crew::spawn(1, |cx| {
        loop {
            FLAG.wait(cx);
        }
    })
    .detach();
    while meter::wants_more() {
        meter::begin();
        FLAG.raise();
        meter::end();
    }
}

/// Threads that wait for the next round; they stay from one size to the next.
struct Crowd {
    round: AtomicU32,
    queue: WaitQueue,
    present: AtomicU32,
}

impl Crowd {
    const fn new() -> Self {
        Self {
            round: AtomicU32::new(0),
            queue: WaitQueue::new("crowd"),
            present: AtomicU32::new(0),
        }
    }

    /// Sees to it that `size` threads wait, `above` the benchmark's own.
    fn grow(&'static self, size: u32, above: i8, cx: &mut TaskCx) {
        for _ in self.present.swap(size, Ordering::Relaxed)..size {
            crew::spawn(above, |cx| self.member(cx)).detach();
        }
        while self.queue.waiters() < size as usize {
            yield_now(cx);
        }
    }

    fn member(&self, cx: &mut TaskCx) {
        let mut seen = self.round.load(Ordering::Relaxed);
        loop {
            seen = self.queue.wait_until(cx, |_| {
                let now = self.round.load(Ordering::Acquire);
                (now != seen).then_some(now)
            });
        }
    }

    fn next_round(&self) {
        let round = self.round.load(Ordering::Relaxed);
        self.round.store(round.wrapping_add(1), Ordering::Release);
        self.queue.wake_all();
    }
}

/// Equal threads wait; `wake_all`, and the waker lets them run until all have blocked again.
pub fn broadcast(cx: &mut TaskCx, size: u32) {
    static CROWD: Crowd = Crowd::new();
    CROWD.grow(size, 0, cx);
    meter::plan_for(size.into());
    while meter::wants_more() {
        meter::begin();
        CROWD.next_round();
        yield_now(cx);
        meter::end();
        assert_eq!(CROWD.queue.waiters(), size as usize, "somebody did not run");
    }
}

/// Higher threads wait; `wake_all` returns when all have run and blocked again.
pub fn broadcast_higher(cx: &mut TaskCx, size: u32) {
    static CROWD: Crowd = Crowd::new();
    CROWD.grow(size, 1, cx);
    meter::plan_for(size.into());
    while meter::wants_more() {
        meter::begin();
        CROWD.next_round();
        meter::end();
        assert_eq!(CROWD.queue.waiters(), size as usize, "somebody did not run");
    }
}
