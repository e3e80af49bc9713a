//! What the models share: a queue with a state to wait for, threads beside the model's own, and
//! the sizes at which an invariant is explored.

use layercake_sync::TaskCx;
use layercake_wait::host::loom::{LoomHost, advance_to, spawn};
use layercake_wait::{Host, Instant, WaitQueue, Waiter};
use loom::sync::atomic::Ordering::{AcqRel, Acquire, Relaxed, Release};
use loom::sync::atomic::{AtomicBool, AtomicUsize};
use loom::thread::JoinHandle;
use std::pin::Pin;
use std::sync::Arc;

pub type Queue = WaitQueue<LoomHost>;

/// A deadline. A model's clock stands at zero until somebody moves it.
pub const DEADLINE: Instant = Instant::from_nanos(10);

/// A queue and the state that it is about: a flag, or a number of things.
pub struct Shared<H: Host = LoomHost> {
    pub queue: WaitQueue<H>,
    pub flag: AtomicBool,
    pub items: AtomicUsize,
}

pub fn shared() -> Arc<Shared> {
    Arc::new(Shared::new("model"))
}

impl<H: Host> Shared<H> {
    pub fn new(name: &'static str) -> Self {
        Self {
            queue: WaitQueue::new(name),
            flag: AtomicBool::new(false),
            items: AtomicUsize::new(0),
        }
    }

    /// Makes the flag true, with the weakest store there is: the protocol's fences have to do.
    pub fn raise(&self) {
        self.flag.store(true, Relaxed);
    }

    /// The flag, with the weakest load there is.
    pub fn flag(&self) -> Option<()> {
        self.flag.load(Relaxed).then_some(())
    }

    pub fn put(&self) {
        self.items.fetch_add(1, Release);
        self.queue.wake_one();
    }

    pub fn take(&self) -> Option<()> {
        self.items
            .fetch_update(AcqRel, Acquire, |n| n.checked_sub(1))
            .ok()
            .map(drop)
    }
}

/// `f` on a thread that may sleep.
pub fn thread<T: 'static, R: 'static>(
    it: &Arc<T>,
    f: impl FnOnce(&T, &mut TaskCx) -> R + 'static,
) -> JoinHandle<R> {
    let it = it.clone();
    spawn(move |cx| f(&it, cx))
}

/// `f` on so many threads that may sleep; each is told which one it is, from 1 on.
pub fn threads<T: 'static, R: 'static>(
    count: usize,
    it: &Arc<T>,
    f: impl Fn(&T, &mut TaskCx, usize) -> R + Copy + 'static,
) -> Vec<JoinHandle<R>> {
    let one = |i| thread(it, move |it, cx| f(it, cx, i));
    (1..=count).map(one).collect()
}

/// `f` on a thread that does not sleep: who wakes.
pub fn beside<T: 'static, R: 'static>(
    it: &Arc<T>,
    f: impl FnOnce(&T) -> R + 'static,
) -> JoinHandle<R> {
    let it = it.clone();
    loom::thread::spawn(move || f(&it))
}

/// A thread that lets the deadline come, at whatever moment.
pub fn clock() -> JoinHandle<()> {
    loom::thread::spawn(|| advance_to(DEADLINE))
}

pub fn join_all<R>(threads: Vec<JoinHandle<R>>) -> Vec<R> {
    let join = |thread: JoinHandle<R>| thread.join().unwrap();
    threads.into_iter().map(join).collect()
}

/// So many waiters of the calling thread, on `queue` one after the other.
pub fn prepared<'q>(
    count: usize,
    queue: &'q Queue,
    cx: &mut TaskCx,
) -> Vec<Pin<Box<Waiter<'q, LoomHost>>>> {
    let one = |_| {
        let waiter = Box::pin(Waiter::new());
        waiter.as_ref().prepare(queue, cx);
        waiter
    };
    (0..count).map(one).collect()
}

/// Explores `$model`, which takes the number of waiters, at the sizes at which every known mistake
/// was found: two waiters with up to three preemptions, and three with two. Full runs try three
/// of both as well. A model that is `large` has three waiters in full runs only.
macro_rules! sized {
    (large $name:ident: $model:expr) => {
        mod $name {
            use super::*;

            #[test]
            fn waiters_2_bound_3() {
                crate::explore(3, || ($model)(2));
            }

            #[test]
            #[ignore = "full"]
            fn waiters_3_bound_2() {
                crate::explore(2, || ($model)(3));
            }
        }
    };
    ($name:ident: $model:expr) => {
        mod $name {
            use super::*;

            #[test]
            fn waiters_2_bound_3() {
                crate::explore(3, || ($model)(2));
            }

            #[test]
            fn waiters_3_bound_2() {
                crate::explore(2, || ($model)(3));
            }

            #[test]
            #[ignore = "full"]
            fn waiters_3_bound_3() {
                crate::explore(3, || ($model)(3));
            }
        }
    };
}
pub(crate) use sized;
