//! The value that is made once, under loom, and a wrong one that the same model must reject.
#![cfg(loom)]

mod models;

use layercake_sync::facade::{AtomicBool, UnsafeCell};
use layercake_sync::{Atomic, IrqOff, SpinLock, once::Once};
use loom::thread;
use models::{Core, explore};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering::Relaxed};

/// What the model asks of a value that is made once.
trait Made: Send + Sync + 'static {
    fn new() -> Self;
    fn get(&self) -> Option<u32>;
    fn get_or_make(&self, make: impl FnOnce() -> u32) -> u32;
}

impl Made for Once<Box<u32>, IrqOff<Core>> {
    fn new() -> Self {
        Self::new()
    }

    fn get(&self) -> Option<u32> {
        self.get().map(|value| **value)
    }

    fn get_or_make(&self, make: impl FnOnce() -> u32) -> u32 {
        // SAFETY: CX-ATOMIC: nothing sleeps in a model.
        **self.get_or_make(unsafe { Atomic::assume() }, |_| Box::new(make()))
    }
}

/// Two ask for the value, a third looks whether it is there.
fn made_once<M: Made>() {
    explore(3, || {
        let once = Arc::new(M::new());
        // Not loom's: it counts, it does not synchronise.
        let makings = Arc::new(AtomicU32::new(0));
        let ask = {
            let (once, makings) = (once.clone(), makings.clone());
            move |value| {
                once.get_or_make(|| {
                    makings.fetch_add(1, Relaxed);
                    value
                })
            }
        };
        let other = {
            let ask = ask.clone();
            thread::spawn(move || ask(1))
        };
        let looker = thread::spawn(move || once.get());
        let mine = ask(2);
        assert_eq!(other.join().unwrap(), mine);
        assert!(looker.join().unwrap().is_none_or(|seen| seen == mine));
        assert_eq!(makings.load(Relaxed), 1, "made more than once");
    });
}

#[test]
fn it_is_made_once_and_seen_whole() {
    made_once::<Once<Box<u32>, IrqOff<Core>>>();
}

/// Says that the value is made without publishing it.
const RELAXED_MADE: u8 = 0;
/// Makes it without looking, under the lock, whether another has.
const ONE_LOOK: u8 = 1;

/// A value made once, with one thing wrong, named by `WRONG`.
struct Mutant<const WRONG: u8> {
    made: AtomicBool,
    lock: SpinLock<(), IrqOff<Core>>,
    value: UnsafeCell<u32>,
}

// SAFETY: ONCE-MADE is what the model is there to find out.
unsafe impl<const WRONG: u8> Sync for Mutant<WRONG> {}
// SAFETY: as above.
unsafe impl<const WRONG: u8> Send for Mutant<WRONG> {}

impl<const WRONG: u8> Made for Mutant<WRONG> {
    fn new() -> Self {
        Self {
            made: AtomicBool::new(false),
            lock: SpinLock::new(()),
            value: UnsafeCell::new(0),
        }
    }

    fn get(&self) -> Option<u32> {
        use std::sync::atomic::Ordering::Acquire;
        // SAFETY: ONCE-MADE, or the model finds out.
        let value = || self.value.with(|p| unsafe { *p });
        self.made.load(Acquire).then(value)
    }

    fn get_or_make(&self, make: impl FnOnce() -> u32) -> u32 {
        use std::sync::atomic::Ordering::Release;
        if let Some(value) = self.get() {
            return value;
        }
        // SAFETY: CX-ATOMIC: nothing sleeps in a model.
        let _guard = self.lock.lock(unsafe { Atomic::assume() });
        if WRONG == ONE_LOOK || !self.made.load(Relaxed) {
            let value = make();
            // SAFETY: ONCE-MADE, or the model finds out.
            self.value.with_mut(|p| unsafe { *p = value });
            let relaxed = WRONG == RELAXED_MADE;
            self.made
                .store(true, if relaxed { Relaxed } else { Release });
        }
        // SAFETY: ONCE-MADE, or the model finds out.
        self.value.with(|p| unsafe { *p })
    }
}

#[test]
#[should_panic(expected = "Causality violation")]
fn mutant_relaxed_made() {
    made_once::<Mutant<RELAXED_MADE>>();
}

#[test]
#[should_panic]
fn mutant_that_looks_once() {
    made_once::<Mutant<ONE_LOOK>>();
}
