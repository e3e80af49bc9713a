//! The statistics of locks: what is counted, and under which name.
#![cfg(all(feature = "stats", not(loom)))]

use layercake_sync::host::{StdCpu, task};
use layercake_sync::stats::{self, Stats};
use layercake_sync::{Cpu, IrqOff, Mask, PreemptOff, RwSpinLock, SeqLock, SpinLock};
use std::sync::Barrier;
use std::thread;

fn find(name: &str) -> Option<Stats> {
    let mut found = None;
    stats::for_each(|stats| {
        if stats.class.name == Some(name) {
            assert!(found.replace(*stats).is_none(), "{name} is there twice");
        }
    });
    found
}

#[test]
fn takers_and_successful_tries_are_counted() {
    let lock = SpinLock::<_, PreemptOff<StdCpu>>::new(0).named("counted");
    assert_eq!(find("counted"), None, "known when it is first taken");
    task(|cx| {
        *lock.lock(&mut *cx) += 1;
        *lock.try_lock(&mut *cx).unwrap() += 1;
        thread::scope(|scope| {
            let _guard = lock.lock(&mut *cx);
            let tries = scope.spawn(|| task(|cx| assert!(lock.try_lock(cx).is_none())));
            // Here, not at the end of the scope: the guard would be gone by then.
            tries.join().unwrap();
        });
    });
    let stats = find("counted").unwrap();
    assert_eq!((stats.acquisitions, stats.contended), (3, 0));
    assert_eq!(stats.longest_wait, 0);
}

/// Not even the class of all others, which there is before any lock.
#[test]
fn only_what_was_taken_is_there() {
    let lock = SpinLock::<_, IrqOff<StdCpu>>::new(()).named("taken");
    task(|cx| drop(lock.lock(cx)));
    stats::for_each(|stats| assert!(stats.acquisitions > 0, "{stats:?}"));
    assert!(find("taken").is_some());
    assert_eq!(find("all others"), None);
}

#[test]
fn a_class_is_a_place_and_a_name() {
    fn make<M: Mask>(name: &'static str) -> SpinLock<(), M> {
        SpinLock::new(()).named(name)
    }
    let locks = ["left", "left", "right"].map(make::<IrqOff<StdCpu>>);
    task(|cx| locks.iter().for_each(|lock| drop(lock.lock(&mut *cx))));
    assert_eq!(find("left").unwrap().acquisitions, 2);
    assert_eq!(find("right").unwrap().acquisitions, 1);
    assert_eq!(
        find("left").unwrap().class.site,
        find("right").unwrap().class.site
    );
}

#[test]
fn a_lock_without_a_name_is_known_by_its_place() {
    let line = line!() + 1;
    let lock = SpinLock::<_, IrqOff<StdCpu>>::new(());
    task(|cx| drop(lock.lock(cx)));
    let mut seen = 0;
    stats::for_each(|stats| {
        let site = stats.class.site;
        seen += u32::from(site.file().ends_with("stats.rs") && site.line() == line);
    });
    assert_eq!(seen, 1);
}

#[test]
fn the_longest_hold_and_wait_are_kept() {
    static LOCK: SpinLock<(), PreemptOff<StdCpu>> = SpinLock::new(()).named("slow");
    const HELD: u64 = 3_000_000;
    let both = Barrier::new(2);
    thread::scope(|scope| {
        scope.spawn(|| {
            both.wait();
            task(|cx| drop(LOCK.lock(cx)));
        });
        task(|cx| {
            let _guard = LOCK.lock(cx);
            both.wait();
            let end = StdCpu::timestamp() + HELD;
            while StdCpu::timestamp() < end || !somebody_waits() {}
        });
    });
    let stats = find("slow").unwrap();
    assert_eq!((stats.acquisitions, stats.contended), (2, 1));
    assert!(stats.longest_hold as u64 >= HELD, "{stats:?}");
    assert!(stats.longest_wait > 0, "{stats:?}");

    /// The waiter has drawn its ticket.
    fn somebody_waits() -> bool {
        // SAFETY: MASK-TOKEN: the word is only looked at.
        let word = format!("{:?}", unsafe { LOCK.raw() });
        word.contains("next: 2")
    }
}

#[test]
fn readers_and_writers_count_alike() {
    let rw = RwSpinLock::<_, PreemptOff<StdCpu>>::new(0).named("rw");
    let seq = SeqLock::<u64, PreemptOff<StdCpu>>::new(0).named("seq");
    task(|cx| {
        *rw.write(&mut *cx) += 1;
        assert_eq!(*rw.read(&mut *cx), 1);
        seq.write(&mut *cx, 7);
        assert_eq!(seq.read(&mut *cx), 7);
    });
    assert_eq!(find("rw").unwrap().acquisitions, 2);
    assert_eq!(find("seq").unwrap().acquisitions, 1, "readers take nothing");
}

#[test]
fn a_lock_that_is_handed_over_is_counted() {
    let lock = SpinLock::<_, IrqOff<StdCpu>>::new(()).named("handed over");
    // SAFETY: MASK-TOKEN: nothing else runs on this core. LOCK-HELD: it is taken first.
    unsafe {
        lock.force_lock();
        lock.force_unlock();
    }
    assert_eq!(find("handed over").unwrap().acquisitions, 1);
}
