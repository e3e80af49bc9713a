//! The accounts that the kernel and its layers keep, and what was done in all.

use crate::support::*;
use crate::{churn, delays, items, scopes};
use alloc::vec::Vec;
use core::fmt;
use core::sync::atomic::Ordering::Relaxed;
use layercake_kernel::memory::{self, Usage};
use layercake_kernel::wait::stats::{self, Stats};
use layercake_kernel::{console, system_work, thread};

/// More wakes are never on their way at once: there are not so many threads.
const MOST_IN_FLIGHT: usize = 1000;

/// Checks the wakes of every queue, and that no thread hangs.
pub fn check(at_end: bool, seed: u64) {
    let reports = thread::hung_reports();
    assert_eq!(reports, 0, "a thread hangs, seed {seed}");
    let mut queues = 0;
    stats::for_each(|queue| {
        queues += 1;
        // Of the torture's own all are at rest at the end; the console's may be on their way.
        let at_rest = at_end && queue.name.starts_with("torture");
        let most = if at_rest { 0 } else { MOST_IN_FLIGHT };
        assert!(
            queue.in_flight() <= most,
            "sent = consumed + handed on + found empty, seed {seed}: {queue:?}"
        );
        assert!(
            !at_rest || queue.waiters == 0,
            "somebody still waits, seed {seed}: {queue:?}"
        );
    });
    assert!(
        queues > 0,
        "this image counts no wakes: it wants the feature `stats`"
    );
}

/// What memory was used before.
pub struct Memory(Usage);

impl Memory {
    /// With as many stacks made as there will be at once: they are kept for the next threads.
    pub fn with_stacks(cx: &mut TaskCx) -> Self {
        static GO: WaitQueue = WaitQueue::new("torture: warming up");
        static GONE: core::sync::atomic::AtomicBool = core::sync::atomic::AtomicBool::new(false);
        let wait = |cx: &mut TaskCx| GO.wait_until(cx, |_| GONE.load(Relaxed).then_some(()));
        // The parties', those who come and go, and all the workers that there can be.
        let workers = system_work::all().count() * system_work::MOST_WORKERS;
        let count = 84 + churn::AT_ONCE as usize + workers;
        let threads: Vec<_> = (0..count)
            .map(|_| Builder::new("warm-up").spawn(wait).expect("a thread"))
            .collect();
        GONE.store(true, Relaxed);
        GO.wake_all();
        threads.into_iter().for_each(|thread| _ = thread.join(cx));
        Self(memory::usage())
    }

    /// All of it is back.
    pub fn check(&self, cx: &mut TaskCx, seed: u64) {
        // The last threads may just be leaving their stacks, and the workers that the work queues
        // hired for the rush go some seconds after it.
        let end = time::now() + PATIENCE;
        loop {
            let (before, now) = (&self.0, memory::usage());
            if now.heap.used <= before.heap.used && now.frames.used <= before.frames.used {
                return;
            }
            assert!(
                time::now() < end,
                "memory is lost, seed {seed}: {before:?}, then {now:?}"
            );
            time::sleep(cx, Duration::from_millis(50));
        }
    }
}

/// What was done so far.
pub struct Done {
    pub wakeups: u64,
    handed_on: u64,
    timeouts: u64,
    cancels: u64,
    /// Queued, run, coalesced, cancelled.
    items: [u64; 4],
    /// Scopes, queues and boxed items that ended.
    scopes: [u64; 3],
    /// Periods, and what was put off.
    delays: [u64; 2],
    /// Ended, of them killed; and how often one was changed.
    threads: [u64; 3],
    switches: u64,
    irqs: u64,
    sgis: u64,
    timer: u64,
    typed: u64,
}

impl Done {
    pub fn so_far() -> Self {
        let wakes = |of: fn(&Stats) -> usize| {
            let mut sum = 0;
            stats::for_each(|queue| sum += of(queue) as u64);
            sum
        };
        let counts = |of: fn(&cpu::Counts) -> u64| cores().map(|core| of(cpu::counts(core))).sum();
        Self {
            wakeups: wakes(|queue| queue.consumed + queue.handed_on),
            handed_on: wakes(|queue| queue.handed_on),
            timeouts: wakes(|queue| queue.timeouts),
            cancels: wakes(|queue| queue.cancels),
            items: items::done(),
            scopes: scopes::done(),
            delays: delays::done(),
            threads: churn::done(),
            switches: cores().map(cpu::switches).sum(),
            irqs: counts(|core| core.irqs.load(Relaxed)),
            sgis: counts(|core| core.sgis.load(Relaxed)),
            timer: counts(|core| core.timer.load(Relaxed)),
            typed: console::stats().received,
        }
    }

    /// How many items were queued.
    pub fn queued(&self) -> u64 {
        self.items[0]
    }

    pub fn since(&self, before: &Self) -> Self {
        Self {
            wakeups: self.wakeups - before.wakeups,
            handed_on: self.handed_on - before.handed_on,
            timeouts: self.timeouts - before.timeouts,
            cancels: self.cancels - before.cancels,
            items: less(self.items, before.items),
            scopes: less(self.scopes, before.scopes),
            delays: less(self.delays, before.delays),
            threads: less(self.threads, before.threads),
            switches: self.switches - before.switches,
            irqs: self.irqs - before.irqs,
            sgis: self.sgis - before.sgis,
            timer: self.timer - before.timer,
            typed: self.typed - before.typed,
        }
    }
}

fn less<const N: usize>(now: [u64; N], before: [u64; N]) -> [u64; N] {
    core::array::from_fn(|n| now[n] - before[n])
}

impl fmt::Display for Done {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [queued, ran, coalesced, cancelled] = self.items;
        let [scopes, queues, boxes] = self.scopes;
        let [periods, put_off] = self.delays;
        let [threads, killed, changes] = self.threads;
        write!(
            f,
            "{} wakeups ({} handed on, {} timeouts, {} cancels), \
             {queued} items queued ({ran} run, {coalesced} coalesced, {cancelled} cancelled), \
             {scopes} scopes, {queues} queues and {boxes} boxed items ended, {periods} periods kept, \
             {put_off} times put off, {threads} threads ({killed} killed, {changes} changes), {} switches, \
             {} interrupts ({} software, {} timer; {} bytes typed)",
            self.wakeups,
            self.handed_on,
            self.timeouts,
            self.cancels,
            self.switches,
            self.irqs,
            self.sgis,
            self.timer,
            self.typed
        )
    }
}
