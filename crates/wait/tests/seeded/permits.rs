//! Permits under every order of arrival, with deadlines and givers in interrupt handlers.

use layercake_wait::host::seeded::{SeededHost, explore, on_interrupt, point, spawn};
use layercake_wait::{Host, Semaphore, sleep};
use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::time::Duration;

type Permits = Semaphore<SeededHost>;

/// Requests of all sizes, one in a hurry; interrupts give one permit at a time. At the end each
/// permit is taken or still there, and nobody waits for one that is.
#[test]
fn permits_are_conserved() {
    explore(20_000, |cx| {
        let permits = Rc::new(Permits::new("p", 1));
        let left = Rc::new(Cell::new(6_u32));
        on_interrupt({
            let (permits, left) = (permits.clone(), left.clone());
            move |_| {
                if let Some(fewer) = left.get().checked_sub(1) {
                    left.set(fewer);
                    permits.release();
                }
            }
        });
        let takers: Vec<_> = [3, 1, 2, 1]
            .map(|n| {
                let permits = permits.clone();
                spawn(move |cx| {
                    if n == 3 {
                        let soon = SeededHost::now() + Duration::from_nanos(30);
                        let got = permits.acquire_many_deadline(cx, n, soon);
                        got.map_or(0, |()| n)
                    } else {
                        permits.acquire_many(cx, n);
                        n
                    }
                })
            })
            .into();
        while left.get() > 0 {
            sleep::<SeededHost>(cx, Duration::from_nanos(10));
        }
        let taken: u32 = takers.into_iter().map(|t| t.join(cx)).sum();
        assert_eq!(taken + permits.permits(), 7);
        assert_eq!(permits.waiters(), 0);
        assert!(permits.try_acquire_many(permits.permits()));
    });
}

/// Served in the order of arrival, whatever each one wants.
#[test]
fn first_come_first_served() {
    explore(20_000, |cx| {
        let it = Rc::new((Permits::new("p", 0), RefCell::new(Vec::new())));
        let takers: Vec<_> = [2, 3, 1]
            .map(|n| {
                let it = it.clone();
                let present = it.0.waiters();
                let taker = spawn({
                    let it = it.clone();
                    move |cx| {
                        it.0.acquire_many(cx, n);
                        // Served is who is off the queue: the first who runs need not be the
                        // first served, so ask who is still behind.
                        it.1.borrow_mut().push((n, it.0.waiters()));
                    }
                });
                while it.0.waiters() == present {
                    sleep::<SeededHost>(cx, Duration::from_nanos(1));
                }
                taker
            })
            .into();
        // The first is on the queue before it says so to those who give: until then it looks itself. Once
        // it has, nobody takes what is given.
        it.0.release();
        while it.0.try_acquire() {
            sleep::<SeededHost>(cx, Duration::from_nanos(1));
            it.0.release();
        }
        for _ in 1..6 {
            let (free, waiting) = (it.0.permits(), it.0.waiters());
            it.0.release();
            point();
            let served = match (free, waiting) {
                (1, 3) | (2, 2) | (0, 1) => waiting - 1,
                _ => waiting,
            };
            assert_eq!(it.0.waiters(), served);
        }
        takers.into_iter().for_each(|t| t.join(cx));
        assert_eq!((it.0.permits(), it.1.borrow().len()), (0, 3));
    });
}
