//! The reader-writer lock: loom's cell tells when a writer is not alone.

use crate::explore;
use layercake_wait::host::loom::{LoomHost, advance_to, enter, spawn};
use layercake_wait::{Instant, RwLock};
use std::sync::Arc;

type Lock = RwLock<u32, LoomHost>;

/// One who looks beside `writers` who change.
fn excludes(writers: usize) {
    let lock = Arc::new(Lock::new("l", 0));
    let threads: Vec<_> = (0..writers)
        .map(|_| {
            let lock = lock.clone();
            spawn(move |cx| *lock.write(cx) += 1)
        })
        .collect();
    let seen = enter(|cx| *lock.read(cx));
    assert!(seen <= writers as u32);
    threads.into_iter().for_each(|t| t.join().unwrap());
    assert_eq!(enter(|cx| *lock.read(cx)), writers as u32);
    assert_eq!((lock.readers(), lock.waiters()), (0, 0));
}

#[test]
fn rwlock_excludes_2() {
    explore(3, || excludes(1));
}

#[test]
fn rwlock_excludes_3() {
    explore(2, || excludes(2));
}

/// A writer that goes on as a reader lets nobody change the data in between.
#[test]
fn rwlock_downgrades() {
    explore(2, || {
        let lock = Arc::new(Lock::new("l", 0));
        let other = spawn({
            let lock = lock.clone();
            move |cx| *lock.write(cx) += 1
        });
        enter(|cx| {
            let mut write = lock.write(cx);
            *write += 1;
            let written = *write;
            let read = write.downgrade();
            assert_eq!(*read, written);
        });
        other.join().unwrap();
        assert_eq!(enter(|cx| *lock.read(cx)), 2);
    });
}

/// A writer whose deadline comes while it waits is in nobody's way after that.
#[test]
fn rwlock_deadline() {
    explore(2, || {
        let lock = Arc::new(Lock::new("l", 0));
        let deadline = Instant::from_nanos(10);
        let clock = loom::thread::spawn(move || advance_to(deadline));
        let other = spawn({
            let lock = lock.clone();
            move |cx| *lock.read(cx)
        });
        let written = enter(|cx| match lock.write_deadline(cx, deadline) {
            Ok(mut write) => {
                *write += 1;
                1
            }
            Err(_) => 0,
        });
        clock.join().unwrap();
        assert!(other.join().unwrap() <= written);
        assert_eq!(enter(|cx| *lock.read(cx)), written);
    });
}
