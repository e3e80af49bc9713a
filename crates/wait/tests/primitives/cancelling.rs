//! Waits with a deadline that are called off.

use super::soon;
use layercake_wait::host::std::{StdHost, enter, spawn};
use layercake_wait::{
    CancelToken, Cancelled, Host, Instant, Interval, WaitError, WaitQueue, sleep_until_cancelled,
};
use std::sync::Arc;
use std::time::Duration;

#[test]
fn the_first_of_three_ends_it() {
    let (queue, token) = (WaitQueue::<StdHost>::new("q"), CancelToken::new("stop"));
    enter(|cx| {
        let late = queue.wait_until_cancelled_deadline(cx, &token, soon(), |_| None::<()>);
        assert_eq!(late, Err(WaitError::TimedOut));
        token.cancel();
        let mut wait = |deadline, value: Option<u8>| {
            queue.wait_until_cancelled_deadline(cx, &token, deadline, |_| value)
        };
        assert_eq!(wait(Instant::MAX, None), Err(WaitError::Cancelled));
        let both = wait(Instant::ZERO, None);
        assert_eq!(both, Err(WaitError::Cancelled), "the token wins");
        assert_eq!(wait(Instant::ZERO, Some(1)), Ok(1), "the condition wins");
    });
    assert_eq!(queue.waiters(), 0);
    assert_eq!(WaitError::from(Cancelled).to_string(), "cancelled");
}

#[test]
fn a_cancel_reaches_those_that_wait() {
    let it = Arc::new((WaitQueue::<StdHost>::new("q"), CancelToken::new("stop")));
    let waiters: Vec<_> = (0..3)
        .map(|n| {
            let it = it.clone();
            spawn(move |cx| match n {
                0 => {
                    it.0.wait_until_cancelled_deadline(cx, &it.1, Instant::MAX, |_| None::<()>)
                }
                1 => Ok(sleep_until_cancelled(cx, &it.1, Instant::MAX)?),
                _ => {
                    let mut interval = Interval::every(Duration::from_secs(3600));
                    Ok(interval.tick_cancelled(cx, &it.1).map(|_| ())?)
                }
            })
        })
        .collect();
    std::thread::sleep(Duration::from_millis(2));
    it.1.cancel();
    for waiter in waiters {
        assert_eq!(waiter.join().unwrap(), Err(WaitError::Cancelled));
    }
    assert_eq!(it.0.waiters(), 0);
}

#[test]
fn what_is_due_comes_even_so() {
    let token = CancelToken::<StdHost>::new("stop");
    token.cancel();
    enter(|cx| {
        assert_eq!(sleep_until_cancelled(cx, &token, StdHost::now()), Ok(()));
        let hour = Duration::from_secs(3600);
        let mut interval = Interval::starting_at(Instant::ZERO, hour);
        let missed = interval.tick_cancelled(cx, &token);
        assert!(missed.is_ok());
        assert_eq!(interval.tick_cancelled(cx, &token), Err(Cancelled));
    });
}
