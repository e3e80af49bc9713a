//! The locks of `layercake-sync` beside those of `spin`, `parking_lot` and `std`, on this
//! machine: `cargo bench -p layercake-host-bench`.
//!
//! Times, so they differ from run to run and from machine to machine, and nothing is asserted.
//! What must not change by accident is counted in instructions instead, in `boards/rpi4/benches`.
//!
//! Each lock is measured by one thread, and by two that do the same at once; either way a figure
//! is the time per acquisition of them all. Under two threads a lock that is not fair may let
//! one of them take it many times in a row. That looks cheap, and is what a fair lock is there to
//! prevent. A fair one suffers instead when a thread whose turn it is has no core: a kernel's
//! locks rule that out by what they mask, a workstation cannot. So two threads want two idle cores.

use core::hint::black_box;
use core::sync::atomic::{AtomicU32, Ordering, compiler_fence};
use std::time::{Duration, Instant};

use criterion::measurement::WallTime;
use criterion::{BenchmarkGroup, BenchmarkId, Criterion};
use layercake_sync::queued::QueuedLock;
use layercake_sync::{Cpu, PreemptOff, RwSpinLock, SeqLock, SpinLock, TaskCx};

/// A core that has nothing to mask.
///
/// `layercake_sync::host::StdCpu` simulates masks and asserts that they nest, which would cost
/// more than the lock does; the other libraries mask nothing. So here the locks alone compare.
struct Bare;

// SAFETY: CPU-MASK. Each thread of this program plays a core of its own, has the only `TaskCx` on
// it, and there are no handlers: nobody could come between. The fences are for the compiler.
unsafe impl Cpu for Bare {
    type IrqState = ();

    #[inline(always)]
    fn irq_save() {
        compiler_fence(Ordering::SeqCst);
    }

    #[inline(always)]
    unsafe fn irq_restore((): ()) {
        compiler_fence(Ordering::SeqCst);
    }

    #[inline(always)]
    fn preempt_disable() {
        compiler_fence(Ordering::SeqCst);
    }

    #[inline(always)]
    unsafe fn preempt_enable() {
        compiler_fence(Ordering::SeqCst);
    }
}

type Mask = PreemptOff<Bare>;
type Pair = [usize; 2];

/// At the beginning of a cache line, so that no figure depends on where the linker puts a lock.
#[repr(align(128))]
struct Line<T>(T);

/// Take, count, give back.
fn exclusive(criterion: &mut Criterion) {
    static TICKET: Line<SpinLock<u64, Mask>> = Line(SpinLock::new(0));
    static QUEUED: Line<SpinLock<u64, Mask, QueuedLock>> = Line(SpinLock::new(0));
    static SPIN: Line<spin::Mutex<u64>> = Line(spin::Mutex::new(0));
    static SPIN_TICKET: Line<spin::mutex::TicketMutex<u64>> =
        Line(spin::mutex::TicketMutex::new(0));
    static PARKING_LOT: Line<parking_lot::Mutex<u64>> = Line(parking_lot::Mutex::new(0));
    static STD: Line<std::sync::Mutex<u64>> = Line(std::sync::Mutex::new(0));

    let group = &mut criterion.benchmark_group("exclusive");
    compare(group, "layercake SpinLock", |cx| *TICKET.0.lock(cx) += 1);
    compare(group, "layercake SpinLock, QueuedLock", |cx| {
        *QUEUED.0.lock(cx) += 1;
    });
    compare(group, "spin Mutex", |_| *SPIN.0.lock() += 1);
    compare(group, "spin TicketMutex", |_| *SPIN_TICKET.0.lock() += 1);
    compare(group, "parking_lot Mutex", |_| *PARKING_LOT.0.lock() += 1);
    compare(group, "std Mutex", |_| *STD.0.lock().unwrap() += 1);
}

/// The same as the one writer of a lock that also has readers.
fn write(criterion: &mut Criterion) {
    static LAYERCAKE: Line<RwSpinLock<u64, Mask>> = Line(RwSpinLock::new(0));
    static SPIN: Line<spin::RwLock<u64>> = Line(spin::RwLock::new(0));
    static PARKING_LOT: Line<parking_lot::RwLock<u64>> = Line(parking_lot::RwLock::new(0));
    static STD: Line<std::sync::RwLock<u64>> = Line(std::sync::RwLock::new(0));

    let group = &mut criterion.benchmark_group("write");
    compare(group, "layercake RwSpinLock", |cx| {
        *LAYERCAKE.0.write(cx) += 1;
    });
    compare(group, "spin RwLock", |_| *SPIN.0.write() += 1);
    compare(group, "parking_lot RwLock", |_| *PARKING_LOT.0.write() += 1);
    compare(group, "std RwLock", |_| *STD.0.write().unwrap() += 1);
}

/// A copy of two words that nobody writes meanwhile.
fn read(criterion: &mut Criterion) {
    static LAYERCAKE: Line<RwSpinLock<Pair, Mask>> = Line(RwSpinLock::new([1, 2]));
    static SEQ: Line<SeqLock<Pair, Mask>> = Line(SeqLock::new([0, 0]));
    static SPIN: Line<spin::RwLock<Pair>> = Line(spin::RwLock::new([1, 2]));
    static PARKING_LOT: Line<parking_lot::RwLock<Pair>> = Line(parking_lot::RwLock::new([1, 2]));
    static STD: Line<std::sync::RwLock<Pair>> = Line(std::sync::RwLock::new([1, 2]));

    // A record that was never written is read by a shorter way.
    SEQ.0.write(&mut here(), [1, 2]);

    let group = &mut criterion.benchmark_group("read");
    compare(group, "layercake RwSpinLock", |cx| {
        black_box(*LAYERCAKE.0.read(cx));
    });
    compare(group, "layercake SeqLock", |cx| {
        black_box(SEQ.0.read(cx));
    });
    compare(group, "spin RwLock", |_| {
        black_box(*SPIN.0.read());
    });
    compare(group, "parking_lot RwLock", |_| {
        black_box(*PARKING_LOT.0.read());
    });
    compare(group, "std RwLock", |_| {
        black_box(*STD.0.read().unwrap());
    });
}

/// Measures `turn` by one thread and by two.
fn compare(
    group: &mut BenchmarkGroup<'_, WallTime>,
    name: &str,
    turn: impl Fn(&mut TaskCx) + Sync,
) {
    group.bench_function(BenchmarkId::new(name, "1 thread"), |bencher| {
        let cx = &mut here();
        bencher.iter(|| turn(cx));
    });
    group.bench_function(BenchmarkId::new(name, "2 threads"), |bencher| {
        bencher.iter_custom(|turns| by_two(turns, &turn));
    });
}

/// How long two threads together take for so many turns (one more if it is odd). Making them and
/// ending them is not counted.
fn by_two(turns: u64, turn: &(impl Fn(&mut TaskCx) + Sync)) -> Duration {
    let ready = AtomicU32::new(0);
    let half = || {
        let cx = &mut here();
        ready.fetch_add(1, Ordering::Relaxed);
        // Not a barrier that sleeps: one thread would be alone until the other has woken.
        while ready.load(Ordering::Relaxed) < 2 {
            std::thread::yield_now();
        }
        let begin = Instant::now();
        for _ in 0..turns.div_ceil(2) {
            turn(cx);
        }
        (begin, Instant::now())
    };
    std::thread::scope(|scope| {
        let other = scope.spawn(half);
        let (begin, end) = half();
        let (other_begin, other_end) = other.join().expect("a turn does not panic");
        end.max(other_end) - begin.min(other_begin)
    })
}

/// The calling thread's context.
fn here() -> TaskCx {
    // SAFETY: CX-TASK: a thread of this program, where nothing is ever masked. It is called with
    // no guard alive and none of an earlier one in use.
    unsafe { TaskCx::new() }
}

fn main() {
    let mut criterion = Criterion::default()
        .warm_up_time(Duration::from_millis(500))
        .measurement_time(Duration::from_secs(1))
        .configure_from_args();
    exclusive(&mut criterion);
    write(&mut criterion);
    read(&mut criterion);
    criterion.final_summary();
}
