//! Calling off against wakes and deadlines.

use super::Items;
use layercake_wait::host::seeded::{SeededHost, explore, point, spawn};
use layercake_wait::{CancelToken, Host, Interval, WaitError, sleep, sleep_until_cancelled};
use std::rc::Rc;
use std::time::Duration;

/// Three takers with deadlines, all of them called off at some moment; two items. What is not taken is
/// left over, and a taker that nobody hurries gets its item.
#[test]
fn items_are_conserved_when_waits_are_called_off() {
    explore(20_000, |cx| {
        let it = Items::new();
        let token = Rc::new(CancelToken::<SeededHost>::new("stop"));
        let takers: Vec<_> = (0..3)
            .map(|i| {
                let (it, token) = (it.clone(), token.clone());
                spawn(move |cx| {
                    let deadline = SeededHost::now() + Duration::from_nanos(15 + 10 * i);
                    let take = |_: layercake_sync::TaskAtomic<'_>| it.take();
                    let queue = &it.queue;
                    let got = queue.wait_until_cancelled_deadline(cx, &token, deadline, take);
                    match got {
                        Err(WaitError::TimedOut) => assert!(SeededHost::now() >= deadline),
                        Err(WaitError::Cancelled) => assert!(token.is_cancelled()),
                        Err(WaitError::Closed) => panic!("nobody closes it"),
                        Ok(()) => {}
                    }
                    got.is_ok()
                })
            })
            .collect();
        let patient = spawn({
            let it = it.clone();
            move |cx| it.queue.wait_until(cx, |_| it.take())
        });
        it.put();
        token.cancel();
        it.put();
        let taken = takers.into_iter().map(|t| t.join(cx));
        let taken = taken.filter(|taken| *taken).count() as u32;
        // Whatever the others left undone: one more is for the patient one.
        it.put();
        patient.join(cx);
        assert_eq!(taken + 1 + it.items.get(), 3);
        assert_eq!(it.queue.waiters(), 0);
    });
}

/// A sleep that is called off ends at once, or at its deadline, and never before both.
#[test]
fn sleeps_and_ticks_are_called_off() {
    explore(20_000, |cx| {
        let token = Rc::new(CancelToken::<SeededHost>::new("stop"));
        let sleeper = spawn({
            let token = token.clone();
            move |cx| {
                let deadline = SeededHost::now() + Duration::from_nanos(50);
                let slept = sleep_until_cancelled(cx, &token, deadline);
                assert!(slept.is_err() || SeededHost::now() >= deadline);
                slept.is_ok()
            }
        });
        let ticker = spawn({
            let token = token.clone();
            move |cx| {
                let mut interval = Interval::<SeededHost>::every(Duration::from_nanos(30));
                let mut due = interval.next_tick();
                while interval.tick_cancelled(cx, &token).is_ok() {
                    assert!(SeededHost::now() >= due, "a tick came early");
                    due = interval.next_tick();
                }
                assert!(token.is_cancelled());
                assert_eq!(interval.next_tick(), due, "a tick was used up");
            }
        });
        sleep::<SeededHost>(cx, Duration::from_nanos(40));
        point();
        token.cancel();
        ticker.join(cx);
        sleeper.join(cx);
        assert_eq!(sleep_until_cancelled(cx, &token, SeededHost::now()), Ok(()));
    });
}
