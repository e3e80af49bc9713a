//! Locks: the blocking mutex in each way to take it, the condition variable, the semaphore, and
//! spinlocks inside of them. Nobody is inside beside another; permits come back.

use crate::support::*;
use crate::{Crew, Party, is_over};
use core::sync::atomic::{AtomicU64, Ordering::SeqCst};
use layercake_kernel::wait::{Condvar, Mutex, Semaphore};
use layercake_kernel::{Host, IrqSpinLock, SpinLock};

pub const PARTY: Party = Party {
    name: "locks",
    start,
    progress: || ENTERED.load(SeqCst),
    end: || _ = CHANGED.broadcast(),
    check,
};

const THREADS: usize = 6;
const PERMITS: u32 = 2;

/// Two numbers that are the same, except to whoever is inside.
struct Twins(u64, u64);

impl Twins {
    fn count(&mut self) {
        assert_eq!(self.0, self.1, "somebody is inside already");
        self.0 += 1;
        core::hint::spin_loop();
        self.1 += 1;
    }
}

static MUTEX: Mutex<Twins, Host> = Mutex::new("torture: mutex", Twins(0, 0));
static CHANGED: Condvar<Host> = Condvar::new("torture: changed");
static SEMAPHORE: Semaphore<Host> = Semaphore::new("torture: permits", PERMITS);
static HOLDERS: AtomicU64 = AtomicU64::new(0);
static SPIN: SpinLock<Twins> = SpinLock::new(Twins(0, 0)).named("torture: spinlock");
static SPIN_IRQ: IrqSpinLock<Twins> = IrqSpinLock::new(Twins(0, 0)).named("torture: irq spinlock");

/// How often somebody was in the mutex, and in anything at all.
static IN_MUTEX: AtomicU64 = AtomicU64::new(0);
static ENTERED: AtomicU64 = AtomicU64::new(0);

fn start(crew: &mut Crew<'_>) {
    for n in 0..THREADS {
        let priority = Priority::fair(2 * n as i8 - 6);
        let builder = Builder::new("locker").priority(priority);
        crew.spawn(
            builder.affinity(CpuSet::first(cpu::count())),
            |cx, random| {
                while !is_over() {
                    turn(cx, &random);
                    ENTERED.fetch_add(1, SeqCst);
                }
            },
        );
    }
}

fn turn(cx: &mut TaskCx, random: &Random) {
    let soon = time::now() + Duration::from_micros(random.below(300));
    match random.below(8) {
        0 | 1 => {
            let mut twins = MUTEX.lock(cx);
            enter(&mut twins);
            // Asleep inside: the others have to wait.
            if random.below(8) == 0 {
                time::sleep(cx, Duration::from_micros(random.below(100)));
            }
            twins.count();
            IN_MUTEX.fetch_add(1, SeqCst);
            drop(twins);
            CHANGED.signal();
        }
        2 => {
            if let Ok(mut twins) = MUTEX.lock_deadline(cx, soon) {
                enter(&mut twins);
            }
        }
        3 => {
            if let Some(mut twins) = MUTEX.try_lock(&mut *cx) {
                enter(&mut twins);
            }
        }
        4 => {
            let twins = MUTEX.lock(cx);
            let (mut twins, _signalled) = CHANGED.wait_deadline(cx, soon, twins);
            enter(&mut twins);
            drop(twins);
            CHANGED.broadcast();
        }
        5 => {
            SEMAPHORE.acquire(cx);
            hold(random);
        }
        6 => {
            if SEMAPHORE.acquire_deadline(cx, soon).is_ok() {
                hold(random);
            }
        }
        _ => {
            let mut outer = SPIN.lock(cx);
            let (twins, inside) = outer.split();
            SPIN_IRQ.lock(inside).count();
            twins.count();
        }
    }
}

fn enter(twins: &mut Twins) {
    twins.count();
    IN_MUTEX.fetch_add(1, SeqCst);
}

/// With a permit in hand.
fn hold(random: &Random) {
    let inside = HOLDERS.fetch_add(1, SeqCst) + 1;
    assert!(
        inside <= u64::from(PERMITS),
        "{inside} with {PERMITS} permits"
    );
    random.dawdle(20);
    HOLDERS.fetch_sub(1, SeqCst);
    SEMAPHORE.release();
}

fn check(at_end: bool) {
    assert!(SEMAPHORE.permits() <= PERMITS, "too many permits");
    if at_end {
        assert_eq!(SEMAPHORE.permits(), PERMITS, "permits were lost");
        // SAFETY: CX-ATOMIC: nothing sleeps while the mutex is looked at.
        let cx = unsafe { layercake_kernel::TaskAtomic::assume() };
        let twins = MUTEX.try_lock(cx).expect("nobody is inside");
        assert_eq!(
            (twins.0, twins.1),
            (IN_MUTEX.load(SeqCst), IN_MUTEX.load(SeqCst))
        );
    }
}
