//! The locks of `layercake-sync` beside those of `spin`, `parking_lot` and `std`.
//!
//! Each lock is measured by one thread, and by two that do the same at once; either way a figure
//! is the time per acquisition of them all. Under two threads a lock that is not fair may let
//! one of them take it many times in a row. That looks cheap, and is what a fair lock is there to
//! prevent. A fair one suffers instead when a thread whose turn it is has no core: a kernel's
//! locks rule that out by what they mask, a workstation cannot. So two threads want two idle cores.

use core::hint::black_box;

use layercake_sync::queued::QueuedLock;
use layercake_sync::{PreemptOff, RwSpinLock, SeqLock, SpinLock, TaskCx};

use crate::host::{Bare, here};
use crate::operation::{Operation, at_once, one, threads};

type Mask = PreemptOff<Bare>;
type Pair = [usize; 2];

/// At the beginning of a cache line, so that no figure depends on where the linker puts a lock.
#[repr(align(128))]
struct Line<T>(T);

pub fn add(all: &mut Vec<Operation>) {
    exclusive(all);
    write(all);
    read(all);
}

/// Take, count, give back.
fn exclusive(all: &mut Vec<Operation>) {
    static TICKET: Line<SpinLock<u64, Mask>> = Line(SpinLock::new(0));
    static QUEUED: Line<SpinLock<u64, Mask, QueuedLock>> = Line(SpinLock::new(0));
    static SPIN: Line<spin::Mutex<u64>> = Line(spin::Mutex::new(0));
    static SPIN_TICKET: Line<spin::mutex::TicketMutex<u64>> =
        Line(spin::mutex::TicketMutex::new(0));
    static PARKING_LOT: Line<parking_lot::Mutex<u64>> = Line(parking_lot::Mutex::new(0));
    static STD: Line<std::sync::Mutex<u64>> = Line(std::sync::Mutex::new(0));

    let mut lock = Both::new(all, ["lock.exclusive", "lock.exclusive_by_two"]);
    lock.add("layercake SpinLock", |cx| *TICKET.0.lock(cx) += 1);
    lock.add("layercake SpinLock, QueuedLock", |cx| {
        *QUEUED.0.lock(cx) += 1;
    });
    lock.add("spin Mutex", |_| *SPIN.0.lock() += 1);
    lock.add("spin TicketMutex", |_| *SPIN_TICKET.0.lock() += 1);
    lock.add("parking_lot Mutex", |_| *PARKING_LOT.0.lock() += 1);
    lock.add("std Mutex", |_| *STD.0.lock().unwrap() += 1);
    lock.done();
}

/// The same as the one writer of a lock that also has readers.
fn write(all: &mut Vec<Operation>) {
    static LAYERCAKE: Line<RwSpinLock<u64, Mask>> = Line(RwSpinLock::new(0));
    static SPIN: Line<spin::RwLock<u64>> = Line(spin::RwLock::new(0));
    static PARKING_LOT: Line<parking_lot::RwLock<u64>> = Line(parking_lot::RwLock::new(0));
    static STD: Line<std::sync::RwLock<u64>> = Line(std::sync::RwLock::new(0));

    let mut lock = Both::new(all, ["lock.write", "lock.write_by_two"]);
    lock.add("layercake RwSpinLock", |cx| {
        *LAYERCAKE.0.write(cx) += 1;
    });
    lock.add("spin RwLock", |_| *SPIN.0.write() += 1);
    lock.add("parking_lot RwLock", |_| *PARKING_LOT.0.write() += 1);
    lock.add("std RwLock", |_| *STD.0.write().unwrap() += 1);
    lock.done();
}

/// A copy of two words that nobody writes meanwhile.
fn read(all: &mut Vec<Operation>) {
    static LAYERCAKE: Line<RwSpinLock<Pair, Mask>> = Line(RwSpinLock::new([1, 2]));
    static SEQ: Line<SeqLock<Pair, Mask>> = Line(SeqLock::new([0, 0]));
    static SPIN: Line<spin::RwLock<Pair>> = Line(spin::RwLock::new([1, 2]));
    static PARKING_LOT: Line<parking_lot::RwLock<Pair>> = Line(parking_lot::RwLock::new([1, 2]));
    static STD: Line<std::sync::RwLock<Pair>> = Line(std::sync::RwLock::new([1, 2]));

    // A record that was never written is read by a shorter way.
    SEQ.0.write(&mut here(), [1, 2]);

    let mut lock = Both::new(all, ["lock.read", "lock.read_by_two"]);
    lock.add("layercake RwSpinLock", |cx| {
        black_box(*LAYERCAKE.0.read(cx));
    });
    lock.add("layercake SeqLock", |cx| {
        black_box(SEQ.0.read(cx));
    });
    lock.add("spin RwLock", |_| {
        black_box(*SPIN.0.read());
    });
    lock.add("parking_lot RwLock", |_| {
        black_box(*PARKING_LOT.0.read());
    });
    lock.add("std RwLock", |_| {
        black_box(*STD.0.read().unwrap());
    });
    lock.done();
}

/// The same locks under two ids: by one thread, and by two.
struct Both<'a> {
    all: &'a mut Vec<Operation>,
    ids: [&'static str; 2],
    by_two: Vec<Operation>,
}

impl<'a> Both<'a> {
    fn new(all: &'a mut Vec<Operation>, ids: [&'static str; 2]) -> Self {
        Self {
            all,
            ids,
            by_two: Vec::new(),
        }
    }

    fn add(&mut self, name: &'static str, turn: impl Fn(&mut TaskCx) + Sync + Copy + 'static) {
        one(self.all, self.ids[0], name, turn);
        let by_two = move |turns| at_once(turns, &turn);
        threads(&mut self.by_two, self.ids[1], name, by_two);
    }

    fn done(mut self) {
        self.all.append(&mut self.by_two);
    }
}
