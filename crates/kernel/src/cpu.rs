//! The cores: each core's own block, and which of them are up, idle or stopped.
//!
//! What is in a block is used by its core alone unless it says otherwise. What the scheduler does
//! with it is in `run_queue`.

use crate::IrqSpinLock;
use crate::config;
use crate::irq::{HANDLERS, Handlers};
use crate::run_queue;
use crate::sync::Atomic;
use crate::thread::Thread;
use core::cell::Cell;
use core::mem::offset_of;
use core::sync::atomic::{AtomicPtr, AtomicU32, AtomicU64, AtomicUsize, Ordering};
use layercake_arch_arm64::core_block::{self, CoreBlock};
use layercake_arch_arm64::layout;
use layercake_sched::RunQueue;
use layercake_sync::check::Held;
use layercake_timer::{Timer, TimerQueue};

/// How many cores there can be.
pub const MAX: usize = layout::CORES;

/// Nanoseconds that a thread runs before an equal one gets its turn.
pub(crate) const SLICE_NS: u64 = 1_000_000_000 / config::HZ;

/// A core's own block, with what the exception entry needs right before it.
// Aligned so that its size is a power of 2, by which a block is found by its number.
#[repr(C, align(1024))]
struct Place {
    block: Cell<CoreBlock>,
    core: Core,
}

const _: () = assert!(offset_of!(Place, core) == size_of::<CoreBlock>());

/// A core's own block. TPIDR_EL1 points to it.
#[repr(C)]
pub(crate) struct Core {
    /// The runnable threads. Its raw lock is held over a context switch: see `run_queue`. First, so that
    /// its lock word is where the block is, and its first fields near.
    pub run_queue: IrqSpinLock<RunQueue>,
    id: usize,
    /// Where the handlers of interrupts are: here it is one load, else an address to be made.
    pub handlers: &'static Handlers,
    /// How deep in interrupt handlers this core is: 0 or 1.
    pub irq_depth: Cell<u32>,
    /// What the timer is set to, in ticks; `u64::MAX` when it is off. Written by this core alone.
    pub programmed: AtomicU64,
    /// The thread that runs when none is runnable; the core's boot context.
    pub idle: Thread,
    /// When the core went idle, in ticks, if it is idle. Under the run queue's lock. 0 while it boots.
    pub idle_since: AtomicU64,
    /// How long it has idled before that, in ticks. Under the run queue's lock.
    pub idle_time: AtomicU64,
    /// The running thread, for other cores to look at.
    pub current: AtomicPtr<Thread>,
    /// How many runnable threads wait in `run_queue`; written under its lock.
    pub waiting: AtomicUsize,
    /// The deadlines that this core's timer serves.
    pub timers: IrqSpinLock<TimerQueue>,
    /// When it looks whether other cores have less to do; armed only while threads wait. Under the
    /// lock of `timers`.
    pub balance: Timer,
    /// The spinlocks that it holds, for the run-time check.
    pub held: Held,
    /// What this core has counted since it started.
    pub counts: Counts,
    /// Where the core was when it was told to stop.
    pub stopped: crate::stop::Report,
}

/// What a core counts. Written by the core, read by anyone.
#[derive(Debug)]
pub struct Counts {
    /// Interrupts taken, software interrupts among them.
    pub irqs: AtomicU64,
    /// Software interrupts taken: other cores asked for something.
    pub sgis: AtomicU64,
    /// Times that the timer's interrupt came.
    pub timer: AtomicU64,
}

impl Counts {
    const fn new() -> Self {
        Self {
            irqs: AtomicU64::new(0),
            sgis: AtomicU64::new(0),
            timer: AtomicU64::new(0),
        }
    }

    /// Counts one. Only the core itself counts, so a plain addition does.
    #[inline(always)]
    pub(crate) fn add(counter: &AtomicU64) {
        counter.store(counter.load(Ordering::Relaxed) + 1, Ordering::Relaxed);
    }
}

// SAFETY: PER-CORE. The cells are touched by the owning core alone, in stretches that neither an
// interrupt nor another thread can enter; everything else is atomic or behind a lock.
unsafe impl Sync for Core {}

// SAFETY: PER-CORE, as above.
unsafe impl Sync for Place {}

impl Place {
    const fn new(id: usize) -> Self {
        Self {
            block: Cell::new(CoreBlock::new(0)),
            core: Core::new(id),
        }
    }
}

impl Core {
    const fn new(id: usize) -> Self {
        Self {
            // `time::init` sets the slice.
            run_queue: IrqSpinLock::new(RunQueue::new(1)).named("run queue"),
            id,
            handlers: &HANDLERS,
            irq_depth: Cell::new(0),
            programmed: AtomicU64::new(u64::MAX),
            idle: Thread::idle(id),
            idle_since: AtomicU64::new(0),
            idle_time: AtomicU64::new(0),
            current: AtomicPtr::new(core::ptr::null_mut()),
            waiting: AtomicUsize::new(0),
            timers: IrqSpinLock::new(TimerQueue::new()).named("timers"),
            balance: Timer::new(run_queue::on_look),
            held: Held::new(),
            counts: Counts::new(),
            stopped: crate::stop::Report::new(),
        }
    }

    /// The core's number.
    pub fn id(&self) -> usize {
        self.id
    }

    /// The thread that it runs, which may be another one the next moment.
    pub(crate) fn thread(&self) -> Option<&'static Thread> {
        // SAFETY: THREAD-STABLE: null or a thread that is never freed.
        unsafe { self.current.load(Ordering::Relaxed).as_ref() }
    }

    /// Makes this block the calling core's, and the calling context the core's idle thread.
    ///
    /// # Safety
    ///
    /// Called once on each core, first of all.
    pub unsafe fn install(&'static self) {
        let emergency_top = layout::emergency_stack(self.id()).end;
        let block = &CORES[self.id()].block;
        block.set(CoreBlock::new(emergency_top));
        self.current
            .store((&raw const self.idle).cast_mut(), Ordering::Relaxed);
        // SAFETY: CORE-BLOCK, CURRENT: the block is static and this core's; it runs its idle
        // thread from now on.
        unsafe {
            core_block::set(block.as_ptr());
            core_block::set_current((&raw const self.idle).cast());
        }
    }
}

static CORES: [Place; MAX] = [Place::new(0), Place::new(1), Place::new(2), Place::new(3)];

/// Bit per core that has nothing to run.
pub(crate) static IDLE: AtomicU32 = AtomicU32::new(0);
/// Bit per core that takes interrupts and runs threads.
static ONLINE: AtomicU32 = AtomicU32::new(0);

/// Where the block of core `id` is, which is less than [`MAX`].
pub(crate) const fn address_of(id: usize) -> *mut Core {
    assert!(id < MAX);
    let place = (&raw const CORES).cast::<Place>().wrapping_add(id);
    let core = place.wrapping_byte_add(offset_of!(Place, core));
    core.cast::<Core>().cast_mut()
}

/// A core's block by number, which is less than [`MAX`].
#[inline(always)]
pub(crate) fn core(id: usize) -> &'static Core {
    debug_assert!(id < MAX);
    // The remainder is one instruction, and what it is of is a core's number anyway.
    &CORES[id % MAX].core
}

/// The calling core's block. Right as long as the caller cannot be moved to another core.
#[inline(always)]
pub(crate) fn this() -> &'static Core {
    let block = core_block::get().cast::<Core>();
    debug_assert!(!block.is_null());
    // SAFETY: CORE-BLOCK: `install` ran first of all on this core, with the block before a `Core`.
    unsafe { &*block }
}

/// All cores that are up.
pub(crate) fn online() -> impl Iterator<Item = &'static Core> {
    let mask = online_mask();
    let cores = CORES.iter().map(|place| &place.core);
    cores.filter(move |core| mask & (1 << core.id()) != 0)
}

/// Bit per core that is up.
pub fn online_mask() -> u32 {
    ONLINE.load(Ordering::Acquire)
}

/// Whether the calling core has taken up its idle loop, and interrupts with that.
pub(crate) fn has_booted() -> bool {
    this().idle_since.load(Ordering::Relaxed) != 0
}

/// Says that the calling core is up.
pub(crate) fn set_online(id: usize) {
    ONLINE.fetch_or(1 << id, Ordering::Release);
}

/// How many cores are up.
pub fn count() -> usize {
    online_mask().count_ones() as usize
}

/// The core that the caller runs on. It may be another one the next moment, unless the caller
/// masks preemption or interrupts.
pub fn current() -> usize {
    core_block::hardware_id()
}

/// How many times `core` was switched from one thread to another since it started. From any context.
///
/// # Panics
///
/// If there can be no such core.
pub fn switches(core: usize) -> u64 {
    // SAFETY: CX-ATOMIC: nothing sleeps while the queue is looked at.
    let cx = unsafe { Atomic::assume() };
    CORES[core].core.run_queue.lock(cx).switches()
}

/// What `core` has counted.
///
/// # Panics
///
/// If there can be no such core.
pub fn counts(core: usize) -> &'static Counts {
    &CORES[core].core.counts
}
