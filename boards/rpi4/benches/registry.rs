//! The table of the benchmarks: each id, what is counted, and who counts it; and the ids for which
//! there is nothing to measure yet.

use crate::{
    basic, deadlines, heap, interrupts, keystroke, locking, masking, messages, policy, remote,
    switching, threads, waking, working,
};
use layercake_kernel::TaskCx;

/// A benchmark: runs once for each of its sizes, on a thread of core 0 at level `crew::LEVEL`.
pub struct Bench {
    pub id: &'static str,
    /// From where to where.
    pub counted: &'static str,
    /// Empty: it has no size, and is given 0.
    pub sizes: &'static [u32],
    pub run: fn(&mut TaskCx, u32),
}

const fn one(id: &'static str, run: fn(&mut TaskCx, u32), counted: &'static str) -> Bench {
    Bench {
        id,
        counted,
        sizes: &[],
        run,
    }
}

const fn each(
    id: &'static str,
    run: fn(&mut TaskCx, u32),
    sizes: &'static [u32],
    counted: &'static str,
) -> Bench {
    Bench {
        id,
        counted,
        sizes,
        run,
    }
}

const CROWDS: &[u32] = &[1, 4, 8, 16, 64, 256, 1024];
const QUEUES: &[u32] = &[1, 2, 4, 16, 64, 256, 1024];
const ARMED: &[u32] = &[1, 10, 100, 1000, 10_000];
const MANY: &[u32] = &[1, 10, 100, 1000, 10_000, 100_000];

pub const BENCHES: &[Bench] = &[
    one(
        "basic.processing",
        basic::processing,
        "no kernel at all: one pass over 1024 words, each read, changed and written; more than the same each time would be the kernel's doing",
    ),
    one(
        "switch.cooperative",
        switching::cooperative,
        "5 equal first-in-first-out threads: from a thread's call of yield_now to the next thread's return from its own",
    ),
    one(
        "switch.preemptive",
        switching::preemptive,
        "5 threads, each one level above the one before: unpark the next higher one, which does the same and parks; per unpark and park, a quarter of the way up and down",
    ),
    one(
        "irq.processing",
        interrupts::processing,
        "raise a software interrupt on this core, whose handler releases a semaphore (nobody waits yet); the same thread acquires it",
    ),
    one(
        "irq.preemption",
        interrupts::preemption,
        "raise a software interrupt, whose handler sets a flag and wakes a higher thread; that takes the flag and blocks again; back behind the raising",
    ),
    one(
        "irq.to_entry",
        interrupts::to_entry,
        "from before the raising of a software interrupt on this core to the first line of its handler",
    ),
    one(
        "irq.to_thread",
        interrupts::to_thread,
        "from before the raising of a software interrupt on this core to the line after wait_until of a higher thread, which the handler wakes",
    ),
    one(
        "console.keystroke",
        keystroke::keystroke,
        "a byte is received: from the instruction that makes the UART interrupt to the line behind console::read in the thread that waited for it; all cores together",
    ),
    one(
        "wake.none",
        waking::none,
        "wake_one on a queue with no waiter",
    ),
    one(
        "wake.ping_pong",
        waking::ping_pong,
        "2 equal first-in-first-out threads: set the other's flag, wake_one, wait_until for one's own, to the other thread's return from its wait_until",
    ),
    one(
        "wake.higher_priority",
        waking::higher_priority,
        "set a flag and wake_one a higher thread of this core, which takes the flag and blocks again; back behind wake_one",
    ),
    each(
        "wake.broadcast",
        waking::broadcast,
        CROWDS,
        "wake_all on a queue of so many equal threads of this core, and yield until all have run and blocked again; per waiter",
    ),
    each(
        "wake.broadcast_higher",
        waking::broadcast_higher,
        CROWDS,
        "wake_all on a queue of so many higher threads of this core, until it returns, when all have run and blocked again; per waiter",
    ),
    one(
        "wake.remote",
        remote::waker,
        "set a flag and wake_one a thread that is blocked on an idle core, until wake_one returns: the waker's instructions alone",
    ),
    one(
        "wake.remote_total",
        remote::total,
        "the same, to the line after wait_until of the woken thread: the instructions of both cores together",
    ),
    one(
        "wake.timed_out",
        deadlines::timed_out,
        "wait_until_deadline with a deadline that passes, to its return; without the time in between, and up to 3 too many",
    ),
    one(
        "spin.uncontended",
        locking::plain,
        "lock and unlock a SpinLock (preemption off)",
    ),
    one(
        "spin.irqsave",
        locking::irqsave,
        "lock and unlock an IrqSpinLock (interrupts masked)",
    ),
    one(
        "spin.bare",
        locking::bare,
        "lock and unlock an IrqSpinLock where interrupts are masked already (nothing is masked or counted)",
    ),
    one(
        "mutex.uncontended",
        locking::mutex,
        "lock and unlock a blocking Mutex",
    ),
    one(
        "sem.uncontended",
        locking::semaphore,
        "acquire and release a Semaphore of one permit",
    ),
    one(
        "msg.same_thread",
        messages::same_thread,
        "send 16 bytes to a Channel and receive them in the same thread",
    ),
    one(
        "msg.handoff",
        messages::handoff,
        "send 16 bytes to a Channel on which a higher thread of this core is blocked; it receives them and blocks again; back behind send",
    ),
    one(
        "work.round_trip",
        working::round_trip,
        "queue an empty item to an idle worker of higher priority on this core, which runs it and sleeps again; back behind queue",
    ),
    one(
        "work.queue_pending",
        working::queue_pending,
        "queue an item that is pending",
    ),
    one(
        "timer.arm_cancel",
        deadlines::arm_cancel,
        "arm a timer behind 16 others and cancel it, the queue's IrqSpinLock taken for each; inlined, as in the kernel",
    ),
    one(
        "thread.spawn_join",
        threads::spawn_join,
        "spawn a higher thread with an empty function on this core, which runs and ends; join, reap",
    ),
    one(
        "heap.alloc_free_128",
        heap::alloc_free_128,
        "allocate 128 bytes and free them",
    ),
    each(
        "sched.pick_rt",
        policy::pick_rt,
        QUEUES,
        "put_prev (yielded) and pick_next with so many first-in-first-out threads of one level runnable",
    ),
    each(
        "sched.pick_fair",
        policy::pick_fair,
        QUEUES,
        "put_prev (yielded) and pick_next with so many fair threads of one weight runnable",
    ),
    each(
        "timer.arm",
        deadlines::arm,
        ARMED,
        "arm a timer at a random deadline when so many are armed, the queue's IrqSpinLock included",
    ),
    each(
        "heap.alloc_free",
        heap::alloc_free,
        MANY,
        "with so many objects of 16 to 256 bytes: free one at random and allocate another",
    ),
    each(
        "work.item",
        working::item,
        MANY,
        "queue so many items to an idle worker of lower priority on this core and block until the last has run; per item",
    ),
    // Last, for their crowds leave the heap in another state.
    each(
        "wake.masked",
        masking::wake_all,
        CROWDS,
        "the longest stretch with interrupts masked in wake_all on a queue of so many equal threads of this core: with the queue's lock, or making one of them runnable",
    ),
    each(
        "sem.masked",
        masking::release_many,
        CROWDS,
        "the same in release_many of as many permits as threads wait for",
    ),
    one(
        "work.remote",
        remote::queuer,
        "queue an empty item whose worker sleeps on another, idle core, until queue returns: the instructions of who queues alone",
    ),
    one(
        "work.remote_total",
        remote::queue_total,
        "the same, to the first line of the item: the instructions of both cores together",
    ),
];

/// What cannot be measured, and why.
pub const MISSING: &[(&str, &str)] = &[("recorder.record", "there is no recorder yet")];

/// Behind a pattern: run [`SEEDED_PANIC`] when the rest has been measured.
pub const THEN_PANIC: &str = "+panic";

/// Not a benchmark: what becomes of a run whose benchmark panics is tested with it.
pub const SEEDED_PANIC: Bench = one(
    "seeded.panic",
    |_, _| panic!("as it was asked to"),
    "nothing",
);
