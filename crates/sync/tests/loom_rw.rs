//! The reader-writer lock under loom, and wrong ones that the same models must reject.
#![cfg(loom)]

mod models;

use layercake_sync::facade::{AtomicBool, AtomicU32, UnsafeCell};
use layercake_sync::phase::PhaseFairLock;
use layercake_sync::{Atomic, Cpu, IrqOff, RwSpinLock};
use loom::thread;
use models::{Core, QUEUED, explore};
use std::sync::Arc;
use std::sync::atomic::Ordering::{Acquire, Relaxed, Release};

/// What the models ask of a reader-writer lock, right or wrong.
trait Rw: Send + Sync + 'static {
    fn free() -> Self;
    fn read(&self);
    fn end_read(&self);
    fn write(&self) -> u32;
    fn end_write(&self, ticket: u32);
    fn try_write(&self) -> Option<u32>;
}

impl Rw for PhaseFairLock {
    fn free() -> Self {
        Self::new()
    }

    fn read(&self) {
        self.read::<Core>();
    }

    fn end_read(&self) {
        // SAFETY: LOCK-HELD: the models end what they began.
        unsafe { self.end_read() }
    }

    fn write(&self) -> u32 {
        self.write::<Core>()
    }

    fn end_write(&self, ticket: u32) {
        // SAFETY: LOCK-HELD: the models end what they began.
        unsafe { self.end_write(ticket) }
    }

    fn try_write(&self) -> Option<u32> {
        self.try_write()
    }
}

struct Shared<R> {
    lock: R,
    data: UnsafeCell<u32>,
    served: AtomicBool,
}

// SAFETY: LOCK-HELD is what the models are there to find out.
unsafe impl<R: Sync> Sync for Shared<R> {}
// SAFETY: as above.
unsafe impl<R: Send> Send for Shared<R> {}

impl<R: Rw> Shared<R> {
    fn new() -> Arc<Self> {
        Arc::new(Self {
            lock: R::free(),
            data: UnsafeCell::new(0),
            served: AtomicBool::new(false),
        })
    }

    /// Spawns `f` with the lock.
    fn spawn(self: &Arc<Self>, f: impl FnOnce(&Self) + 'static) -> thread::JoinHandle<()> {
        let shared = self.clone();
        thread::spawn(move || f(&shared))
    }

    fn get(&self) -> u32 {
        // SAFETY: LOCK-HELD.
        self.data.with(|p| unsafe { *p })
    }

    fn add(&self) {
        // SAFETY: LOCK-HELD.
        self.data.with_mut(|p| unsafe { *p += 1 });
    }

    fn read(&self) -> u32 {
        self.lock.read();
        let value = self.get();
        self.lock.end_read();
        value
    }

    fn write(&self) {
        let ticket = self.lock.write();
        self.add();
        self.lock.end_write(ticket);
    }
}

/// Writers are alone, and each sees what those before it did.
fn writers_exclude<R: Rw>() {
    explore(2, || {
        let shared = Shared::<R>::new();
        let other = shared.spawn(|shared| shared.write());
        let reader = shared.spawn(|shared| assert!(shared.read() <= 2));
        shared.write();
        other.join().unwrap();
        reader.join().unwrap();
        assert_eq!(shared.get(), 2);
    });
}

/// One who writes twice against one who reads twice: at three preemptions.
fn readers_exclude<R: Rw>() {
    explore(3, || {
        let shared = Shared::<R>::new();
        let reader = shared.spawn(|shared| {
            let first = shared.read();
            assert!(first <= shared.read(), "an older value after a newer one");
        });
        shared.write();
        shared.write();
        reader.join().unwrap();
    });
}

/// A reader that waits for a writer is served before the next writer.
fn readers_do_not_starve<R: Rw>() {
    explore(3, || {
        let shared = Shared::<R>::new();
        let ticket = shared.lock.write();
        let reader = shared.spawn(|shared| {
            shared.lock.read();
            shared.served.store(true, Relaxed);
            shared.lock.end_read();
        });
        let waits = QUEUED.load(Relaxed);
        shared.lock.end_write(ticket);
        let ticket = shared.lock.write();
        let served = shared.served.load(Relaxed);
        assert!(!waits || served, "a waiting reader was passed over");
        shared.lock.end_write(ticket);
        reader.join().unwrap();
    });
}

/// A reader that waits sees its writer go, whatever comes before it looks again: one who tries in
/// vain and draws a ticket, then the next writer.
fn tries_hide_no_phase<R: Rw>() {
    explore(3, || {
        let shared = Shared::<R>::new();
        let ticket = shared.lock.write();
        let reader = shared.spawn(|shared| assert_eq!(shared.read() % 2, 0));
        shared.lock.end_write(ticket);
        if let Some(ticket) = shared.lock.try_write() {
            shared.add();
            shared.add();
            shared.lock.end_write(ticket);
        }
        let ticket = shared.lock.write();
        shared.lock.end_write(ticket);
        reader.join().unwrap();
    });
}

/// A writer that waits for readers is served before a reader that comes after it.
fn writers_do_not_starve<R: Rw>() {
    explore(3, || {
        let shared = Shared::<R>::new();
        shared.lock.read();
        let writer = shared.spawn(|shared| shared.write());
        let waits = QUEUED.load(Relaxed);
        shared.lock.end_read();
        let value = shared.read();
        assert!(!waits || value == 1, "a waiting writer was passed over");
        writer.join().unwrap();
    });
}

#[test]
fn two_writers_and_a_reader() {
    writers_exclude::<PhaseFairLock>();
}

#[test]
fn a_writer_and_a_reader_twice() {
    readers_exclude::<PhaseFairLock>();
}

#[test]
fn no_starvation() {
    readers_do_not_starve::<PhaseFairLock>();
    writers_do_not_starve::<PhaseFairLock>();
}

#[test]
fn a_try_in_vain_between_two_writers() {
    tries_hide_no_phase::<PhaseFairLock>();
}

#[test]
fn those_who_try() {
    explore(3, || {
        let lock = Arc::new(RwSpinLock::<u32, IrqOff<Core>>::new(0));
        let other = {
            let lock = lock.clone();
            thread::spawn(move || {
                // SAFETY: CX-ATOMIC: nothing sleeps in a model.
                let guard = lock.try_write(unsafe { Atomic::assume() });
                guard.map(|mut value| *value += 1).is_some()
            })
        };
        // SAFETY: CX-ATOMIC: nothing sleeps in a model.
        let seen = lock
            .try_read(unsafe { Atomic::assume() })
            .map(|value| *value);
        // SAFETY: CX-ATOMIC: nothing sleeps in a model.
        *lock.write(unsafe { Atomic::assume() }) += 1;
        let written = u32::from(other.join().unwrap());
        // SAFETY: CX-ATOMIC: nothing sleeps in a model.
        assert_eq!(*lock.read(unsafe { Atomic::assume() }), 1 + written);
        assert!(seen.is_none_or(|seen| seen <= written));
        // SAFETY: CX-ATOMIC: nothing sleeps in a model.
        assert!(lock.try_write(unsafe { Atomic::assume() }).is_some());
    });
}

const READER: u32 = 0x100;
const WRITER: u32 = 2;

/// A reader's going is not published to the writer.
const RELAXED_END_READ: u8 = 0;
/// What was written is not published to the readers that wait.
const RELAXED_END_WRITE: u8 = 1;
/// The writer does not wait for the readers that came before it.
const NO_DRAIN: u8 = 2;
/// Two writers that follow each other look alike to a reader.
const NO_PHASE: u8 = 3;
/// The writer keeps no new readers out while it waits for the old.
const READERS_FIRST: u8 = 4;
/// The phase is the ticket's lowest bit, and one who tries in vain uses a ticket up.
const PHASE_OF_TICKET: u8 = 5;

/// A phase-fair lock with one thing wrong, named by `WRONG`.
struct Mutant<const WRONG: u8> {
    readers_in: AtomicU32,
    readers_out: AtomicU32,
    writers_in: AtomicU32,
    writers_out: AtomicU32,
}

impl<const WRONG: u8> Rw for Mutant<WRONG> {
    fn free() -> Self {
        Self {
            readers_in: AtomicU32::new(0),
            readers_out: AtomicU32::new(0),
            writers_in: AtomicU32::new(0),
            writers_out: AtomicU32::new(0),
        }
    }

    fn read(&self) {
        let bits = WRITER | 1;
        let writer = self.readers_in.fetch_add(READER, Acquire) & bits;
        if writer & WRITER != 0 {
            let mut now = self.readers_in.load(Acquire);
            while now & bits == writer {
                now = Core::wait_while_eq(&self.readers_in, now);
            }
        }
    }

    fn end_read(&self) {
        let relaxed = WRONG == RELAXED_END_READ;
        self.readers_out
            .fetch_add(READER, if relaxed { Relaxed } else { Release });
    }

    fn write(&self) -> u32 {
        let mine = self.writers_in.fetch_add(1, Relaxed);
        let mut serving = self.writers_out.load(Acquire);
        while serving != mine {
            serving = Core::wait_while_eq(&self.writers_out, serving);
        }
        let door = self.door(mine);
        if WRONG == READERS_FIRST {
            // Waits for a moment without readers, and only then shuts the door.
            loop {
                let came = self.readers_in.load(Relaxed);
                let left = self.readers_out.load(Acquire);
                if left == came & !(READER - 1)
                    && self
                        .readers_in
                        .compare_exchange(came, came + door, Relaxed, Relaxed)
                        .is_ok()
                {
                    return mine;
                }
                QUEUED.store(true, Relaxed);
                thread::yield_now();
            }
        }
        let came = self.readers_in.fetch_add(door, Relaxed) & !(READER - 1);
        let mut left = self.readers_out.load(Acquire);
        while left != came && WRONG != NO_DRAIN {
            left = Core::wait_while_eq(&self.readers_out, left);
        }
        mine
    }

    fn end_write(&self, mine: u32) {
        let relaxed = WRONG == RELAXED_END_WRITE;
        let order = if relaxed { Relaxed } else { Release };
        if WRONG == NO_PHASE || WRONG == PHASE_OF_TICKET {
            self.readers_in.fetch_and(!(WRITER | 1), order);
        } else {
            self.readers_in.fetch_xor(WRITER | 1, order);
        }
        self.writers_out.store(mine + 1, Release);
    }

    fn try_write(&self) -> Option<u32> {
        let mine = self.writers_out.load(Acquire);
        self.writers_in
            .compare_exchange(mine, mine + 1, Relaxed, Relaxed)
            .ok()?;
        let came = self.readers_in.load(Relaxed);
        if came & !(READER - 1) == self.readers_out.load(Acquire)
            && self
                .readers_in
                .compare_exchange(came, came + self.door(mine), Relaxed, Relaxed)
                .is_ok()
        {
            return Some(mine);
        }
        self.writers_out.store(mine + 1, Release);
        None
    }
}

impl<const WRONG: u8> Mutant<WRONG> {
    /// What the writer of ticket `mine` adds to keep readers out.
    fn door(&self, mine: u32) -> u32 {
        if WRONG == PHASE_OF_TICKET {
            WRITER | (mine & 1)
        } else {
            WRITER
        }
    }
}

#[test]
#[should_panic(expected = "Causality violation")]
fn mutant_relaxed_end_read() {
    readers_exclude::<Mutant<RELAXED_END_READ>>();
}

#[test]
#[should_panic(expected = "Causality violation")]
fn mutant_relaxed_end_write() {
    readers_exclude::<Mutant<RELAXED_END_WRITE>>();
}

#[test]
#[should_panic(expected = "Causality violation")]
fn mutant_without_drain() {
    readers_exclude::<Mutant<NO_DRAIN>>();
}

// The reader waits for the second writer, and the second writer for the reader.
#[test]
#[should_panic(expected = "exceeded maximum number of branches")]
fn mutant_without_phase() {
    readers_do_not_starve::<Mutant<NO_PHASE>>();
}

// As above, after a third who tried in vain.
#[test]
#[should_panic(expected = "exceeded maximum number of branches")]
fn mutant_with_the_phase_of_the_ticket() {
    tries_hide_no_phase::<Mutant<PHASE_OF_TICKET>>();
}

#[test]
#[should_panic(expected = "a waiting writer was passed over")]
fn mutant_that_starves_writers() {
    writers_do_not_starve::<Mutant<READERS_FIRST>>();
}
