//! Who looks and who changes, and in which order.

use super::soon;
use layercake_wait::RwLock;
use layercake_wait::host::std::{StdHost, enter, spawn};
use std::sync::Arc;

type Lock<T> = RwLock<T, StdHost>;

#[test]
fn readers_share_and_writers_do_not() {
    let lock = Lock::new("l", 1);
    enter(|cx| {
        let first = lock.read(cx);
        let second = lock.read(cx);
        assert_eq!((*first, *second, lock.readers()), (1, 1, 2));
        assert!(lock.try_write(&mut *cx).is_none());
        assert!(lock.write_deadline(cx, soon()).is_err());
        assert!(lock.try_read(&mut *cx).is_some(), "that writer has gone");
        drop((first, second));
        let mut write = lock.write(cx);
        *write += 1;
        assert_eq!(lock.readers(), 0);
        assert!(lock.try_read(&mut *cx).is_none());
        assert!(lock.read_deadline(cx, soon()).is_err());
        drop(write);
        assert_eq!(*lock.try_write(&mut *cx).unwrap(), 2);
        assert_eq!(*lock.read_deadline(cx, soon()).unwrap(), 2);
    });
    assert_eq!(lock.into_inner(), 2);
}

/// Readers that come behind a waiting writer wait: it is not kept out for ever.
#[test]
fn a_reader_does_not_overtake_a_writer() {
    let lock = Arc::new(Lock::new("l", vec!["first"]));
    enter(|cx| {
        let reading = lock.read(cx);
        let start = |lock: &Arc<Lock<_>>, f: fn(&Lock<Vec<&str>>, &mut _)| {
            let lock = lock.clone();
            spawn(move |cx| f(&lock, cx))
        };
        let writer = start(&lock, |lock, cx| lock.write(cx).push("writer"));
        while lock.waiters() < 1 {
            std::thread::yield_now();
        }
        // It is on the queue before it says so to those who come.
        while lock.try_read(&mut *cx).is_some() {
            std::thread::yield_now();
        }
        let reader = start(&lock, |lock, cx| {
            assert_eq!(*lock.read(cx), ["first", "writer"]);
        });
        while lock.waiters() < 2 {
            std::thread::yield_now();
        }
        assert!(lock.try_read(&mut *cx).is_none());
        drop(reading);
        writer.join().unwrap();
        reader.join().unwrap();
    });
    assert_eq!((lock.readers(), lock.waiters()), (0, 0));
}

#[test]
fn a_writer_can_go_on_as_a_reader() {
    let lock = Arc::new(Lock::new("l", 1));
    enter(|cx| {
        let mut write = lock.write(cx);
        *write = 2;
        let other = spawn({
            let lock = lock.clone();
            move |cx| *lock.read(cx)
        });
        while lock.waiters() < 1 {
            std::thread::yield_now();
        }
        let read = write.downgrade();
        assert_eq!(other.join().unwrap(), 2, "it reads beside us");
        assert!(lock.try_write(&mut *cx).is_none());
        assert_eq!(*read, 2);
    });
    assert_eq!(lock.readers(), 0);
}

#[test]
fn changes_are_counted() {
    let (threads, rounds) = if cfg!(miri) { (3, 5) } else { (4, 2_000) };
    let lock = Arc::new(Lock::new("l", (0_u64, 0_u64)));
    let all: Vec<_> = (0..threads)
        .map(|i| {
            let lock = lock.clone();
            spawn(move |cx| {
                for round in 0..rounds {
                    if (round + i) % 3 == 0 {
                        let mut both = lock.write(cx);
                        both.0 += 1;
                        std::thread::yield_now();
                        both.1 += 1;
                    } else {
                        let both = lock.read(cx);
                        assert_eq!(both.0, both.1);
                    }
                }
                (0..rounds).filter(|round| (round + i) % 3 == 0).count() as u64
            })
        })
        .collect();
    let sum: u64 = all.into_iter().map(|t| t.join().unwrap()).sum();
    assert_eq!(enter(|cx| *lock.read(cx)), (sum, sum));
}
