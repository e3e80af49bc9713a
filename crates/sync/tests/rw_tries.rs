//! Tries for the readers' and the writer's side, while another thread holds the other one; and a reader
//! that waits.
#![cfg(not(loom))]

use layercake_sync::host::{StdCpu, irqs_masked, task};
use layercake_sync::{IrqOff, PreemptOff, RwSpinLock};
use std::sync::atomic::{AtomicBool, Ordering::SeqCst};
use std::thread;
use std::time::Duration;

type Lock = RwSpinLock<u32, PreemptOff<StdCpu>>;

/// Whether another thread gets in now: as a reader, as a writer.
fn others(lock: &Lock) -> (bool, bool) {
    let tries = || {
        task(|cx| {
            let reads = lock.try_read(&mut *cx).is_some();
            (reads, lock.try_write(&mut *cx).is_some())
        })
    };
    thread::scope(|scope| scope.spawn(tries).join().expect("it only tries"))
}

#[test]
fn a_reader_lets_readers_in_and_no_writer() {
    let lock = Lock::new(5);
    assert_eq!(others(&lock), (true, true));
    task(|cx| {
        let guard = lock.try_read(cx).expect("it is free");
        assert_eq!(*guard, 5);
        assert_eq!(others(&lock), (true, false));
    });
    assert_eq!(others(&lock), (true, true), "a try left something behind");
}

#[test]
fn a_writer_lets_nobody_in() {
    let mut lock = Lock::new(5);
    task(|cx| {
        let mut guard = lock.try_write(cx).expect("it is free");
        *guard += 1;
        assert_eq!(others(&lock), (false, false));
    });
    assert_eq!(others(&lock), (true, true), "a try left something behind");
    *lock.get_mut() += 1;
    assert_eq!(lock.into_inner(), 7);
}

/// What a try masks is as before when it has failed.
#[test]
fn a_try_that_fails_masks_nothing() {
    let lock = RwSpinLock::<_, IrqOff<StdCpu>>::new(0);
    task(|cx| {
        let _held = lock.write(cx);
        thread::scope(|scope| {
            let tries = || {
                task(|cx| {
                    assert!(lock.try_read(&mut *cx).is_none());
                    assert!(lock.try_write(&mut *cx).is_none());
                    assert!(!irqs_masked());
                });
            };
            scope.spawn(tries).join().expect("it only tries");
        });
    });
}

/// Writers take turns in two phases, and a reader waits for one of either.
#[test]
fn a_reader_waits_for_a_writer() {
    let lock = Lock::new(0);
    for n in 1..=4 {
        let comes = AtomicBool::new(false);
        let reads = || {
            comes.store(true, SeqCst);
            task(|cx| assert_eq!(*lock.read(cx), n, "it was being written"));
        };
        task(|cx| {
            thread::scope(|scope| {
                let mut guard = lock.write(cx);
                scope.spawn(reads);
                while !comes.load(SeqCst) {
                    thread::yield_now();
                }
                // Time to get in, if nothing keeps it from that.
                thread::sleep(Duration::from_millis(10));
                *guard = n;
            });
        });
    }
}
