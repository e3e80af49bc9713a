//! Mutexes on a host that inherits priorities, as the documentation of `PiEvent` tells it to, and
//! that knows who runs.

use layercake_sync::TaskCx;
use layercake_wait::host::seeded::{SeededCpu, SeededHost, Task, explore, point, spawn};
use layercake_wait::host::{LockWord, OwnerId, PiEvent};
use layercake_wait::{Host, Instant, Mutex, TimedOut, sleep};
use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::rc::Rc;
use std::time::Duration;

/// The seeded host, with priorities.
struct PiHost;

/// What the host keeps, as `PiEvent` says.
#[derive(Default)]
struct Priorities {
    own: BTreeMap<OwnerKey, u32>,
    waits_for: BTreeMap<OwnerKey, usize>,
    owners: BTreeMap<usize, OwnerKey>,
    /// The threads that are parked, for those who would spin.
    parked: Vec<OwnerKey>,
}

type OwnerKey = usize;

thread_local! {
    static STATE: RefCell<Priorities> = RefCell::default();
    static SPINS: Cell<bool> = const { Cell::new(false) };
    static PARKS: Cell<u32> = const { Cell::new(0) };
}

impl Priorities {
    /// The priority that counts. The depth ends cycles, which are deadlocks.
    fn effective(&self, thread: OwnerKey, depth: u32) -> u32 {
        assert!(depth < 10, "a cycle");
        let inherited = self
            .waits_for
            .iter()
            .filter(|(_, lock)| self.owners.get(*lock) == Some(&thread));
        let inherited = inherited.map(|(waiter, _)| self.effective(*waiter, depth + 1));
        let own = self.own.get(&thread).copied().unwrap_or(0);
        inherited.max().unwrap_or(0).max(own)
    }

    fn set_owner(&mut self, lock: &LockWord, owner: Option<OwnerId>) {
        match owner {
            Some(owner) => self.owners.insert(lock.id(), owner.get()),
            None => self.owners.remove(&lock.id()),
        };
    }

    fn told(&mut self, me: OwnerId, event: PiEvent<'_>) {
        match event {
            PiEvent::Waits(lock) => {
                self.waits_for.insert(me.get(), lock.id());
                let owner = lock.owner();
                assert_ne!(owner, Some(me), "waits for itself");
                self.set_owner(lock, owner);
            }
            PiEvent::Takes(lock) => {
                self.waits_for.remove(&me.get());
                self.set_owner(lock, Some(me));
            }
            PiEvent::GivesUp(_) => {
                self.waits_for.remove(&me.get());
            }
            PiEvent::Releases(lock) => {
                if self.owners.get(&lock.id()) == Some(&me.get()) {
                    self.set_owner(lock, None);
                }
            }
        }
    }
}

// SAFETY: HOST, by the seeded host.
unsafe impl Host for PiHost {
    type Cpu = SeededCpu;
    type Task = Task;

    fn current() -> Task {
        SeededHost::current()
    }

    fn park(cx: &mut TaskCx, deadline: Option<Instant>) {
        let me = Self::owner_id().get();
        PARKS.set(PARKS.get() + 1);
        STATE.with_borrow_mut(|state| state.parked.push(me));
        SeededHost::park(cx, deadline);
        STATE.with_borrow_mut(|state| state.parked.retain(|thread| *thread != me));
    }

    fn unpark(task: &Task) {
        SeededHost::unpark(task);
    }

    fn now() -> Instant {
        SeededHost::now()
    }

    fn owner_id() -> OwnerId {
        OwnerId::new((me() + 1) * 2)
    }

    fn is_worth_spinning_for(owner: OwnerId) -> bool {
        point();
        let parked = STATE.with_borrow(|state| state.parked.contains(&owner.get()));
        SPINS.get() && !parked
    }

    fn inherit(event: PiEvent<'_>) {
        point();
        let me = Self::owner_id();
        STATE.with_borrow_mut(|state| state.told(me, event));
        point();
    }
}

/// The number of the calling thread in its schedule.
fn me() -> usize {
    use layercake_wait::block_on::WordHandle;
    SeededHost::into_word(SeededHost::current()).addr() & 0xffff
}

fn begin(spins: bool) {
    STATE.with_borrow_mut(|state| *state = Priorities::default());
    SPINS.set(spins);
    PARKS.set(0);
}

fn set_priority(priority: u32) {
    let me = PiHost::owner_id().get();
    STATE.with_borrow_mut(|state| state.own.insert(me, priority));
}

/// What the calling thread's priority amounts to now.
fn priority() -> u32 {
    let me = PiHost::owner_id().get();
    STATE.with_borrow(|state| state.effective(me, 0))
}

fn nobody_waits() -> bool {
    STATE.with_borrow(|state| state.waits_for.is_empty())
}

fn a_while(cx: &mut TaskCx) {
    sleep::<PiHost>(cx, Duration::from_nanos(10));
}

/// Waits until `n` threads have told that they wait.
fn until_waiting(cx: &mut TaskCx, n: usize) {
    while STATE.with_borrow(|state| state.waits_for.len()) < n {
        sleep::<PiHost>(cx, Duration::from_nanos(1));
    }
}

#[test]
fn an_owner_has_the_priority_of_who_waits() {
    explore(20_000, |cx| {
        begin(false);
        let mutex = Rc::new(Mutex::<(), PiHost>::new("m", ()));
        set_priority(1);
        let guard = mutex.lock(cx);
        let waiters: Vec<_> = [5, 9, 7]
            .map(|level| {
                let mutex = mutex.clone();
                spawn(move |cx| {
                    set_priority(level);
                    let _guard = mutex.lock(cx);
                    point();
                    assert!(priority() >= level);
                })
            })
            .into();
        until_waiting(cx, 3);
        assert_eq!(priority(), 9);
        drop(guard);
        assert_eq!(priority(), 1);
        waiters.into_iter().for_each(|t| t.join(cx));
        assert!(nobody_waits());
        assert_eq!(priority(), 1);
    });
}

/// The first waits for a mutex whose owner waits for another: the one at the end inherits.
#[test]
fn nested_mutexes_chain() {
    explore(20_000, |cx| {
        begin(false);
        let it = Rc::new([(); 2].map(|()| Mutex::<(), PiHost>::new("m", ())));
        set_priority(1);
        let inner = it[0].lock(cx);
        let middle = spawn({
            let it = it.clone();
            move |cx| {
                set_priority(3);
                let _outer = it[1].lock(cx);
                let _inner = it[0].lock(cx);
                assert!(priority() >= 3);
            }
        });
        until_waiting(cx, 1);
        assert_eq!(priority(), 3);
        let urgent = spawn({
            let it = it.clone();
            move |cx| {
                set_priority(8);
                drop(it[1].lock(cx));
            }
        });
        until_waiting(cx, 2);
        assert_eq!(priority(), 8, "by way of the one in the middle");
        drop(inner);
        assert_eq!(priority(), 1);
        middle.join(cx);
        urgent.join(cx);
        assert!(nobody_waits());
    });
}

#[test]
fn who_gives_up_takes_its_priority_along() {
    explore(20_000, |cx| {
        begin(false);
        let mutex = Rc::new(Mutex::<(), PiHost>::new("m", ()));
        set_priority(1);
        let guard = mutex.lock(cx);
        let hasty = spawn({
            let mutex = mutex.clone();
            move |cx| {
                set_priority(9);
                let soon = PiHost::now() + Duration::from_nanos(5);
                mutex.lock_deadline(cx, soon).map(drop)
            }
        });
        assert_eq!(hasty.join(cx), Err(TimedOut));
        assert!(nobody_waits());
        assert_eq!(priority(), 1);
        drop(guard);
    });
}

/// Newcomers, deadlines and releases in every order: whenever things have come to rest an owner
/// is as urgent as the most urgent one that waits, and at the end nobody has inherited anything.
#[test]
fn owners_inherit_in_every_order() {
    explore(20_000, |cx| {
        begin(false);
        let it = Rc::new((Mutex::<(), PiHost>::new("m", ()), Cell::new(0_u32)));
        let threads: Vec<_> = (1..=4)
            .map(|level| {
                let it = it.clone();
                spawn(move |cx| {
                    set_priority(level);
                    for _ in 0..2 {
                        let soon = PiHost::now() + Duration::from_nanos(25);
                        let guard = match level {
                            2 => it.0.lock_deadline(cx, soon),
                            _ => Ok(it.0.lock(cx)),
                        };
                        if guard.is_ok() {
                            assert_eq!(it.1.replace(level), 0, "not alone");
                            a_while(cx);
                            it.1.set(0);
                        }
                    }
                    // Whatever came with a mutex goes with it.
                    assert_eq!(priority(), level);
                })
            })
            .collect();
        threads.into_iter().for_each(|t| t.join(cx));
        assert!(nobody_waits());
        assert!(!it.0.is_locked());
    });
}

/// Spins for an owner that runs, and blocks for one that sleeps.
#[test]
fn spins_while_the_owner_runs() {
    explore(20_000, |cx| {
        begin(true);
        let it = Rc::new((Mutex::<(), PiHost>::new("m", ()), Cell::new(false)));
        let owner = spawn({
            let it = it.clone();
            move |cx| {
                let guard = it.0.lock(cx);
                it.1.set(true);
                (0..5).for_each(|_| point());
                drop(guard);
            }
        });
        while !it.1.get() {
            point();
        }
        let guard = it.0.lock(cx);
        assert_eq!(PARKS.get(), 0, "nobody had to block");
        owner.join(cx);
        let waiter = spawn({
            let it = it.clone();
            move |cx| drop(it.0.lock(cx))
        });
        // We are parked as its owner now: it gives up spinning.
        a_while(cx);
        until_waiting(cx, 1);
        drop(guard);
        waiter.join(cx);
    });
}
