//! Threads that go on together.

use super::soon;
use layercake_wait::host::std::{StdHost, enter, spawn};
use layercake_wait::{Barrier, TimedOut};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

#[test]
fn one_of_each_round_leads_and_nobody_runs_ahead() {
    const THREADS: u32 = 4;
    let rounds = if cfg!(miri) { 3 } else { 500 };
    let it = Arc::new((Barrier::<StdHost>::new("b", THREADS), AtomicU32::new(0)));
    let threads: Vec<_> = (0..THREADS)
        .map(|_| {
            let it = it.clone();
            spawn(move |cx| {
                let mut led = 0;
                for round in 0..rounds {
                    it.1.fetch_add(1, Ordering::Relaxed);
                    led += u32::from(it.0.wait(cx));
                    let come = it.1.load(Ordering::Relaxed);
                    assert!(
                        come >= (round + 1) * THREADS,
                        "went on before all were here"
                    );
                    assert!(come < (round + 2) * THREADS, "two rounds at once");
                }
                led
            })
        })
        .collect();
    let led: u32 = threads.into_iter().map(|t| t.join().unwrap()).sum();
    assert_eq!(led, rounds);
}

#[test]
fn a_barrier_for_one_holds_nobody_up() {
    enter(|cx| {
        assert!(Barrier::<StdHost>::new("b", 0).wait(cx));
        assert!(Barrier::<StdHost>::new("b", 1).wait(cx));
    });
}

#[test]
fn who_gives_up_does_not_count() {
    let barrier = Arc::new(Barrier::<StdHost>::new("b", 2));
    enter(|cx| {
        assert_eq!(barrier.wait_deadline(cx, soon()), Err(TimedOut));
        assert_eq!(barrier.waiting(cx), 0);
        let other = spawn({
            let barrier = barrier.clone();
            move |cx| barrier.wait(cx)
        });
        while barrier.waiting(cx) < 1 {
            std::thread::yield_now();
        }
        assert_eq!(barrier.wait_deadline(cx, soon()), Ok(true));
        assert!(!other.join().unwrap());
    });
}
