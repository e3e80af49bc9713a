//! What is reported of a hold by those who wait for its end, where more than one holds or waits;
//! and what those who wait have of their host. Single holders are in `order.rs`.
#![cfg(all(feature = "order", not(loom)))]

#[path = "support/watched.rs"]
mod watched;

use layercake_sync::check::{Held, WhyNot};
use layercake_sync::class::Class;
use layercake_sync::host::{StdCpu, interrupt, irqs_masked, preempt_depth, task};
use layercake_sync::order::Report;
use layercake_sync::ticket::TicketLock;
use layercake_sync::{Cpu, PreemptOff, RawLock, RwSpinLock, SpinLock, TaskAtomic};
use std::panic::Location;
use std::process::Command;
use std::sync::atomic::{AtomicU32, Ordering::Relaxed};
use std::thread;
use watched::{
    CLOCK, COMES, IrqLock, Lock, Watched, assert_names, host, reports, some_looks, still_held,
};

type Rw = RwSpinLock<(), PreemptOff<Watched>>;

/// Waits for the lock to write, from the time 1 on; returns the line.
fn writes(lock: &Rw) -> u32 {
    CLOCK.set(1);
    task(|cx| {
        drop(lock.write(cx));
        line!() - 1
    })
}

#[test]
fn a_reader_that_goes_leaves_the_place_of_one_that_came_after_it() {
    let lock = Rw::new(()).named("the last stays");
    // SAFETY: CX-ATOMIC: given back before the thread does anything else.
    let first = lock.try_read(unsafe { TaskAtomic::assume() });
    CLOCK.set(1);
    // SAFETY: CX-ATOMIC: as above.
    let last = lock.try_read(unsafe { TaskAtomic::assume() });
    let taken = line!() - 1;
    drop(first);
    thread::scope(|scope| {
        let writer = scope.spawn(|| writes(&lock));
        while still_held("the last stays").is_empty() {
            thread::yield_now();
        }
        drop(last);
        let wanted = writer.join().unwrap();
        let [report] = still_held("the last stays").try_into().expect("one report");
        assert_names(&report, &[taken, wanted]);
    });
    assert_eq!(reports(), [""; 0]);
}

#[test]
fn a_reader_that_has_gone_is_not_the_one_that_holds_the_lock() {
    let lock = Rw::new(()).named("the last goes");
    // SAFETY: CX-ATOMIC: given back before the thread does anything else.
    let first = lock.try_read(unsafe { TaskAtomic::assume() });
    CLOCK.set(1);
    // SAFETY: CX-ATOMIC: as above.
    let last = lock.try_read(unsafe { TaskAtomic::assume() });
    drop(last);
    thread::scope(|scope| {
        scope.spawn(|| writes(&lock));
        some_looks();
        drop(first);
    });
    assert_eq!(still_held("the last goes"), [""; 0]);
    assert_eq!(reports(), [""; 0]);
}

/// A handler that comes over a wait, and waits too, leaves that wait as it was.
#[test]
fn a_wait_that_was_interrupted_goes_on_with_its_own_lock() {
    static THREADS: Lock = Lock::new(()).named("under a handler");
    static SHARED: IrqLock = IrqLock::new(()).named("wanted by a handler");
    fn handler() {
        interrupt(|irq| drop(SHARED.lock(irq)));
    }
    task(|cx| {
        thread::scope(|scope| {
            let mut guard = THREADS.lock(&mut *cx);
            let taken = line!() - 1;
            let inner = SHARED.lock(guard.atomic());
            let waiter = scope.spawn(|| {
                CLOCK.set(1);
                COMES.set(Some(handler));
                task(|cx| drop(THREADS.lock(cx)));
                line!() - 1
            });
            while still_held("wanted by a handler").is_empty() {
                thread::yield_now();
            }
            assert_eq!(still_held("under a handler"), [""; 0]);
            drop(inner);
            while still_held("under a handler").is_empty() {
                thread::yield_now();
            }
            drop(guard);
            let wanted = waiter.join().unwrap();
            assert_names(&still_held("under a handler")[0], &[taken, wanted]);
        });
    });
}

static WAITS: AtomicU32 = AtomicU32::new(0);
static PAUSES: AtomicU32 = AtomicU32::new(0);

host! {
    /// A host that has a better way to wait than to look again and again.
    struct Sleepy;

    fn wait_while_eq(word: &AtomicU32, value: u32) -> u32 {
        WAITS.fetch_add(1, Relaxed);
        StdCpu::wait_while_eq(word, value)
    }

    fn pause() {
        PAUSES.fetch_add(1, Relaxed);
        StdCpu::pause();
    }
}

/// Without a limit there is nothing to look at the clock for.
#[test]
fn a_host_without_a_limit_waits_in_its_own_way() {
    let lock = SpinLock::<(), PreemptOff<Sleepy>>::new(());
    task(|cx| {
        thread::scope(|scope| {
            let guard = lock.lock(cx);
            scope.spawn(|| task(|cx| drop(lock.lock(cx))));
            while WAITS.load(Relaxed) + PAUSES.load(Relaxed) == 0 {
                thread::yield_now();
            }
            drop(guard);
        });
    });
    assert!(WAITS.load(Relaxed) > 0);
    assert_eq!(PAUSES.load(Relaxed), 0);
}

static REPORTS: AtomicU32 = AtomicU32::new(0);
static PAUSES_OF_ODD: AtomicU32 = AtomicU32::new(0);

host! {
    /// A host that answers whatever it is asked as no other would.
    struct Odd;

    fn pause() {
        PAUSES_OF_ODD.fetch_add(1, Relaxed);
    }

    fn may_sleep() -> Result<(), WhyNot> {
        Err(WhyNot::PreemptOff(7))
    }

    fn timestamp() -> u64 {
        7
    }

    fn irqs_masked() -> Option<bool> {
        Some(irqs_masked())
    }

    fn core_number() -> Option<usize> {
        Some(7)
    }

    fn lock_report(_: &Report<'_>) {
        REPORTS.fetch_add(1, Relaxed);
    }
}

/// A lock word that is never free at first, and asks all that there is to ask before it waits.
struct Curious(TicketLock);

// SAFETY: RAW-LOCK: it is the ticket lock's.
unsafe impl RawLock for Curious {
    type Held = u32;

    const FREE: Self = Self(TicketLock::FREE);

    fn acquire<C: Cpu>(&self) -> u32 {
        asks::<C>();
        self.0.acquire::<C>()
    }

    fn try_acquire(&self) -> Option<u32> {
        None
    }

    unsafe fn release<C: Cpu>(&self, held: u32) {
        // SAFETY: LOCK-HELD, by the caller's promise.
        unsafe { self.0.release::<C>(held) }
    }

    unsafe fn held(&self) -> u32 {
        // SAFETY: LOCK-HELD, by the caller's promise.
        unsafe { self.0.held() }
    }

    fn is_locked(&self) -> bool {
        self.0.is_locked()
    }
}

/// With preemption off once, and one lock held.
fn asks<C: Cpu>() {
    assert_eq!(C::timestamp(), 7);
    assert_eq!(C::core_number(), Some(7));
    assert_eq!(C::may_sleep(), Err(WhyNot::PreemptOff(7)));
    assert_eq!(C::with_held(Held::count), Some(1));

    let paused = PAUSES_OF_ODD.load(Relaxed);
    C::pause();
    assert_eq!(PAUSES_OF_ODD.load(Relaxed), paused + 1);

    assert_eq!((C::irqs_masked(), irqs_masked()), (Some(false), false));
    let state = C::irq_save();
    assert_eq!((C::irqs_masked(), irqs_masked()), (Some(true), true));
    // SAFETY: CPU-MASK: it answers the one above.
    unsafe { C::irq_restore(state) };
    assert!(!irqs_masked());

    let depth = preempt_depth();
    C::preempt_disable();
    assert_eq!(preempt_depth(), depth + 1);
    // SAFETY: CPU-MASK: it answers the one above.
    unsafe { C::preempt_enable() };
    assert_eq!(preempt_depth(), depth);

    let reported = REPORTS.load(Relaxed);
    C::lock_report(&Report::HeldTooLong {
        class: Class {
            name: None,
            site: Location::caller(),
        },
        taken_at: None,
        ns: 0,
    });
    assert_eq!(REPORTS.load(Relaxed), reported + 1);
}

/// The program's own lock words find their host in what they wait by.
#[test]
fn who_waits_has_all_of_its_host() {
    let outer = SpinLock::<(), PreemptOff<Odd>>::new(());
    let lock = SpinLock::<(), PreemptOff<Odd>, Curious>::new(());
    task(|cx| {
        let mut guard = outer.lock(cx);
        drop(lock.lock(guard.atomic()));
    });
    assert!(PAUSES_OF_ODD.load(Relaxed) > 0, "it was asked");
}

host! {
    /// A host whose reports panic, and on which every hold is too long.
    struct Hasty;

    fn timestamp() -> u64 {
        StdCpu::timestamp()
    }

    const HOLD_LIMIT: u64 = 0;
}

/// Whoever waits has a place in the lock word, which points to its stack.
#[test]
#[cfg_attr(miri, ignore = "it starts a program")]
fn a_report_that_unwinds_out_of_a_wait_ends_the_program() {
    const CHILD: &str = "LAYERCAKE_UNWINDS";
    if std::env::var_os(CHILD).is_some() {
        static LOCK: SpinLock<(), PreemptOff<Hasty>> = SpinLock::new(());
        task(|cx| std::mem::forget(LOCK.lock(cx)));
        let waiter = thread::spawn(|| task(|cx| std::mem::forget(LOCK.lock(cx))));
        assert!(waiter.join().is_err(), "nobody gives it back");
        return;
    }
    let output = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "--nocapture"])
        .arg("a_report_that_unwinds_out_of_a_wait_ends_the_program")
        .env(CHILD, "1")
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(said.contains("must not unwind"), "{said}");
    assert_eq!(output.status.code(), None, "it unwound and went on: {said}");
}
