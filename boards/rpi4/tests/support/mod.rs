//! What the emulator tests share: where they begin and end, and a few ways to wait.
//!
//! A test is an image of its own, with the kernel in it. [`kernel_tests!`] names its checks; the
//! first thread runs one after the other and switches the machine off with 0. A check that fails
//! panics, and the emulator ends with 101; one that hangs is the last that was named.
//!
//! Nothing here knows what is tested.

#![allow(
    dead_code,
    unused_imports,
    unused_macros,
    reason = "each test uses a part"
)]

extern crate alloc;
use alloc::vec::Vec;
use core::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
pub use core::time::Duration;
use layercake_kernel::irq;
use layercake_kernel::platform::{self, IrqId};
pub use layercake_kernel::thread::{
    self, Builder, CpuSet, JoinHandle, Priority, State, ThreadInfo,
};
pub use layercake_kernel::{TaskCx, WaitQueue, cpu, time};

/// The checks of this image, in order.
macro_rules! kernel_tests {
    ($($check:ident),+ $(,)?) => {
        layercake_kernel::entry!(&board_rpi4::BOARD, run_checks);

        fn run_checks(cx: &mut layercake_kernel::TaskCx) {
            $(
                layercake_kernel::kprintln!("check {}", stringify!($check));
                let start = layercake_kernel::time::now();
                $check(cx);
                let took = layercake_kernel::time::now().saturating_duration_since(start);
                layercake_kernel::kprintln!("  {} ms", took.as_millis());
            )+
            layercake_kernel::kprintln!("all checks passed");
            layercake_kernel::power::poweroff(0)
        }
    };
}
pub(crate) use kernel_tests;

/// The cases of this image, of which the script names the one to run. Each is a run of its own
/// that ends as its directives say; one that returns switches off with 0.
macro_rules! kernel_cases {
    ($($case:ident),+ $(,)?) => {
        layercake_kernel::entry!(&board_rpi4::BOARD, run_case);

        fn run_case(cx: &mut layercake_kernel::TaskCx) {
            let asked = board_rpi4::script::from_host();
            match asked.as_deref() {
                $(Some(stringify!($case)) => $case(cx),)+
                other => panic!("there is no case {other:?}"),
            }
            layercake_kernel::power::poweroff(0)
        }
    };
}
pub(crate) use kernel_cases;

/// How long a check waits for what must happen. A machine that is busy with other things slows
/// the emulator down, so this is far more than anything takes.
pub const PATIENCE: Duration = Duration::from_secs(40);

/// Sleeps, again and again, until `happened`.
///
/// # Panics
///
/// If it does not come to that.
#[track_caller]
pub fn wait_for(cx: &mut TaskCx, what: &str, happened: impl Fn() -> bool) {
    let end = time::now() + PATIENCE;
    while !happened() {
        assert!(time::now() < end, "it never came to this: {what}");
        time::sleep(cx, Duration::from_millis(1));
    }
}

/// Waits on `queue` until `happened`.
///
/// # Panics
///
/// If it does not come to that.
#[track_caller]
pub fn wait_on(cx: &mut TaskCx, queue: &WaitQueue, what: &str, happened: impl Fn() -> bool) {
    let end = time::now() + PATIENCE;
    let waited = queue.wait_until_deadline(cx, end, |_| happened().then_some(()));
    assert!(waited.is_ok(), "it never came to this: {what}");
}

/// Spins until `happened`.
///
/// # Panics
///
/// If it does not come to that.
#[track_caller]
pub fn spin_until(what: &str, happened: impl Fn() -> bool) {
    let end = time::now() + PATIENCE;
    while !happened() {
        assert!(time::now() < end, "it never came to this: {what}");
        core::hint::spin_loop();
    }
}

/// Makes a thread that stays on `core`.
#[track_caller]
pub fn spawn_on(
    core: usize,
    priority: Priority,
    body: impl FnOnce(&mut TaskCx) + Send + 'static,
) -> JoinHandle {
    Builder::new("pinned")
        .affinity(CpuSet::one(core))
        .priority(priority)
        .spawn(body)
        .expect("a thread for the check")
}

/// Moves the rest of a check to a thread on `core`, and waits for its end.
#[track_caller]
pub fn run_on(
    cx: &mut TaskCx,
    core: usize,
    priority: Priority,
    body: impl FnOnce(&mut TaskCx) + Send + 'static,
) {
    spawn_on(core, priority, body).join(cx);
}

/// What the kernel tells of the thread of number `id`, if it lives.
pub fn look_at(id: u32) -> Option<ThreadInfo> {
    thread::snapshot().into_iter().find(|info| info.id == id)
}

/// Waits until the thread of number `id` is blocked on `what`.
#[track_caller]
pub fn wait_until_blocked(cx: &mut TaskCx, id: u32, what: &str) {
    wait_for(cx, what, || {
        look_at(id).is_some_and(|info| info.state == State::Blocked && info.waits_on == Some(what))
    });
}

/// Where several threads wait for one another before they go on together.
pub struct Meeting {
    expected: usize,
    arrived: AtomicUsize,
}

impl Meeting {
    /// A meeting of `expected` threads, once.
    pub const fn new(expected: usize) -> Self {
        Self {
            expected,
            arrived: AtomicUsize::new(0),
        }
    }

    /// Spins until all are there.
    pub fn meet(&self) {
        self.arrived.fetch_add(1, Ordering::AcqRel);
        spin_until("all threads meet", || {
            self.arrived.load(Ordering::Acquire) >= self.expected
        });
    }
}

/// Numbers that look random and are the same each time: xorshift64 (Marsaglia, 2003).
pub struct Random(AtomicU64);

impl Random {
    /// From a seed, which is not 0.
    pub const fn new(seed: u64) -> Self {
        Self(AtomicU64::new(seed))
    }

    /// The next one below `end`. Not for two threads at once.
    pub fn below(&self, end: u64) -> u64 {
        let mut state = self.0.load(Ordering::Relaxed);
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        self.0.store(state, Ordering::Relaxed);
        (state >> 16) % end
    }

    /// Does nothing for a while, at most about `most` turns of a loop.
    pub fn dawdle(&self, most: u64) {
        for _ in 0..self.below(most) {
            core::hint::spin_loop();
        }
    }
}

/// All cores that are up.
pub fn cores() -> impl Iterator<Item = usize> + Clone {
    (0..cpu::MAX).filter(|core| cpu::online_mask() & (1 << core) != 0)
}

/// Interrupts of `core`'s timer so far.
pub fn timer_interrupts(core: usize) -> u64 {
    cpu::counts(core).timer.load(Ordering::Relaxed)
}

/// Makes `handler` the handler of the `n`th free software interrupt, and lets that through on
/// every core. Returns its number.
#[track_caller]
pub fn register_sgi(cx: &mut TaskCx, n: u32, handler: irq::Handler) -> u32 {
    let number = irq::SGI_FREE + n;
    irq::register(IrqId(number), handler).expect("a free software interrupt");
    for core in cores() {
        run_on(cx, core, Priority::default(), move |_| {
            platform::get().enable(IrqId(number));
        });
    }
    number
}

/// Runs `body` in `each` threads on every core, and waits for their end. `body` is given the
/// core's number.
#[track_caller]
pub fn in_parallel(
    cx: &mut TaskCx,
    each: usize,
    body: impl Fn(usize, &mut TaskCx) + Copy + Send + 'static,
) {
    let threads: Vec<_> = cores()
        .flat_map(|core| core::iter::repeat_n(core, each))
        .map(|core| spawn_on(core, Priority::default(), move |cx| body(core, cx)))
        .collect();
    threads.into_iter().for_each(|thread| _ = thread.join(cx));
}

/// How often something is done: a number of times, or fewer if that takes too long because the
/// machine under the emulator is busy.
pub struct Budget {
    times: u64,
    end: time::Instant,
}

impl Budget {
    /// The fewest times, however long they take.
    const LEAST: u64 = 50;

    /// `times`, or as often as it goes in `seconds`, from now on.
    pub fn new(times: u64, seconds: u64) -> Self {
        Self {
            times,
            end: time::now() + Duration::from_secs(seconds),
        }
    }

    /// Calls `step` with 0, 1 and so on; returns how often.
    pub fn spend(&self, mut step: impl FnMut(u64)) -> u64 {
        let mut done = 0;
        while done < self.times && (done < Self::LEAST || time::now() < self.end) {
            step(done);
            done += 1;
        }
        done
    }
}
