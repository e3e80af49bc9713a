//! W10: no core runs a thread whose stack another core is still using.
//!
//! The policy does not switch; whoever does must hand the run queue's lock over the switch. That
//! is played here with what ships: [`RunQueue`] in the spinlock of `layercake-sync`, a guard that
//! is forgotten before the switch and a `force_unlock` behind it. The steps are those of
//! `crates/kernel/src/run_queue`: `switch.rs` (`reschedule`, `finish_switch`), `wake.rs`
//! (`unpark`, `make_runnable`, `go_elsewhere`) and `balance.rs` (the pull).
//!
//! A core is a loom thread, and a thread's stack a cell of loom's, which a core writes to as long
//! as it is on it: two cores on one stack, or one that does not see what the other left there, end
//! the model. `LAYERCAKE_MUTANT=ReleaseBeforeSwitch` gives the lock back before the switch, and
//! must be found out.
#![cfg(loom)]

#[path = "../../sync/tests/models/cpu.rs"]
mod cpu;

use layercake_sched::{CpuSet, Enqueue, Entity, EntityRef, Priority, RunQueue};
use layercake_sync::ticket::TicketLock;
use layercake_sync::{Atomic, IrqOff, SpinGuard, SpinLock};
use loom::cell::UnsafeCell;
use loom::sync::atomic::Ordering::{AcqRel, Acquire, Relaxed};
use loom::sync::atomic::{AtomicU8, AtomicUsize};
use std::mem::forget;
use std::process::{Command, Stdio};
use std::sync::Arc;

/// It tells nobody when it waits.
type Core = cpu::Core<false>;

const RUNNING: u8 = 0;
const NOTIFIED: u8 = 1;
const PARKED: u8 = 2;

/// Of a thread what a switch and a wake touch.
#[repr(C)]
struct Thread {
    entity: Entity, // first: the handle's address is the thread's
    permit: AtomicU8,
    core: AtomicUsize,
    stack: UnsafeCell<u32>,
}

impl Thread {
    fn new() -> Self {
        Self {
            entity: Entity::new(Priority::fifo(1), CpuSet::first(3)),
            permit: AtomicU8::new(RUNNING),
            core: AtomicUsize::new(0),
            stack: UnsafeCell::new(0),
        }
    }

    fn handle(&self) -> EntityRef {
        // SAFETY: ENT-LIVE: threads live as long as the machine, whose queues go first. ENT-LOCK:
        // entities are touched under the lock of the run queue of `core` only.
        unsafe { EntityRef::from_raw(core::ptr::from_ref(self).cast()) }
    }

    /// The core that calls is on the stack of this thread.
    fn uses_stack(&self) {
        // SAFETY: W10, which loom checks.
        self.stack.with_mut(|depth| unsafe { *depth += 1 });
    }
}

/// Three cores with their run queues, and two threads.
struct Machine {
    queues: [SpinLock<RunQueue, IrqOff<Core>, TicketLock>; 3],
    threads: [Thread; 2],
}

// SAFETY: entities are cells, touched under the locks only: ENT-LOCK.
unsafe impl Sync for Machine {}
// SAFETY: as above.
unsafe impl Send for Machine {}

type Locked<'a> = SpinGuard<'a, RunQueue, IrqOff<Core>, TicketLock>;

impl Machine {
    /// Core 0 runs the first thread; the second one waits there, if it is to.
    fn new(second: bool) -> Arc<Self> {
        let machine = Arc::new(Self {
            queues: [(); 3].map(|()| SpinLock::new(RunQueue::new(1_000_000))),
            threads: [Thread::new(), Thread::new()],
        });
        let mut queue = machine.lock(0);
        for thread in machine.threads.iter().take(1 + usize::from(second)) {
            queue.enqueue(thread.handle(), 0, Enqueue::New);
        }
        let first = queue.pick_next(0);
        assert!(first.is_some_and(|first| first.is(&machine.threads[0].entity)));
        drop(queue);
        machine
    }

    fn lock(&self, core: usize) -> Locked<'_> {
        // SAFETY: CX-ATOMIC: nothing sleeps in a model.
        self.queues[core].lock(unsafe { Atomic::assume() })
    }

    fn thread_of(&self, entity: &EntityRef) -> &Thread {
        let found = (self.threads.iter()).find(|thread| entity.is(&thread.entity));
        found.expect("only these were enqueued")
    }

    /// `switch_from`, `switch` and `finish_switch`: off the stack of `prev`, onto that of `next`, or
    /// of the core's idle thread.
    fn switch(&self, core: usize, locked: Locked<'_>, prev: &Thread, next: Option<&EntityRef>) {
        let early = std::env::var("LAYERCAKE_MUTANT").is_ok_and(|it| it == "ReleaseBeforeSwitch");
        if early {
            drop(locked);
        } else {
            forget(locked);
        }
        prev.uses_stack(); // its registers are saved there
        if !early {
            // SAFETY: LOCK-HELD: forgotten above.
            unsafe { self.queues[core].force_unlock() };
        }
        if let Some(next) = next {
            self.thread_of(next).uses_stack();
        }
    }

    /// The first thread blocks on core 0, unless it was notified. Says whether it did.
    fn park(&self, thread: &Thread) -> bool {
        thread.uses_stack();
        let mut locked = self.lock(0);
        let parks = thread
            .permit
            .compare_exchange(RUNNING, PARKED, AcqRel, Acquire);
        if parks.is_err() {
            thread.permit.swap(RUNNING, Acquire);
            return false;
        }
        let next = locked.block_and_pick(0);
        self.switch(0, locked, thread, next.as_ref());
        true
    }

    /// The running thread of core 0 lets the other one go first, and stays on the queue.
    fn yields(&self, thread: &Thread) {
        thread.uses_stack();
        let mut locked = self.lock(0);
        if let Some(next) = locked.yield_current(0) {
            self.switch(0, locked, thread, Some(&next));
        }
    }

    /// Makes `thread` runnable, on core `target`, if it is parked; else it has its permit.
    fn unpark(&self, thread: &Thread, target: usize) {
        let was = thread.permit.fetch_update(AcqRel, Relaxed, |permit| {
            Some(if permit == PARKED { RUNNING } else { NOTIFIED })
        });
        if was == Ok(PARKED) {
            let home = self.lock(thread.core.load(Relaxed));
            // The lock is ours, so the thread is off its stack.
            thread.core.store(target, Relaxed);
            drop(home);
            self.lock(target).enqueue(thread.handle(), 0, Enqueue::Wake);
        }
    }

    /// An idle core takes a thread that waits on core 0 to itself.
    fn pull(&self, core: usize) {
        let mut victim = self.lock(0);
        if let Some(pulled) = victim.pull(CpuSet::one(core), 0) {
            self.thread_of(&pulled).core.store(core, Relaxed);
            drop(victim);
            self.lock(core).enqueue(pulled, 0, Enqueue::Migrate);
        }
    }

    /// An idle core runs what is on its queue.
    fn run(&self, core: usize) {
        let mut locked = self.lock(core);
        let next = locked.pick_next(0);
        // The idle thread's own stack is nobody else's, so the lock may go at once.
        drop(locked);
        if let Some(next) = next {
            self.thread_of(&next).uses_stack();
        }
    }
}

fn explore(bound: usize, model: impl Fn() + Send + Sync + 'static) {
    let mut builder = loom::model::Builder::new();
    builder.preemption_bound = Some(bound);
    builder.max_branches = 10_000;
    builder.check(model);
}

/// Core 0 does `leave` with its running thread, while each other core does `come`.
fn cores(others: usize, second: bool, leave: fn(&Machine), come: fn(&Machine, usize)) {
    let machine = Machine::new(second);
    let others: Vec<_> = (1..=others)
        .map(|core| {
            let machine = machine.clone();
            loom::thread::spawn(move || {
                come(&machine, core);
                machine.run(core);
            })
        })
        .collect();
    leave(&machine);
    others.into_iter().for_each(|core| core.join().unwrap());
}

/// A thread parks while others unpark it, each to its own core.
fn woken_elsewhere(wakers: usize) {
    cores(
        wakers,
        false,
        |machine| {
            let thread = &machine.threads[0];
            if !machine.park(thread) {
                thread.uses_stack(); // it goes on
            }
        },
        |machine, core| machine.unpark(&machine.threads[0], core),
    );
}

/// A thread that has yielded is pulled to another core.
fn pulled_elsewhere(pullers: usize) {
    cores(
        pullers,
        true,
        |machine| machine.yields(&machine.threads[0]),
        Machine::pull,
    );
}

#[test]
fn w10_woken_elsewhere_2_cores() {
    explore(3, || woken_elsewhere(1));
}

#[test]
fn w10_woken_elsewhere_3_cores() {
    explore(3, || woken_elsewhere(2));
}

#[test]
fn w10_pulled_elsewhere_2_cores() {
    explore(3, || pulled_elsewhere(1));
}

#[test]
fn w10_pulled_elsewhere_3_cores() {
    explore(3, || pulled_elsewhere(2));
}

#[test]
fn w10_release_before_switch_is_rejected() {
    for model in [
        "w10_woken_elsewhere_2_cores",
        "w10_pulled_elsewhere_2_cores",
    ] {
        let status = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", model])
            .env("LAYERCAKE_MUTANT", "ReleaseBeforeSwitch")
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .status();
        assert!(!status.unwrap().success(), "{model} passes");
    }
}
