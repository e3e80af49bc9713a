//! Threads: what the kernel keeps for each, and how they are made, ended and joined.
//!
//! Which thread runs where and when is decided in `run_queue`.
//!
//! A [`Thread`] is never freed, only reused for another: so a handle that came too late (a wake
//! for a thread that has gone) reaches some thread, and is a spurious permit at worst.

mod body;
mod change;
mod end;
mod hung;
mod info;
mod join;
mod kill;
mod latency;
mod local;
mod spawn;
mod stack;
mod table;

pub use change::{ChangeError, kill, set_affinity, set_nice, set_priority};
pub use end::exit;
pub use hung::{hung_limit, hung_reports, set_hung_limit};
pub use info::{State, ThreadInfo, for_each, look_up, snapshot};
pub use join::{Exit, JoinHandle, NoValue};
pub use kill::{is_killed, sleep, sleep_until, tick, wait_until, wait_until_deadline, with_cancel};
pub use latency::{LATENCY_IS_COUNTED, Latency, latency};
pub use layercake_sched::{CpuSet, Nice, Priority, Realtime};
pub use local::{Local, MAX_LOCALS};
pub use spawn::{Builder, SpawnError, spawn};
pub use table::MAX_THREADS;

pub(crate) use end::after_end_of;
pub(crate) use hung::{log_callers, look as look_for_hung};
pub(crate) use info::on_seat;
pub(crate) use stack::Stack;
pub(crate) use table::owner_of_stack;

use crate::cpu::{self, Core};
use crate::sync::TaskCx;
use crate::{Host, IrqSpinLock, WaitQueue, run_queue};
use body::Body;
use core::cell::{Cell, UnsafeCell};
use core::sync::atomic::{
    AtomicBool, AtomicPtr, AtomicU8, AtomicU32, AtomicU64, AtomicUsize, Ordering,
};
use layercake_arch_arm64::core_block;
use layercake_sched::Entity;
use layercake_timer::Timer;

/// The most bytes of a thread's name; a longer one is cut.
pub const NAME_LEN: usize = 24;

/// A thread's name.
pub type Name = heapless::String<NAME_LEN>;

/// What the kernel keeps for a thread.
#[repr(C)]
pub struct Thread {
    /// For the policy. First, so that the address of one is the address of the other.
    pub(crate) entity: UnsafeCell<Entity>,
    /// Priority and affinity once more, for those who must not wait for a run queue's lock, and `STAYS`.
    policy: AtomicU32,
    /// Whether another thread should run. Set and cleared on the core that the thread runs on.
    pub(crate) need_resched: AtomicBool,
    /// RUNNING, NOTIFIED or PARKED: see `run_queue`.
    pub(crate) permit: AtomicU8,
    /// The core that it runs on or ran on last. Changed by whoever makes it runnable.
    core: AtomicPtr<Core>,
    /// Whatever may keep it from blocking just so, in one word, which is 0 as a rule: how many times
    /// preemption is off, and `TELLS`. Changed by the thread itself alone.
    gate: AtomicU64,
    /// Where its stack was left, while it does not run.
    pub(crate) saved_sp: Cell<usize>,
    /// Its number. Set when it is spawned.
    id: AtomicU32,
    /// FREE, ALIVE, DONE or GONE, and HANDLE: see `end`.
    life: AtomicU8,
    /// How it ended: VALUE and KILLED. Written by the thread itself.
    ended: AtomicU8,
    /// Whether its core should look if it may run there. Set and cleared on the core that it runs on.
    pub(crate) must_move: AtomicBool,
    /// Who waits for its end.
    joiners: WaitQueue,
    /// The deadline of its park.
    pub(crate) timer: Timer,
    /// The core whose queue `timer` was put on, or `NO_CORE`. Touched by the thread itself only.
    pub(crate) timer_core: AtomicUsize,
    /// When it was last parked, in ticks of the counter.
    pub(crate) blocked_since: AtomicU64,
    /// The `blocked_since` that was last reported as hanging.
    hung: AtomicU64,
    /// Where the worker is whose items run on it, or null. Written by the thread itself only.
    pub(crate) seat: AtomicPtr<()>,
    /// How many times it became runnable on another core than it ran on before. Changed by whoever
    /// makes it runnable.
    pub(crate) migrations: AtomicU64,
    /// Its own priority, which it may have inherited a higher one over: see `inherit`.
    pub(crate) base: AtomicU32,
    /// Whom it waits for and who waits for it, for `inherit`, and under that file's lock.
    pub(crate) heir: crate::inherit::Heir,
    /// What it runs and then returned, see `end` for whose it is.
    body: Cell<Option<Body>>,
    /// Its thread-local values. Touched by the thread itself.
    locals: local::Locals,
    /// Cancelled when it is killed. Read by the thread itself, else under the lock of `own`.
    cancel: UnsafeCell<layercake_wait::CancelToken<Host>>,
    /// Name and stack: changed when it is spawned. Who holds its lock and finds the thread ALIVE
    /// keeps it from being another's before the lock is free.
    own: IrqSpinLock<Own>,
    /// What it is blocked on: a static string's address and length, 0 for nothing. The length is
    /// written 0 first and last of all, and read before and after the address.
    blocked_on: (AtomicUsize, AtomicUsize),
    /// The next on the list of free threads, + 1; 0 ends it. Under the table's lock.
    next_free: AtomicU32,
    /// How long it takes from its wakes until it runs; nothing without the feature `stats`.
    pub(crate) latency: latency::Watch,
}

/// What of a thread needs a lock.
struct Own {
    name: Name,
    stack: Option<Stack>,
    /// Whether it cannot be killed.
    essential: bool,
}

/// No core's number.
pub(crate) const NO_CORE: usize = usize::MAX;

/// In `blocked_on.0`, where no address of the kernel has a bit: it idles there.
const IDLES: usize = 1 << 63;

/// `life`: on the list of free threads.
const FREE: u8 = 0;
/// `life`: spawned and not yet ended.
const ALIVE: u8 = 1;
/// `life`: its function is over, and it is about to leave its stack for ever.
const DONE: u8 = 2;
/// `life`: ended and off its stack.
const GONE: u8 = 3;
/// `life`, besides: there is a join handle.
const HANDLE: u8 = 0x80;

// SAFETY: THREAD-OWN. The entity and `saved_sp` are touched under the lock of the run queue that
// the thread is on (ENT-LOCK of the policy); the timer under the lock of its queue; body, locals and
// token as their comments say; everything else is atomic or has a lock.
unsafe impl Sync for Thread {}
// SAFETY: as above; nothing in it is bound to the core that made it.
unsafe impl Send for Thread {}

impl core::fmt::Debug for Thread {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("Thread")
            .field("id", &self.id())
            .finish_non_exhaustive()
    }
}

impl Thread {
    const fn new(priority: Priority, affinity: CpuSet, life: u8, core: usize, id: u32) -> Self {
        Self {
            entity: UnsafeCell::new(Entity::new(priority, affinity)),
            policy: AtomicU32::new(encode(priority, affinity) | stays(affinity, core)),
            need_resched: AtomicBool::new(false),
            permit: AtomicU8::new(run_queue::RUNNING),
            core: AtomicPtr::new(crate::cpu::address_of(core)),
            gate: AtomicU64::new(0),
            saved_sp: Cell::new(0),
            id: AtomicU32::new(id),
            life: AtomicU8::new(life),
            ended: AtomicU8::new(0),
            must_move: AtomicBool::new(false),
            joiners: WaitQueue::new("join"),
            timer: Timer::new(crate::time::wake_parked),
            timer_core: AtomicUsize::new(NO_CORE),
            migrations: AtomicU64::new(0),
            base: AtomicU32::new(encode(priority, affinity)),
            heir: crate::inherit::Heir::new(),
            body: Cell::new(None),
            locals: local::Locals::new(),
            cancel: UnsafeCell::new(layercake_wait::CancelToken::new("kill")),
            blocked_since: AtomicU64::new(0),
            hung: AtomicU64::new(0),
            seat: AtomicPtr::new(core::ptr::null_mut()),
            own: IrqSpinLock::new(Own {
                name: Name::new(),
                stack: None,
                essential: false,
            })
            .named("thread"),
            blocked_on: (AtomicUsize::new(0), AtomicUsize::new(0)),
            next_free: AtomicU32::new(0),
            latency: latency::Watch::new(),
        }
    }

    /// The thread that core `core` runs when there is no other: its boot context. On no run
    /// queue, ever.
    pub(crate) const fn idle(core: usize) -> Self {
        Self::new(Priority::Idle, CpuSet::one(core), ALIVE, core, core as u32)
    }

    /// Its number, which is not another's before it has been reaped.
    pub fn id(&self) -> u32 {
        self.id.load(Ordering::Relaxed)
    }

    /// Whether it is a core's idle thread.
    #[inline]
    pub(crate) fn is_idle(&self) -> bool {
        (self.id() as usize) < crate::cpu::MAX
    }

    /// Its name.
    pub fn name(&self) -> Name {
        if self.is_idle() {
            let mut name = Name::new();
            let _ = core::fmt::write(&mut name, format_args!("idle/{}", self.id()));
            return name;
        }
        // SAFETY: CX-ATOMIC: nothing sleeps while the name is copied.
        self.own
            .lock(unsafe { crate::Atomic::assume() })
            .name
            .clone()
    }

    /// [`name`](Self::name) without waiting for the lock: for a machine that stops.
    pub(crate) fn try_name(&self) -> Option<Name> {
        if self.is_idle() {
            return Some(self.name());
        }
        // SAFETY: CX-ATOMIC: nothing sleeps while the name is copied.
        Some(
            self.own
                .try_lock(unsafe { crate::Atomic::assume() })?
                .name
                .clone(),
        )
    }

    /// How urgent it is.
    #[inline]
    pub(crate) fn priority(&self) -> Priority {
        decode(self.policy.load(Ordering::Relaxed)).0
    }

    /// The cores that it may run on.
    #[inline]
    pub(crate) fn allowed(&self) -> CpuSet {
        decode(self.policy.load(Ordering::Relaxed)).1
    }

    /// Its own priority, whatever it has inherited.
    pub(crate) fn own_priority(&self) -> Priority {
        decode(self.base.load(Ordering::Relaxed)).0
    }

    pub(crate) fn set_own_priority(&self, priority: Priority) {
        let word = encode(priority, CpuSet::NONE);
        self.base.store(word, Ordering::Relaxed);
    }

    /// For those who hold the lock of the run queue that it is on, or to whom it belongs.
    pub(crate) fn set_policy(&self, priority: Priority, affinity: CpuSet) {
        let word = encode(priority, affinity) | stays(affinity, self.core().id());
        self.policy.store(word, Ordering::Relaxed);
    }

    /// The core that it runs on or ran on last.
    #[inline(always)]
    pub(crate) fn core(&self) -> &'static Core {
        // SAFETY: CORE-BLOCK: the address of a core's block, which is static.
        unsafe { &*self.core.load(Ordering::Relaxed) }
    }

    /// Says that it is on core `id` now. For whoever makes it runnable, and holds the lock of the run
    /// queue of the core that it was on.
    pub(crate) fn set_core(&self, id: usize) {
        let policy = self.policy.load(Ordering::Relaxed);
        let word = policy & !STAYS | stays(decode(policy).1, id);
        self.policy.store(word, Ordering::Relaxed);
        self.core.store(cpu::address_of(id), Ordering::Relaxed);
    }

    /// Whether the core that it is on is the only one that it may run on.
    #[inline(always)]
    pub(crate) fn stays(&self) -> bool {
        self.policy.load(Ordering::Relaxed) & STAYS != 0
    }

    /// How many times preemption is off.
    #[inline(always)]
    pub(crate) fn preempt_count(&self) -> u32 {
        self.gate.load(Ordering::Relaxed) as u32
    }

    /// Changes how many times preemption is off, by the thread itself; gives how many times it is then.
    #[inline(always)]
    pub(crate) fn count_preempt(&self, change: i64) -> u32 {
        let gate = self.gate.load(Ordering::Relaxed);
        let gate = gate.wrapping_add_signed(change);
        self.gate.store(gate, Ordering::Relaxed);
        gate as u32
    }

    /// Whether preemption is on, and it need not tell its pool when it blocks.
    #[inline(always)]
    pub(crate) fn blocks_freely(&self) -> bool {
        self.gate.load(Ordering::Relaxed) == 0
    }

    /// Whether it tells its pool when it blocks: it sits there, and has not told.
    #[inline]
    pub(crate) fn tells(&self) -> bool {
        self.gate.load(Ordering::Relaxed) & TELLS != 0
    }

    /// Says so; by the thread itself.
    #[inline]
    pub(crate) fn set_tells(&self, tells: bool) {
        let gate = self.gate.load(Ordering::Relaxed) & !TELLS;
        let gate = gate | if tells { TELLS } else { 0 };
        self.gate.store(gate, Ordering::Relaxed);
    }

    /// The mapped part of its stack.
    pub(crate) fn stack_range(&self) -> Option<core::ops::Range<usize>> {
        if self.is_idle() {
            return Some(layercake_arch_arm64::layout::boot_stack(self.id() as usize));
        }
        // SAFETY: CX-ATOMIC: nothing sleeps while the range is copied.
        let own = self.own.lock(unsafe { crate::Atomic::assume() });
        own.stack.as_ref().map(Stack::range)
    }

    /// [`stack_range`](Self::stack_range) without waiting for the lock: for a machine that stops.
    pub(crate) fn try_stack_range(&self) -> Option<core::ops::Range<usize>> {
        if self.is_idle() {
            return self.stack_range();
        }
        // SAFETY: CX-ATOMIC: nothing sleeps while the range is copied.
        let own = self.own.try_lock(unsafe { crate::Atomic::assume() })?;
        own.stack.as_ref().map(Stack::range)
    }

    /// Notes what it is about to wait on, and whether it idles there. Called by the thread itself.
    #[inline(always)]
    pub(crate) fn set_blocked_on(&self, what: &'static str, idles: bool) {
        let (address, len) = (&self.blocked_on.0, &self.blocked_on.1);
        let tagged = what.as_ptr() as usize | if idles { IDLES } else { 0 };
        if address.load(Ordering::Relaxed) == tagged {
            return;
        }
        len.store(0, Ordering::Release);
        address.store(tagged, Ordering::Release);
        len.store(what.len(), Ordering::Release);
    }

    /// Forgets what the thread that was here before waited on: the address too, or the new one
    /// would take waiting on the same thing for nothing new.
    fn forget_blocked_on(&self) {
        self.blocked_on.1.store(0, Ordering::Release);
        self.blocked_on.0.store(0, Ordering::Release);
    }

    /// Whether what it waited on last was nothing in particular: work, or a key.
    pub(crate) fn idles(&self) -> bool {
        self.blocked_on.0.load(Ordering::Acquire) & IDLES != 0
    }

    /// What it waited on last.
    pub(crate) fn blocked_on(&self) -> Option<&'static str> {
        let (address, len) = (&self.blocked_on.0, &self.blocked_on.1);
        let before = len.load(Ordering::Acquire);
        let at = (address.load(Ordering::Acquire) & !IDLES) as *const u8;
        if before == 0 || len.load(Ordering::Acquire) != before {
            return None;
        }
        // SAFETY: BLOCKED-ON: both halves are of one static string: the length is 0 whenever the
        // address changes, and was the same before and after the address was read.
        let bytes = unsafe { core::slice::from_raw_parts(at, before) };
        core::str::from_utf8(bytes).ok()
    }
}

/// Every core that there can be.
pub(crate) const ALL_CORES: CpuSet = CpuSet::first(crate::cpu::MAX);

/// In `gate`, above the count.
const TELLS: u64 = 1 << 32;

/// In `policy`: the core that it is on is the only one that it may run on.
const STAYS: u32 = 1 << 31;

const fn stays(affinity: CpuSet, core: usize) -> u32 {
    if affinity.bits() == 1 << core {
        STAYS
    } else {
        0
    }
}

/// Priority and affinity in one word: affinity, rank, class.
const fn encode(priority: Priority, affinity: CpuSet) -> u32 {
    let policy = match priority {
        Priority::RealTime(rt) if rt.is_round_robin() => rt.priority() as u32,
        Priority::RealTime(rt) => 1 << 8 | rt.priority() as u32,
        Priority::Fair(nice) => 2 << 8 | nice.get() as u8 as u32,
        Priority::Idle => 3 << 8,
    };
    policy << 8 | affinity.bits() as u32 & 0xff
}

const fn decode(word: u32) -> (Priority, CpuSet) {
    let rank = (word >> 8) as u8;
    let priority = match word >> 16 & 0xff {
        0 => Priority::round_robin(rank),
        1 => Priority::fifo(rank),
        2 => Priority::fair(rank as i8),
        _ => Priority::Idle,
    };
    (priority, CpuSet::from_bits((word & 0xff) as u64))
}

/// The running thread.
#[inline(always)]
pub(crate) fn current() -> &'static Thread {
    let thread = core_block::current().cast::<Thread>();
    debug_assert!(!thread.is_null());
    // SAFETY: CURRENT: SP_EL0 holds what the context switch wrote, a thread that is never freed.
    unsafe { &*thread }
}

/// The running thread, or none before the first thread.
pub(crate) fn try_current() -> Option<&'static Thread> {
    // SAFETY: CURRENT, as in `current`.
    unsafe { core_block::current().cast::<Thread>().as_ref() }
}

/// The number of the running thread. From any context; in an interrupt handler it is the
/// interrupted thread's. O(1).
pub fn current_id() -> u32 {
    current().id()
}

/// Lets another thread of equal priority run, if there is one. O(log n) in the fair class, O(1)
/// in the real-time class.
#[inline]
pub fn yield_now(_cx: &mut TaskCx) {
    run_queue::yield_now();
}
