//! What the loom models share: a core, the bounds, and the models that every raw lock passes.
//!
//! The bounds are those that were found to catch all known mutants: at least three preemptions
//! with two threads, two with three. Each model ends within seconds.
#![allow(
    dead_code,
    reason = "each test file is a program of its own and uses a part"
)]

mod cpu;

pub use cpu::QUEUED;
use layercake_sync::RawLock;
use layercake_sync::facade::UnsafeCell;
use loom::thread::{self, JoinHandle};
use std::sync::Arc;
use std::sync::atomic::Ordering;

/// It tells when it waits: [`order`] asks.
pub type Core = cpu::Core<true>;

/// Explores `f` with at most `preemptions` switches that the threads did not ask for.
pub fn explore(preemptions: usize, f: impl Fn() + Sync + Send + 'static) {
    let mut model = loom::model::Builder::new();
    model.preemption_bound = Some(preemptions);
    model.check(f);
}

/// Data that loom watches: two cores in it at once, or one that has not seen what the other
/// did, end the model.
struct Shared<R> {
    lock: R,
    data: UnsafeCell<u32>,
}

// SAFETY: LOCK-HELD is what the models are there to find out.
unsafe impl<R: Sync> Sync for Shared<R> {}
// SAFETY: as above.
unsafe impl<R: Send> Send for Shared<R> {}

impl<R: RawLock> Shared<R> {
    fn new() -> Arc<Self> {
        Arc::new(Self {
            lock: R::free(),
            data: UnsafeCell::new(0),
        })
    }

    fn add(&self) {
        // SAFETY: LOCK-HELD.
        self.data.with_mut(|p| unsafe { *p += 1 });
    }

    fn get(&self) -> u32 {
        // SAFETY: LOCK-HELD, or the others have been joined.
        self.data.with(|p| unsafe { *p })
    }

    fn add_locked(&self) {
        let held = self.lock.acquire::<Core>();
        self.add();
        self.release(held);
    }

    /// Gives back the lock, which the caller has.
    fn release(&self, held: R::Held) {
        // SAFETY: LOCK-HELD.
        unsafe { self.lock.release::<Core>(held) };
    }
}

impl<R: RawLock + 'static> Shared<R> {
    /// Another core, which adds under the lock once.
    fn another_adds(self: &Arc<Self>) -> JoinHandle<()> {
        let shared = self.clone();
        thread::spawn(move || shared.add_locked())
    }
}

/// L1, mutual exclusion and publication: `threads` of them add under the lock, `rounds` times.
pub fn exclusion<R: RawLock + 'static>(threads: u32, rounds: u32, preemptions: usize) {
    explore(preemptions, move || {
        let shared = Shared::<R>::new();
        let others: Vec<_> = (1..threads)
            .map(|_| {
                let shared = shared.clone();
                thread::spawn(move || (0..rounds).for_each(|_| shared.add_locked()))
            })
            .collect();
        (0..rounds).for_each(|_| shared.add_locked());
        for other in others {
            other.join().unwrap();
        }
        assert_eq!(shared.get(), threads * rounds, "an addition was lost");
    });
}

/// One who tries in vain leaves nothing behind: whoever waited before it and whoever takes the lock
/// after it get their turn.
pub fn trying_in_vain<R: RawLock + 'static>(preemptions: usize) {
    explore(preemptions, || {
        let shared = Shared::<R>::new();
        let held = shared.lock.acquire::<Core>();
        let other = shared.another_adds();
        assert!(shared.lock.try_acquire().is_none(), "it is held");
        shared.add();
        shared.release(held);
        let tried = shared.lock.try_acquire();
        if let Some(held) = tried {
            shared.add();
            shared.release(held);
        }
        shared.add_locked();
        other.join().unwrap();
        assert!(!shared.lock.is_locked(), "somebody's place is left");
        assert_eq!(shared.get(), 3 + u32::from(tried.is_some()));
    });
}

/// L1, for those who only try: who gets in is alone, and sees what the last holder did.
pub fn trying<R: RawLock + 'static>(preemptions: usize) {
    explore(preemptions, || {
        let shared = Shared::<R>::new();
        let other = {
            let shared = shared.clone();
            thread::spawn(move || {
                let got = shared.lock.try_acquire();
                if let Some(held) = got {
                    shared.add();
                    shared.release(held);
                }
                u32::from(got.is_some())
            })
        };
        shared.add_locked();
        if let Some(held) = shared.lock.try_acquire() {
            shared.add();
            shared.release(held);
        } else {
            shared.add_locked();
        }
        let got = other.join().unwrap();
        assert_eq!(shared.get(), 2 + got, "an addition was lost");
        assert!(!shared.lock.is_locked());
        assert!(
            shared.lock.try_acquire().is_some(),
            "a free lock was refused"
        );
    });
}

/// L1, fairness: a taker that was seen to wait is served before whoever asks after that.
pub fn order<R: RawLock + 'static>(preemptions: usize) {
    explore(preemptions, || {
        let shared = Shared::<R>::new();
        let held = shared.lock.acquire::<Core>();
        let other = shared.another_adds();
        let waits = QUEUED.load(Ordering::Relaxed);
        shared.release(held);
        let held = shared.lock.acquire::<Core>();
        assert!(!waits || shared.get() == 1, "the second was served first");
        shared.release(held);
        other.join().unwrap();
    });
}

/// A lock that one thread takes and another gives back, as over a context switch.
pub fn handed_over<R: RawLock + 'static>(preemptions: usize) {
    explore(preemptions, || {
        let shared = Shared::<R>::new();
        let _ = shared.lock.acquire::<Core>();
        shared.add();
        let heir = {
            let shared = shared.clone();
            thread::spawn(move || {
                shared.add();
                // SAFETY: LOCK-HELD: it was handed over by the spawn.
                unsafe { shared.lock.release::<Core>(shared.lock.held()) };
            })
        };
        shared.add_locked();
        heir.join().unwrap();
        assert_eq!(shared.get(), 3);
    });
}
