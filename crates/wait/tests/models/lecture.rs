//! The lecture's ways to wait, as models: two must lose, and say how; the others must not.
//!
//! A losing interleaving is printed as a trace in two columns, sleeper and waker.

use crate::{explore, run_apart};
use layercake_wait::host::loom::{LoomHost, enter};
use layercake_wait::{WaitQueue, Waiter};
use loom::sync::Mutex;
use loom::sync::atomic::AtomicBool;
use loom::sync::atomic::Ordering::Relaxed;
use std::pin::pin;
use std::sync::Arc;

/// The state `x` and its queue. The predicate is `x == true`.
struct Event {
    queue: WaitQueue<LoomHost>,
    x: Mutex<bool>,
    x_unlocked: AtomicBool,
}

/// What happened in an execution, in order: who, and what.
#[derive(Clone, Default)]
struct Trace(std::sync::Arc<std::sync::Mutex<Vec<(Who, &'static str)>>>);

#[derive(Clone, Copy, PartialEq)]
enum Who {
    Sleeper,
    Waker,
}

impl Trace {
    fn begin(&self) {
        self.0.lock().unwrap().clear();
    }

    fn sleeper(&self, step: &'static str) {
        self.0.lock().unwrap().push((Who::Sleeper, step));
    }

    fn waker(&self, step: &'static str) {
        self.0.lock().unwrap().push((Who::Waker, step));
    }

    fn columns(&self) -> String {
        let mut text = format!(
            "{:<36}{}\n{:<36}{}\n",
            "sleeper", "waker", "-------", "-----"
        );
        for (who, step) in self.0.lock().unwrap().iter() {
            let indent = if *who == Who::Waker { 36 } else { 0 };
            text += &format!("{:indent$}{step}\n", "");
        }
        text
    }
}

/// Explores `sleep` against `wake`.
fn run(
    trace: &Trace,
    sleep: impl Fn(&Event, &Trace) + Send + Sync + Copy + 'static,
    wake: impl Fn(&Event, &Trace) + Send + Sync + Copy + 'static,
) {
    let trace = trace.clone();
    explore(3, move || {
        trace.begin();
        let event = Arc::new(Event {
            queue: WaitQueue::new("event"),
            x: Mutex::new(false),
            x_unlocked: AtomicBool::new(false),
        });
        let waker = loom::thread::spawn({
            let (event, trace) = (event.clone(), trace.clone());
            move || wake(&event, &trace)
        });
        sleep(&event, &trace);
        waker.join().unwrap();
    });
}

/// Runs the model `name`, which must lose; returns the trace of how it did.
fn must_lose(name: &str) -> String {
    let (passed, text) = run_apart(name, None);
    assert!(!passed, "the model found no lost wakeup");
    let (_, trace) = text.split_once(TRACE).expect("it fails with a trace");
    println!("{trace}");
    assert!(trace.contains("deadlock"), "lost in another way: {trace}");
    trace.to_owned()
}

/// Stands before a trace in the output of a model that loses.
const TRACE: &str = "== the losing interleaving ==\n";

/// Prints the trace of the execution that is under way when a model fails, and why it failed.
fn print_on_failure(trace: &Trace) {
    let trace = trace.clone();
    std::panic::set_hook(Box::new(move |info| {
        println!("{TRACE}{}{info}", trace.columns());
    }));
}

fn wake_without_lock(event: &Event, trace: &Trace) {
    event.x_unlocked.store(true, Relaxed);
    trace.waker("makes x true");
    wake(event, trace);
}

fn wake_with_lock(event: &Event, trace: &Trace) {
    trace.waker("wants the lock of x");
    *event.x.lock().unwrap() = true;
    trace.waker("locked, x made true, unlocked");
    wake(event, trace);
}

fn wake(event: &Event, trace: &Trace) {
    let found = event.queue.wake_one();
    trace.waker(if found {
        "wakes the sleeper"
    } else {
        "wakes: nobody sleeps"
    });
}

/// Attempt 1: look, then sleep. The event falls between the two.
#[test]
fn w1_attempt_1_check_then_sleep_loses() {
    let trace = must_lose("lecture::attempt_1");
    assert!(trace.contains("wakes: nobody sleeps"), "{trace}");
}

#[test]
#[ignore = "loses"]
fn attempt_1() {
    let trace = Trace::default();
    print_on_failure(&trace);
    run(
        &trace,
        |event, trace| {
            enter(|cx| {
                let ready = event.x_unlocked.load(Relaxed);
                if !ready {
                    trace.sleeper("looks: x is false");
                    trace.sleeper("goes to sleep");
                    event.queue.wait_once(cx);
                }
            });
        },
        wake_without_lock,
    );
}

/// W12, attempt 2: look under the lock, and sleep with it. The waker cannot get the lock.
///
/// (The lock here is loom's: with this project's spinlocks it would not compile.)
#[test]
fn w12_attempt_2_sleep_with_the_lock_loses() {
    let trace = must_lose("lecture::attempt_2");
    assert!(trace.contains("goes to sleep"), "{trace}");
    assert!(!trace.contains("unlocked"), "{trace}");
}

#[test]
#[ignore = "loses"]
fn attempt_2() {
    let trace = Trace::default();
    print_on_failure(&trace);
    run(
        &trace,
        |event, trace| {
            enter(|cx| {
                let x = event.x.lock().unwrap();
                trace.sleeper("locks x");
                if !*x {
                    trace.sleeper("x is false: goes to sleep");
                    event.queue.wait_once(cx);
                }
            });
        },
        wake_with_lock,
    );
}

/// The way out: on the queue first, then the look, then sleep.
#[test]
fn prepare_check_block_does_not_lose() {
    run(
        &Trace::default(),
        |event, _| {
            enter(|cx| {
                let waiter = pin!(Waiter::new());
                let waiter = waiter.as_ref();
                loop {
                    waiter.prepare(&event.queue, cx);
                    if *event.x.lock().unwrap() {
                        break;
                    }
                    waiter.maybe_block(cx);
                }
                waiter.clear();
            });
        },
        wake_with_lock,
    );
}
