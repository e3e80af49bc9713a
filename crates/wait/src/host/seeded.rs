//! The host that plays: every interleaving at its calls comes from a seed, and so does the time.
//!
//! Its threads are coroutines on one thread of the workstation, each on a core of its own. At
//! each call of the [`Host`] or its [`Cpu`] the seed decides who goes on, whether an interrupt
//! comes, whether a park returns for no reason, and whether a deadline passes. Nothing else
//! decides anything: a seed that fails is a recipe.
//!
//! [`explore`] runs a scenario under many seeds and names the one that fails; with
//! `LAYERCAKE_SEED=N` in the environment it runs that one again, with `LAYERCAKE_SCHEDULES=N`
//! that many. It is fast, and it knows interrupts and time; weak memory it does not know, and it
//! does not prove: that is loom's part.
//!
//! ```
//! # #[cfg(all(feature = "seeded-host", not(loom)))] {
//! use layercake_wait::{host::seeded, WaitQueue};
//! use std::{cell::Cell, rc::Rc};
//!
//! seeded::explore(100, |cx| {
//!     let it = Rc::new((WaitQueue::<seeded::SeededHost>::new("bell"), Cell::new(false)));
//!     let waiter = seeded::spawn({
//!         let it = it.clone();
//!         move |cx| it.0.wait_until(cx, |_| it.1.get().then_some(()))
//!     });
//!     it.1.set(true);
//!     it.0.wake_all();
//!     waiter.join(cx);
//! });
//! # }
//! ```

mod world;

extern crate std;

use self::world::{End, Slot, World};
use super::Host;
use crate::block_on::WordHandle;
use crate::time::Instant;
use core::cell::{Cell, RefCell};
use core::sync::atomic::{AtomicU32, Ordering};
use core::time::Duration;
use corosensei::stack::DefaultStack;
use corosensei::{Coroutine, CoroutineResult, Yielder};
use layercake_sync::{Cpu, IrqCx, TaskCx};
use std::boxed::Box;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::rc::Rc;
use std::string::String;
use std::vec::Vec;
use std::{env, eprintln, thread_local};

type Scenario = Rc<dyn Fn(&mut TaskCx)>;

thread_local! {
    static WORLD: RefCell<Option<World>> = const { RefCell::new(None) };
    static STACKS: RefCell<Vec<DefaultStack>> = const { RefCell::new(Vec::new()) };
    static LAST_ID: Cell<u32> = const { Cell::new(0) };
}

/// Has the world for `f`, which must not suspend.
fn with<R>(f: impl FnOnce(&mut World) -> R) -> R {
    WORLD.with_borrow_mut(|world| f(world.as_mut().expect("no schedule is under way")))
}

/// A point at which the seed may let another thread go on, or an interrupt come.
///
/// Every call of the host is one. A scenario puts more of them where it touches its own state.
pub fn point() {
    if std::thread::panicking() {
        return; // a thread that is being unwound gets no further interrupts
    }
    let handler = with(|world| {
        let open = world.threads[world.current].masks == 0;
        let comes = open && world.handler.is_some() && world.chance(16);
        comes.then(|| world.handler.clone()).flatten()
    });
    if let Some(handler) = handler {
        set_masks(|masks| *masks = 1);
        // SAFETY: CX-IRQ. The count says masked until the handler returns, so no other comes.
        handler(unsafe { IrqCx::new() });
        set_masks(|masks| *masks = 0);
    }
    let stay = with(|world| {
        let steadiness = world.steadiness;
        world.chance(steadiness)
    });
    if !stay {
        switch(None);
    }
}

/// Lets a thread other than `not` go on, perhaps the caller.
fn switch(not: Option<usize>) {
    let yielder = with(|world| {
        let next = world.choose(not);
        if matches!(next, Ok(next) if next == world.current) {
            return None;
        }
        // A schedule that has gone wrong ends on the stack of `drive`: this one stays as it is.
        world.next = Some(next);
        Some(world.threads[world.current].yielder)
    });
    if let Some(yielder) = yielder {
        // SAFETY: SEEDED-YIELDER: the running thread's own, which lives as long as its body.
        unsafe { &*yielder }.suspend(());
    }
}

fn set_masks<R>(f: impl FnOnce(&mut u32) -> R) -> R {
    with(|world| f(&mut world.threads[world.current].masks))
}

/// The core that each thread of a schedule has to itself.
#[derive(Debug)]
pub struct SeededCpu;

// SAFETY: CPU-MASK. A handler runs on the core of the thread that `point` interrupts, only while
// no `irq_save` is open there; no other thread is ever on that core.
unsafe impl Cpu for SeededCpu {
    type IrqState = u32;

    fn irq_save() -> u32 {
        point();
        set_masks(|masks| {
            *masks += 1;
            *masks - 1
        })
    }

    unsafe fn irq_restore(state: u32) {
        let found = set_masks(|masks| core::mem::replace(masks, state));
        assert_eq!(found, state + 1, "masks are restored out of order");
        point();
    }

    fn preempt_disable() {
        point();
    }

    unsafe fn preempt_enable() {
        point();
    }

    fn wait_while_eq(word: &AtomicU32, value: u32) -> u32 {
        loop {
            let now = word.load(Ordering::Acquire);
            if now != value {
                return now;
            }
            Self::pause();
        }
    }

    /// Somebody else goes on, if anybody can: whoever spins waits for another. If nobody can, what it
    /// waits for has perhaps come since it looked; a spin without an end is found by its steps.
    fn pause() {
        let me = with(|world| {
            let mut others = (0..world.threads.len()).filter(|i| *i != world.current);
            others.any(|i| world.may_run(i)).then_some(world.current)
        });
        switch(me);
    }
}

/// The host of a schedule.
#[derive(Debug)]
pub struct SeededHost;

/// A thread of a schedule. Of one that has ended, or of another schedule, it names nobody.
#[derive(Debug)]
pub struct Task {
    world: u32,
    thread: u32,
}

impl Clone for Task {
    /// A [`point`], too: a queue clones handles while it holds its lock, and there the others
    /// must find it held.
    fn clone(&self) -> Self {
        point();
        Self { ..*self }
    }
}

// SAFETY: HOST. The permit is sticky (1); everything is on one thread of the workstation (2); a
// handle is two numbers (3, 4); the clock only goes forward (5); `current` is the one that the
// schedule runs (6).
unsafe impl Host for SeededHost {
    type Cpu = SeededCpu;
    type Task = Task;

    fn current() -> Task {
        with(|world| Task {
            world: world.id,
            thread: world.current as u32,
        })
    }

    fn park(_: &mut TaskCx, deadline: Option<Instant>) {
        point();
        let returns = with(|world| {
            let clock = world.clock;
            let spurious = world.chance(8);
            let slot = &mut world.threads[world.current];
            assert_eq!(slot.masks, 0, "a thread parks with interrupts masked");
            slot.parked = !(slot.permit || spurious || deadline.is_some_and(|at| at <= clock));
            slot.deadline = deadline;
            !slot.parked
        });
        if !returns {
            switch(None);
        }
        with(|world| {
            let slot = &mut world.threads[world.current];
            slot.parked = false;
            slot.permit = false;
        });
    }

    fn unpark(task: &Task) {
        point();
        with(|world| {
            if task.world == world.id {
                world.threads[task.thread as usize].permit = true;
            }
        });
    }

    fn now() -> Instant {
        point();
        with(|world| world.clock)
    }

    fn blocked_on(name: &'static str) {
        with(|world| world.threads[world.current].waits_on = name);
    }
}

// SAFETY: HANDLE-WORD: two numbers in one, and back; nobody uses it as an address.
unsafe impl WordHandle for SeededHost {
    fn into_word(task: Task) -> *const () {
        let both = u64::from(task.world) << 32 | u64::from(task.thread);
        core::ptr::without_provenance(both as usize)
    }

    unsafe fn from_word(word: *const ()) -> Task {
        let both = word.addr() as u64;
        Task {
            world: (both >> 32) as u32,
            thread: both as u32,
        }
    }
}

/// A thread that [`spawn`] started.
pub struct JoinHandle<R> {
    exit: Rc<Exit<R>>,
}

/// What a thread leaves behind, and who waits for that.
struct Exit<R> {
    value: Cell<Option<R>>,
    joiner: Cell<Option<Task>>,
}

impl<R> core::fmt::Debug for JoinHandle<R> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("JoinHandle").finish_non_exhaustive()
    }
}

impl<R> JoinHandle<R> {
    /// Waits for the thread to end; returns what it returned.
    pub fn join(self, cx: &mut TaskCx) -> R {
        loop {
            if let Some(value) = self.exit.value.take() {
                return value;
            }
            self.exit.joiner.set(Some(SeededHost::current()));
            SeededHost::blocked_on("join");
            SeededHost::park(cx, None);
        }
    }
}

/// Starts a thread of the schedule.
pub fn spawn<R: 'static>(f: impl FnOnce(&mut TaskCx) -> R + 'static) -> JoinHandle<R> {
    let exit = Rc::new(Exit {
        value: Cell::new(None),
        joiner: Cell::new(None),
    });
    start({
        let exit = exit.clone();
        move |cx| {
            exit.value.set(Some(f(cx)));
            if let Some(joiner) = exit.joiner.take() {
                SeededHost::unpark(&joiner);
            }
        }
    });
    point();
    JoinHandle { exit }
}

fn start(f: impl FnOnce(&mut TaskCx) + 'static) {
    let stack = STACKS.with_borrow_mut(Vec::pop).unwrap_or_default();
    let index = with(|world| world.threads.len());
    let thread = Coroutine::with_stack(stack, move |yielder: &Yielder<(), ()>, ()| {
        with(|world| world.threads[index].yielder = yielder);
        // SAFETY: CX-TASK. The only one of this thread of the schedule.
        let mut cx = unsafe { TaskCx::new() };
        f(&mut cx);
    });
    with(|world| {
        world.threads.push(Slot {
            thread: Some(thread),
            yielder: core::ptr::null(),
            permit: false,
            parked: false,
            ended: false,
            deadline: None,
            waits_on: "",
            masks: 0,
        });
    });
}

/// From now on `handler` runs as an interrupt handler, at points where the seed says so, on the
/// core of whoever runs then, unless its interrupts are masked.
pub fn on_interrupt(handler: impl Fn(IrqCx<'_>) + 'static) {
    with(|world| world.handler = Some(Rc::new(handler)));
}

/// A number below `end`, which the seed decides: for scenarios in which the threads, too, do now this
/// and now that.
///
/// # Panics
///
/// When `end` is zero.
pub fn pick(end: usize) -> usize {
    with(|world| world.draw() as usize % end)
}

/// How long the schedule has run, on its own clock.
pub fn elapsed() -> Duration {
    with(|world| world.clock.saturating_duration_since(Instant::ZERO))
}

/// Runs one schedule of `scenario`, to the end of all its threads.
///
/// # Panics
///
/// When a thread of it panics, when nobody can go on, or when it does not end.
pub fn run(seed: u64, scenario: impl FnOnce(&mut TaskCx) + 'static) {
    let id = LAST_ID.get().wrapping_add(1);
    LAST_ID.set(id);
    let mut world = World {
        id,
        random: seed,
        steadiness: 0,
        steps: 0,
        clock: Instant::ZERO,
        threads: Vec::new(),
        current: 0,
        next: None,
        handler: None,
    };
    world.steadiness = [0, 128, 192, 240][world.draw() as usize % 4];
    let outer = WORLD.replace(Some(world));
    assert!(outer.is_none(), "a schedule within a schedule");
    start(scenario);
    let result = catch_unwind(drive);
    let world = WORLD.take();
    if let Err(panic) = result {
        // Threads that are in the middle of something cannot be ended: they are left behind.
        core::mem::forget(world);
        resume_unwind(panic);
    }
}

/// Lets one thread after the other go on until all have ended.
fn drive() {
    loop {
        let chosen = with(|world| match world.next.take() {
            Some(next) => next,
            None => world.choose(None),
        });
        let current = match chosen {
            Ok(thread) => thread,
            Err(End::AllEnded) => return,
            Err(End::Wrong(how)) => panic!("{how}"),
        };
        let mut thread = with(|world| {
            world.current = current;
            world.threads[current].thread.take()
        })
        .expect("only threads that have not ended are chosen");
        // A panic of the thread comes out here; it has ended by then.
        match thread.resume(()) {
            CoroutineResult::Yield(()) => {
                with(|world| world.threads[current].thread = Some(thread));
            }
            CoroutineResult::Return(()) => {
                with(|world| world.threads[current].ended = true);
                STACKS.with_borrow_mut(|stacks| stacks.push(thread.into_stack()));
            }
        }
    }
}

/// Runs `scenario` under `schedules` seeds, or under those that the environment asks for.
///
/// # Panics
///
/// With what the first failing schedule panicked; its seed is printed before.
pub fn explore(schedules: u64, scenario: impl Fn(&mut TaskCx) + 'static) {
    let number = |name| env::var(name).ok().and_then(|text| text.parse().ok());
    let seeds = match number("LAYERCAKE_SEED") {
        Some(seed) => seed..seed + 1,
        None => 0..number("LAYERCAKE_SCHEDULES").unwrap_or(schedules),
    };
    let scenario: Scenario = Rc::new(scenario);
    for seed in seeds {
        let scenario = scenario.clone();
        let result = catch_unwind(AssertUnwindSafe(|| run(seed, move |cx| scenario(cx))));
        if let Err(panic) = result {
            eprintln!("the schedule of seed {seed} fails; LAYERCAKE_SEED={seed} runs it again");
            resume_unwind(panic);
        }
    }
}

/// The first of `schedules` seeds under which `scenario` fails, and how: for scenarios that must.
pub fn first_failure(
    schedules: u64,
    scenario: impl Fn(&mut TaskCx) + 'static,
) -> Option<(u64, String)> {
    let scenario: Scenario = Rc::new(scenario);
    (0..schedules).find_map(|seed| {
        let scenario = scenario.clone();
        let panic = catch_unwind(AssertUnwindSafe(|| run(seed, move |cx| scenario(cx)))).err()?;
        Some((seed, message(panic)))
    })
}

fn message(panic: Box<dyn core::any::Any + Send>) -> String {
    match panic.downcast::<String>() {
        Ok(text) => *text,
        Err(other) => (other.downcast_ref::<&str>()).map_or(String::new(), |text| (*text).into()),
    }
}
