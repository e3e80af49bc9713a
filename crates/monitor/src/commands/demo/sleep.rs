//! `demo sleep`: the polling `sleep(ms)` of the lecture beside the one that blocks.
//!
//! Both threads want the same: to go on after a time. The first looks at the clock and yields
//! until the time has come, as the lecture's first version does. The second is on no run queue
//! until the timer wakes it.

use super::crew::{Crew, own_record};
use crate::{failure::Failure, out::say, session::Session, show::Span};
use alloc::sync::Arc;
use core::{
    sync::atomic::{AtomicBool, Ordering::SeqCst},
    time::Duration,
};
use layercake_kernel::{
    TaskCx, WaitQueue,
    thread::{Builder, yield_now},
    time,
};

const NAP: Duration = Duration::from_millis(1000);

/// How to end the demonstration early.
struct Alarm {
    rings: AtomicBool,
    queue: WaitQueue,
}

pub fn run(session: &mut Session<'_>) -> Result<(), Failure<'static>> {
    let alarm = Arc::new(Alarm {
        rings: AtomicBool::new(false),
        queue: WaitQueue::new("demo: sleep"),
    });
    say!(
        "Two threads sleep for {}, one by polling, one by blocking.",
        Span(NAP)
    );
    let mut crew = Crew::default();
    let (one, other) = (alarm.clone(), alarm.clone());
    let shown = crew
        .spawn(Builder::new("polls"), move |cx| {
            report("polling", cx, |cx| poll(&one, cx))
        })
        .and_then(|()| {
            crew.spawn(Builder::new("blocks"), move |cx| {
                report("blocking", cx, |cx| block(&other, cx))
            })
        })
        .and_then(|()| session.pause(NAP));
    if shown.is_err() {
        alarm.rings.store(true, SeqCst);
        alarm.queue.wake_all();
    }
    crew.join(session.cx);
    shown?;
    say!("Polling kept a core busy all the time to find out that the time had not come.");
    Ok(())
}

/// Sleeps in the way of `nap`, which tells how many times it looked at the clock, and says what
/// that cost.
fn report(way: &str, cx: &mut TaskCx, nap: impl FnOnce(&mut TaskCx) -> u64) {
    let start = time::now();
    let looked = nap(cx);
    let slept = time::now().saturating_duration_since(start);
    let (ran, switches) = own_record();
    say!(
        "  {way:8}: slept {}, looked at the clock {looked} times, was given a core {switches} \
         times, ran for {}",
        Span(slept),
        Span(ran),
    );
}

fn poll(alarm: &Alarm, cx: &mut TaskCx) -> u64 {
    let deadline = time::now() + NAP;
    let mut looked = 1;
    while time::now() < deadline && !alarm.rings.load(SeqCst) {
        looked += 1;
        yield_now(cx);
    }
    looked
}

/// As `layercake_kernel::time::sleep`, with another way to end.
fn block(alarm: &Alarm, cx: &mut TaskCx) -> u64 {
    let mut looked = 0;
    let _ = alarm.queue.wait_until_deadline(cx, time::now() + NAP, |_| {
        looked += 1;
        alarm.rings.load(SeqCst).then_some(())
    });
    looked
}
