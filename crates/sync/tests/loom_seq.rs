//! The sequence lock under loom, and wrong ones that the same model must reject.
#![cfg(loom)]

mod models;

use layercake_sync::facade::{AtomicU32, AtomicUsize, fence};
use layercake_sync::{Atomic, IrqOff, SeqLock};
use loom::thread;
use models::{Core, explore};
use std::sync::Arc;
use std::sync::atomic::Ordering::{Acquire, Relaxed, Release};

/// What the model asks: a pair whose halves are always equal.
trait Seq: Send + Sync + 'static {
    fn zero() -> Self;
    /// `None` if a write came between.
    fn try_read(&self) -> Option<[usize; 2]>;
    /// Again until none came between.
    fn read(&self) -> [usize; 2];
    fn write(&self, value: usize);
}

impl Seq for SeqLock<[usize; 2], IrqOff<Core>> {
    fn zero() -> Self {
        Self::new([0; 2])
    }

    fn try_read(&self) -> Option<[usize; 2]> {
        self.try_read()
    }

    fn read(&self) -> [usize; 2] {
        // SAFETY: CX-ATOMIC: nothing sleeps in a model.
        self.read(unsafe { Atomic::assume() })
    }

    fn write(&self, value: usize) {
        // SAFETY: CX-ATOMIC: nothing sleeps in a model.
        self.write(unsafe { Atomic::assume() }, [value; 2]);
    }
}

/// A reader beside a writer that writes twice sees whole records, and never an older one after a
/// newer one.
fn no_mixture<S: Seq>(preemptions: usize) {
    explore(preemptions, || {
        let lock = Arc::new(S::zero());
        let reader = {
            let lock = lock.clone();
            thread::spawn(move || {
                let reads = [lock.try_read(), lock.try_read()];
                for [a, b] in reads.into_iter().flatten() {
                    assert_eq!(a, b, "half of one record and half of another");
                }
                if let [Some(first), Some(second)] = reads {
                    assert!(first <= second, "an older record after a newer one");
                }
            })
        };
        lock.write(1);
        lock.write(2);
        reader.join().unwrap();
        assert_eq!(lock.try_read(), Some([2, 2]));
    });
}

#[test]
fn readers_see_whole_records() {
    no_mixture::<SeqLock<[usize; 2], IrqOff<Core>>>(3);
}

#[test]
fn readers_that_retry_see_whole_records() {
    no_mixture_after_retries::<SeqLock<[usize; 2], IrqOff<Core>>>();
}

#[test]
fn readers_that_wait_see_the_last_record() {
    explore(3, || {
        let lock = Arc::new(SeqLock::<[usize; 2], IrqOff<Core>>::new([0; 2]));
        let writer = {
            let lock = lock.clone();
            thread::spawn(move || {
                // SAFETY: CX-ATOMIC: nothing sleeps in a model.
                lock.update(unsafe { Atomic::assume() }, |[a, b]| [a + 1, b + 1]);
            })
        };
        // SAFETY: CX-ATOMIC: nothing sleeps in a model.
        lock.update(unsafe { Atomic::assume() }, |[a, b]| [a + 1, b + 1]);
        // SAFETY: CX-ATOMIC: nothing sleeps in a model.
        let [a, b] = lock.read(unsafe { Atomic::assume() });
        assert!(a == b && a >= 1);
        writer.join().unwrap();
        assert_eq!(lock.try_read(), Some([2, 2]), "an update was lost");
    });
}

/// The same for one that reads until it has a record.
fn no_mixture_after_retries<S: Seq>() {
    explore(3, || {
        let lock = Arc::new(S::zero());
        let reader = {
            let lock = lock.clone();
            thread::spawn(move || {
                let [a, b] = lock.read();
                assert_eq!(a, b, "half of one record and half of another");
            })
        };
        lock.write(1);
        lock.write(2);
        reader.join().unwrap();
    });
}

/// No fence between the odd sequence and the words.
const NO_WRITER_FENCE: u8 = 0;
/// No fence between the words and the second look at the sequence.
const NO_READER_FENCE: u8 = 1;
/// The end of the write does not publish the words.
const RELAXED_END: u8 = 2;
/// The sequence is looked at once.
const ONE_LOOK: u8 = 3;

/// A retry starts from the second look, which acquired nothing.
const STALE_RETRY: u8 = 4;

/// A sequence lock for one writer, with one thing wrong, named by `WRONG`.
struct Mutant<const WRONG: u8> {
    sequence: AtomicU32,
    words: [AtomicUsize; 2],
}

impl<const WRONG: u8> Seq for Mutant<WRONG> {
    fn zero() -> Self {
        Self {
            sequence: AtomicU32::new(0),
            words: [AtomicUsize::new(0), AtomicUsize::new(0)],
        }
    }

    fn try_read(&self) -> Option<[usize; 2]> {
        self.attempt(self.sequence.load(Acquire)).ok()
    }

    fn read(&self) -> [usize; 2] {
        let mut before = self.sequence.load(Acquire);
        loop {
            match self.attempt(before) {
                Ok(words) => return words,
                Err(after) if WRONG == STALE_RETRY => before = after,
                Err(_) => before = self.sequence.load(Acquire),
            }
            thread::yield_now();
        }
    }

    fn write(&self, value: usize) {
        let before = self.sequence.load(Relaxed);
        self.sequence.store(before + 1, Relaxed);
        if WRONG != NO_WRITER_FENCE {
            fence(Release);
        }
        self.words[0].store(value, Relaxed);
        self.words[1].store(value, Relaxed);
        let relaxed = WRONG == RELAXED_END;
        self.sequence
            .store(before + 2, if relaxed { Relaxed } else { Release });
    }
}

impl<const WRONG: u8> Mutant<WRONG> {
    /// `Err`: the sequence at the second look.
    fn attempt(&self, before: u32) -> Result<[usize; 2], u32> {
        let words = [self.words[0].load(Relaxed), self.words[1].load(Relaxed)];
        if WRONG != NO_READER_FENCE {
            fence(Acquire);
        }
        let after = self.sequence.load(Relaxed);
        let whole = WRONG == ONE_LOOK || after == before;
        (before & 1 == 0 && whole).then_some(words).ok_or(after)
    }
}

#[test]
fn without_a_mistake_it_passes() {
    no_mixture::<Mutant<{ u8::MAX }>>(2);
}

#[test]
#[should_panic(expected = "record")]
fn mutant_without_writer_fence() {
    no_mixture::<Mutant<NO_WRITER_FENCE>>(3);
}

#[test]
#[should_panic(expected = "record")]
fn mutant_without_reader_fence() {
    no_mixture::<Mutant<NO_READER_FENCE>>(3);
}

#[test]
#[should_panic(expected = "record")]
fn mutant_relaxed_end() {
    no_mixture::<Mutant<RELAXED_END>>(3);
}

#[test]
#[should_panic(expected = "half of one record")]
fn mutant_that_looks_once() {
    no_mixture::<Mutant<ONE_LOOK>>(3);
}

#[test]
#[should_panic(expected = "half of one record")]
fn mutant_that_retries_without_acquire() {
    no_mixture_after_retries::<Mutant<STALE_RETRY>>();
}
