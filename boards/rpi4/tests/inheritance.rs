//! Priority inheritance: who holds what others wait for is as urgent as the most urgent of them, and
//! as urgent as before when it has let go.
//!
//! The lock of most checks is as simple as one can be: what is tested is what a lock asks of the
//! kernel. The last ones are about the mutex that ships.
//@ timeout: 60
#![cfg_attr(target_os = "none", no_std)]
#![no_main]
#![cfg(target_os = "none")]

extern crate alloc;

mod support;

use alloc::vec::Vec;
use core::sync::atomic::{AtomicBool, AtomicPtr, AtomicU32, Ordering};
use layercake_kernel::inherit::{self, Task};
use layercake_kernel::wait::{Host as _, Mutex};
use layercake_kernel::{Host, IrqSpinLock};
use support::*;

kernel_tests!(
    an_inversion_ends,
    the_most_urgent_waiter_counts,
    a_chain_is_raised_to_its_end,
    who_gives_up_takes_its_priority_along,
    a_new_holder_inherits_from_those_who_still_wait,
    a_waiter_that_changes_changes_the_holder,
    its_own_priority_can_change_meanwhile,
    shares_are_inherited,
    a_mutex_ends_the_inversion,
    mutexes_make_a_chain,
    a_time_limit_takes_its_priority_along,
);

const CORE: usize = 2;

const LOW: Priority = Priority::fifo(10);
const MIDDLE: Priority = Priority::fifo(20);
const HIGH: Priority = Priority::fifo(30);
const HIGHER: Priority = Priority::fifo(40);

/// A lock that blocks, and tells `inherit` what happens to it.
struct Lock {
    queue: WaitQueue,
    state: IrqSpinLock<Held>,
}

/// Who holds it; under a lock, so that a holder is known as soon as there is one.
struct Held(Option<Task>);

impl Lock {
    const fn new(name: &'static str) -> Self {
        Self {
            queue: WaitQueue::new(name),
            state: IrqSpinLock::new(Held(None)),
        }
    }

    fn address(&self) -> usize {
        core::ptr::from_ref(self).addr()
    }

    /// Takes the lock, at most until `deadline`; whether it has it.
    fn lock_until(&self, cx: &mut TaskCx, deadline: Option<time::Instant>) -> bool {
        let mut waited = false;
        let mut look = |cx: layercake_kernel::TaskAtomic<'_>| {
            let mut held = self.state.lock(cx);
            match held.0 {
                None => {
                    held.0 = Some(Host::current());
                    Some(())
                }
                Some(holder) => {
                    waited = true;
                    inherit::waits(self.address(), holder);
                    None
                }
            }
        };
        let has = match deadline {
            None => {
                self.queue.wait_until(cx, &mut look);
                true
            }
            Some(deadline) => {
                let waited = self.queue.wait_until_deadline(cx, deadline, &mut look);
                waited.is_ok()
            }
        };
        match (has, waited) {
            (true, true) => inherit::takes(self.address()),
            (false, _) => inherit::gives_up(),
            _ => {}
        }
        has
    }

    fn lock(&self, cx: &mut TaskCx) {
        self.lock_until(cx, None);
    }

    fn unlock(&self, cx: &mut TaskCx) {
        self.state.lock(cx.atomic()).0 = None;
        self.queue.wake_one();
        inherit::releases(self.address());
    }
}

/// Runs `main`'s part of a check away from `CORE`, above all that the check makes.
fn aside(cx: &mut TaskCx, body: impl FnOnce(&mut TaskCx) + Send + 'static) {
    run_on(cx, CORE - 1, Priority::fifo(60), body);
}

/// The priority that thread `id` runs with.
#[track_caller]
fn priority(id: u32) -> Priority {
    look_at(id).expect("it lives").priority
}

/// A thread that holds `lock` until it is told to let go.
struct Holder {
    thread: JoinHandle<Priority>,
    go: &'static AtomicBool,
}

impl Holder {
    /// Returns when it holds the lock. It says what its priority is when it has let go.
    fn new(
        cx: &mut TaskCx,
        priority: Priority,
        lock: &'static Lock,
        go: &'static AtomicBool,
    ) -> Self {
        static HAS: AtomicU32 = AtomicU32::new(0);
        HAS.store(0, Ordering::Relaxed);
        go.store(false, Ordering::Relaxed);
        let thread = Builder::new("holder")
            .affinity(CpuSet::one(CORE))
            .priority(priority);
        let thread = thread.spawn(|cx| {
            lock.lock(cx);
            HAS.store(1, Ordering::Release);
            while !go.load(Ordering::Acquire) {
                time::sleep(cx, Duration::from_millis(1));
            }
            lock.unlock(cx);
            inherit::effective_priority(Host::current())
        });
        wait_for(cx, "it holds the lock", || HAS.load(Ordering::Acquire) == 1);
        Self {
            thread: thread.expect("a thread"),
            go,
        }
    }

    fn id(&self) -> u32 {
        self.thread.id()
    }

    /// Lets go, and ends. Returns the priority that it had then.
    fn end(self, cx: &mut TaskCx) -> Priority {
        self.go.store(true, Ordering::Release);
        self.thread.join(cx).returned().expect("it returns")
    }
}

/// A thread that takes `lock`, lets go of it and ends.
fn waiter(cx: &mut TaskCx, priority: Priority, lock: &'static Lock) -> JoinHandle {
    let thread = spawn_on(CORE, priority, |cx| {
        lock.lock(cx);
        lock.unlock(cx);
    });
    wait_until_blocked(cx, thread.id(), lock.queue.name());
    thread
}

/// Low holds, medium hogs, high waits: without inheritance, for as long as medium likes.
fn an_inversion_ends(cx: &mut TaskCx) {
    static LOCK: Lock = Lock::new("inverted");
    static HELD: AtomicBool = AtomicBool::new(false);
    static HOGS: AtomicBool = AtomicBool::new(false);
    static GOT: AtomicBool = AtomicBool::new(false);
    aside(cx, |cx| {
        let low = spawn_on(CORE, LOW, |cx| {
            LOCK.lock(cx);
            HELD.store(true, Ordering::Release);
            spin_until("high waits", || LOCK.queue.waiters() == 1);
            LOCK.unlock(cx);
        });
        spin_until("low holds", || HELD.load(Ordering::Acquire));
        let medium = spawn_on(CORE, MIDDLE, |_| {
            HOGS.store(true, Ordering::Release);
            spin_until("high has had the lock", || GOT.load(Ordering::Acquire));
        });
        spin_until("medium hogs", || HOGS.load(Ordering::Acquire));
        let high = spawn_on(CORE, HIGH, |cx| {
            LOCK.lock(cx);
            GOT.store(true, Ordering::Release);
            LOCK.unlock(cx);
        });
        for thread in [high, medium, low] {
            thread.join(cx);
        }
    });
}

fn the_most_urgent_waiter_counts(cx: &mut TaskCx) {
    static LOCK: Lock = Lock::new("wanted by three");
    static GO: AtomicBool = AtomicBool::new(false);
    let holder = Holder::new(cx, Priority::fair(3), &LOCK, &GO);
    let mut waiters = Vec::new();
    for (next, now) in [(MIDDLE, MIDDLE), (HIGH, HIGH), (LOW, HIGH)] {
        waiters.push(waiter(cx, next, &LOCK));
        assert_eq!(priority(holder.id()), now);
    }
    assert_eq!(holder.end(cx), Priority::fair(3), "it kept a priority");
    waiters.into_iter().for_each(|thread| _ = thread.join(cx));
}

/// The end of a chain holds what the next one waits for, which holds what the next waits for.
fn a_chain_is_raised_to_its_end(cx: &mut TaskCx) {
    static LOCKS: [Lock; 3] = [Lock::new("first"), Lock::new("second"), Lock::new("third")];
    static GO: AtomicBool = AtomicBool::new(false);
    let holder = Holder::new(cx, LOW, &LOCKS[0], &GO);
    let link = |cx: &mut TaskCx, n: usize| {
        let thread = spawn_on(CORE, Priority::fair(0), move |cx| {
            LOCKS[n + 1].lock(cx);
            LOCKS[n].lock(cx);
            LOCKS[n].unlock(cx);
            LOCKS[n + 1].unlock(cx);
            assert_eq!(
                inherit::effective_priority(Host::current()),
                Priority::fair(0)
            );
        });
        wait_until_blocked(cx, thread.id(), LOCKS[n].queue.name());
        thread
    };
    let links = [link(cx, 0), link(cx, 1)];
    assert_eq!(priority(holder.id()), LOW);
    let high = waiter(cx, HIGH, &LOCKS[2]);
    for id in [links[1].id(), links[0].id(), holder.id()] {
        assert_eq!(priority(id), HIGH);
    }
    assert_eq!(holder.end(cx), LOW);
    for thread in links.into_iter().chain([high]) {
        assert!(thread.join(cx).returned().is_some());
    }
}

fn who_gives_up_takes_its_priority_along(cx: &mut TaskCx) {
    static LOCK: Lock = Lock::new("not for long");
    static GO: AtomicBool = AtomicBool::new(false);
    let holder = Holder::new(cx, LOW, &LOCK, &GO);
    let stays = waiter(cx, MIDDLE, &LOCK);
    let impatient = thread::spawn("impatient", HIGHER, |cx| {
        let deadline = time::now() + Duration::from_millis(300);
        LOCK.lock_until(cx, Some(deadline))
    });
    let impatient = impatient.expect("a thread");
    let id = holder.id();
    wait_for(cx, "it is raised", || priority(id) == HIGHER);
    assert_eq!(impatient.join(cx).returned(), Some(false));
    assert_eq!(priority(id), MIDDLE);
    assert_eq!(holder.end(cx), LOW);
    stays.join(cx);
}

/// The lock goes to one of three that wait; the others make that one more urgent.
fn a_new_holder_inherits_from_those_who_still_wait(cx: &mut TaskCx) {
    static LOCK: Lock = Lock::new("handed on");
    static GO: AtomicBool = AtomicBool::new(false);
    static HOLDS: AtomicPtr<()> = AtomicPtr::new(core::ptr::null_mut());
    static SECOND_GO: AtomicBool = AtomicBool::new(false);
    let holder = Holder::new(cx, Priority::fair(0), &LOCK, &GO);
    let second = spawn_on(CORE, LOW, |cx| {
        LOCK.lock(cx);
        HOLDS.store(core::ptr::without_provenance_mut(1), Ordering::Release);
        while !SECOND_GO.load(Ordering::Acquire) {
            time::sleep(cx, Duration::from_millis(1));
        }
        LOCK.unlock(cx);
        assert_eq!(inherit::effective_priority(Host::current()), LOW);
    });
    wait_until_blocked(cx, second.id(), "handed on");
    let others = [waiter(cx, MIDDLE, &LOCK), waiter(cx, HIGH, &LOCK)];
    assert_eq!(priority(holder.id()), HIGH);
    assert_eq!(holder.end(cx), Priority::fair(0));
    wait_for(cx, "the second holds", || {
        !HOLDS.load(Ordering::Acquire).is_null()
    });
    let id = second.id();
    wait_for(cx, "it inherits", || priority(id) == HIGH);
    SECOND_GO.store(true, Ordering::Release);
    assert!(second.join(cx).returned().is_some());
    others.into_iter().for_each(|thread| _ = thread.join(cx));
}

fn a_waiter_that_changes_changes_the_holder(cx: &mut TaskCx) {
    static LOCK: Lock = Lock::new("of a changing waiter");
    static GO: AtomicBool = AtomicBool::new(false);
    let holder = Holder::new(cx, LOW, &LOCK, &GO);
    let waits = waiter(cx, MIDDLE, &LOCK);
    for now in [HIGH, HIGHER, MIDDLE, Priority::fair(0)] {
        waits.set_priority(now).expect("it lives");
        let wanted = if now == Priority::fair(0) { LOW } else { now };
        assert_eq!(priority(holder.id()), wanted);
    }
    assert_eq!(holder.end(cx), LOW);
    waits.join(cx);
}

fn its_own_priority_can_change_meanwhile(cx: &mut TaskCx) {
    static LOCK: Lock = Lock::new("of a changing holder");
    static GO: AtomicBool = AtomicBool::new(false);
    let holder = Holder::new(cx, LOW, &LOCK, &GO);
    let waits = waiter(cx, HIGH, &LOCK);
    for (own, now) in [(MIDDLE, HIGH), (HIGHER, HIGHER), (Priority::fair(7), HIGH)] {
        holder.thread.set_priority(own).expect("it lives");
        assert_eq!(priority(holder.id()), now);
    }
    assert_eq!(
        holder.end(cx),
        Priority::fair(7),
        "it went back to the old one"
    );
    waits.join(cx);
}

fn shares_are_inherited(cx: &mut TaskCx) {
    static LOCK: Lock = Lock::new("of the fair");
    static GO: AtomicBool = AtomicBool::new(false);
    let holder = Holder::new(cx, Priority::fair(10), &LOCK, &GO);
    let greedy = waiter(cx, Priority::fair(-10), &LOCK);
    assert_eq!(priority(holder.id()), Priority::fair(-10));
    let humble = waiter(cx, Priority::fair(19), &LOCK);
    assert_eq!(priority(holder.id()), Priority::fair(-10));
    assert_eq!(holder.end(cx), Priority::fair(10));
    greedy.join(cx);
    humble.join(cx);
}

/// Low holds a mutex, medium hogs, high waits for it.
fn a_mutex_ends_the_inversion(cx: &mut TaskCx) {
    static MUTEX: Mutex<u32, Host> = Mutex::new("the mutex", 0);
    static HELD: AtomicBool = AtomicBool::new(false);
    static HOGS: AtomicBool = AtomicBool::new(false);
    static GOT: AtomicBool = AtomicBool::new(false);
    static RAISED: AtomicBool = AtomicBool::new(false);
    aside(cx, |cx| {
        let low = spawn_on(CORE, LOW, |cx| {
            let mut held = MUTEX.lock(cx);
            HELD.store(true, Ordering::Release);
            spin_until("high waits", || {
                inherit::effective_priority(Host::current()) == HIGH
            });
            RAISED.store(true, Ordering::Release);
            *held += 1;
            drop(held);
            // Back to what it was, so medium runs before this.
            assert!(
                GOT.load(Ordering::Acquire),
                "it goes on with more than its own"
            );
            assert_eq!(inherit::effective_priority(Host::current()), LOW);
        });
        spin_until("low holds", || HELD.load(Ordering::Acquire));
        let medium = spawn_on(CORE, MIDDLE, |_| {
            HOGS.store(true, Ordering::Release);
            spin_until("high has had the mutex", || GOT.load(Ordering::Acquire));
        });
        spin_until("medium hogs", || HOGS.load(Ordering::Acquire));
        let high = spawn_on(CORE, HIGH, |cx| {
            *MUTEX.lock(cx) += 1;
            GOT.store(true, Ordering::Release);
        });
        for thread in [high, medium, low] {
            thread.join(cx);
        }
        assert!(RAISED.load(Ordering::Acquire));
        assert_eq!(*MUTEX.lock(cx), 2);
    });
}

/// A thread that holds one mutex and waits for another passes on what it inherits.
fn mutexes_make_a_chain(cx: &mut TaskCx) {
    static OUTER: Mutex<(), Host> = Mutex::new("outer", ());
    static INNER: Mutex<(), Host> = Mutex::new("inner", ());
    static HELD: AtomicBool = AtomicBool::new(false);
    static GO: AtomicBool = AtomicBool::new(false);
    aside(cx, |cx| {
        let low = spawn_on(CORE, LOW, |cx| {
            let held = INNER.lock(cx);
            HELD.store(true, Ordering::Release);
            while !GO.load(Ordering::Acquire) {
                time::sleep(cx, Duration::from_millis(1));
            }
            drop(held);
        });
        wait_for(cx, "low holds", || HELD.load(Ordering::Acquire));
        let middle = spawn_on(CORE, MIDDLE, |cx| {
            let _outer = OUTER.lock(cx);
            let _inner = INNER.lock(cx);
        });
        wait_until_blocked(cx, middle.id(), "inner");
        assert_eq!(priority(low.id()), MIDDLE);
        let high = spawn_on(CORE, HIGH, |cx| drop(OUTER.lock(cx)));
        wait_until_blocked(cx, high.id(), "outer");
        wait_for(cx, "it is passed on", || {
            priority(low.id()) == HIGH && priority(middle.id()) == HIGH
        });
        GO.store(true, Ordering::Release);
        for thread in [high, middle, low] {
            thread.join(cx);
        }
    });
}

/// Whoever gives a mutex up gives it no priority any more.
fn a_time_limit_takes_its_priority_along(cx: &mut TaskCx) {
    static MUTEX: Mutex<(), Host> = Mutex::new("limited", ());
    static HELD: AtomicBool = AtomicBool::new(false);
    static GO: AtomicBool = AtomicBool::new(false);
    aside(cx, |cx| {
        let low = spawn_on(CORE, LOW, |cx| {
            let held = MUTEX.lock(cx);
            HELD.store(true, Ordering::Release);
            while !GO.load(Ordering::Acquire) {
                time::sleep(cx, Duration::from_millis(1));
            }
            drop(held);
        });
        wait_for(cx, "low holds", || HELD.load(Ordering::Acquire));
        let high = spawn_on(CORE, HIGH, |cx| {
            let limit = time::now() + Duration::from_millis(300);
            assert!(MUTEX.lock_deadline(cx, limit).is_err(), "it is not free");
        });
        wait_for(cx, "it inherits", || priority(low.id()) == HIGH);
        high.join(cx);
        assert_eq!(priority(low.id()), LOW);
        GO.store(true, Ordering::Release);
        low.join(cx);
    });
}
