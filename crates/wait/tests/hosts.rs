//! What the crate asks of its host, and tells it: the host here is `StdHost`, and notes it.
#![cfg(not(loom))]

#[path = "support/patience.rs"]
mod patience;

use layercake_sync::TaskCx;
use layercake_wait::host::std::{StdHost, enter, spawn};
use layercake_wait::host::{OwnerId, PiEvent};
use layercake_wait::{AsyncHost, Host, Instant, Mutex, TimedOut, WaitQueue, Waiter};
use patience::until;
use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::pin::Pin;
use std::rc::Rc;
use std::sync::atomic::{AtomicBool, Ordering::SeqCst};
use std::sync::{self, Arc};
use std::thread::Thread;
use std::time::Duration;

/// Notes what it is told, for each thread.
struct Noting;

thread_local! {
    static NOTES: RefCell<Vec<&'static str>> = const { RefCell::new(Vec::new()) };
    /// How often spinning is worth it from now on.
    static SPINS: Cell<usize> = const { Cell::new(0) };
    /// What the next wake is accompanied by.
    static WITH_WAKE: RefCell<Option<Box<dyn FnOnce()>>> = const { RefCell::new(None) };
}

/// How often a thread was asked about, or waited for, as the owner of a mutex.
static WANTED: sync::Mutex<BTreeMap<usize, usize>> = sync::Mutex::new(BTreeMap::new());

fn want(owner: OwnerId) {
    *WANTED.lock().unwrap().entry(owner.get()).or_default() += 1;
}

fn note(what: &'static str) {
    NOTES.with_borrow_mut(|notes| notes.push(what));
}

/// What was noted since the last time, each thing once for as often as it follows itself.
fn notes() -> Vec<&'static str> {
    let mut notes = NOTES.take();
    notes.dedup();
    notes
}

// SAFETY: HOST: it is `StdHost` in all that counts.
unsafe impl Host for Noting {
    type Cpu = <StdHost as Host>::Cpu;
    type Task = Thread;

    fn current() -> Thread {
        StdHost::current()
    }
    fn park(cx: &mut TaskCx, deadline: Option<Instant>) {
        note("park");
        StdHost::park(cx, deadline);
    }
    fn unpark(task: &Thread) {
        if let Some(call) = WITH_WAKE.take() {
            call();
        }
        StdHost::unpark(task);
    }
    fn now() -> Instant {
        StdHost::now()
    }
    fn blocked_on(name: &'static str) {
        note(name);
    }
    fn owner_id() -> OwnerId {
        thread_local!(static ME: u64 = const { 0 });
        ME.with(|me| OwnerId::new(std::ptr::from_ref(me).addr()))
    }
    fn is_worth_spinning_for(owner: OwnerId) -> bool {
        assert_ne!(owner, Self::owner_id());
        note("is it worth it?");
        want(owner);
        SPINS.set(SPINS.get().saturating_sub(1));
        std::thread::yield_now();
        SPINS.get() > 0
    }
    fn inherit(event: PiEvent<'_>) {
        note(match event {
            PiEvent::Waits(word) => {
                let owner = word.owner().filter(|owner| *owner != Self::owner_id());
                owner.into_iter().for_each(want);
                "waits"
            }
            PiEvent::Takes(word) => {
                assert_eq!(word.owner(), Some(Self::owner_id()));
                "takes"
            }
            PiEvent::GivesUp(_) => "gives up",
            PiEvent::Releases(_) => "releases",
        });
    }
}

fn soon() -> Instant {
    StdHost::now() + Duration::from_millis(10)
}

/// A thread that takes the mutex, says who it is, and gives it back when it is told to and then wanted.
fn holder<H: Host>(lock: &Arc<Mutex<(), H>>, told: &Arc<AtomicBool>) -> usize {
    let (has, taken) = sync::mpsc::channel();
    let (lock, told) = (lock.clone(), told.clone());
    spawn(move |cx| {
        let held = lock.lock(cx);
        let me = Noting::owner_id().get();
        // Where this thread's name is another's may have been.
        WANTED.lock().unwrap().remove(&me);
        has.send(me).unwrap();
        until("it is not told to", || told.load(SeqCst));
        until("nobody wants it", || {
            WANTED.lock().unwrap().contains_key(&me)
        });
        drop(held);
    });
    taken.recv().unwrap()
}

/// A wait that times out, and two for a mutex that another thread has: in vain, and until it is free.
fn waits_on<H: Host>() -> Vec<&'static str> {
    notes();
    let queue = WaitQueue::<H>::new("queue");
    let late = enter(|cx| queue.wait_until_deadline(cx, soon(), |_| None::<()>));
    assert_eq!(late, Err(TimedOut));
    let (lock, told) = (Arc::new(Mutex::<_, H>::new("mutex", ())), Arc::default());
    let holder = holder(&lock, &told);
    SPINS.set(3);
    enter(|cx| {
        assert!(lock.lock_deadline(cx, soon()).is_err());
        WANTED.lock().unwrap().remove(&holder);
        told.store(true, SeqCst);
        drop(lock.lock(cx));
    });
    notes()
}

/// These were noted, in this order; others in between.
fn in_order(noted: &[&str], wanted: &[&str]) {
    let mut rest = noted.iter();
    for want in wanted {
        let found = rest.any(|what| what == want);
        assert!(found, "{want} is missing, or comes too soon, in {noted:?}");
    }
}

const TOLD: [&str; 8] = [
    "queue",
    "park",
    "is it worth it?",
    "waits",
    "mutex",
    "park",
    "gives up",
    "takes",
];

#[test]
fn a_host_is_told_what_its_threads_wait_for() {
    in_order(&waits_on::<Noting>(), &TOLD);
}

/// The host for futures is the one below it in everything.
#[test]
fn so_is_the_one_below_the_host_for_futures() {
    in_order(&waits_on::<AsyncHost<Noting>>(), &TOLD);
}

#[test]
fn one_who_has_nothing_to_do_is_blocked_on_that() {
    let queue = WaitQueue::<Noting>::new("work");
    notes();
    let mut looks = 0;
    let waker = Arc::new(queue);
    let other = spawn({
        let queue = waker.clone();
        move |_| {
            until("nobody waits", || queue.waiters() == 1);
            queue.wake_one();
        }
    });
    enter(|cx| {
        waker.idle_until(cx, |_| {
            looks += 1;
            // The first look and the one after it is on the queue.
            (looks > 2).then_some(())
        });
    });
    other.join().unwrap();
    assert!(notes().contains(&"work"));
}

/// As long as the owner runs it is worth it, and the mutex is taken without blocking.
#[test]
fn who_spins_takes_the_mutex_when_it_is_free() {
    let lock = Arc::new(Mutex::<_, Noting>::new("mutex", ()));
    let told = Arc::new(AtomicBool::new(true));
    holder(&lock, &told);
    notes();
    SPINS.set(usize::MAX);
    enter(|cx| drop(lock.lock(cx)));
    SPINS.set(0);
    assert_eq!(notes(), ["is it worth it?"]);
}

/// Nor does anybody spin past those who are queued.
#[test]
fn nobody_spins_for_a_mutex_that_others_wait_for() {
    let lock = Arc::new(Mutex::<_, Noting>::new("mutex", ()));
    let told = Arc::new(AtomicBool::new(false));
    let owner = holder(&lock, &told);
    let waiter = spawn({
        let lock = lock.clone();
        move |cx| drop(lock.lock(cx))
    });
    // Once it has asked whether to spin, and once it has said that it waits.
    let wanted = || WANTED.lock().unwrap().get(&owner).is_some_and(|&n| n > 1);
    until("nobody waits", wanted);
    notes();
    SPINS.set(usize::MAX);
    assert!(enter(|cx| lock.lock_deadline(cx, soon()).is_err()));
    SPINS.set(0);
    assert!(!notes().contains(&"is it worth it?"));
    told.store(true, SeqCst);
    waiter.join().unwrap();
}

/// W5: who comes while a wake of all is under way is not among them, and both kinds count.
#[test]
fn a_wake_of_all_leaves_who_comes_meanwhile() {
    static QUEUE: WaitQueue<Noting> = WaitQueue::new("queue");
    let waiters: Vec<Pin<Box<Waiter<'_, Noting>>>> = (0..40)
        .map(|n| {
            Box::pin(if n % 4 == 0 {
                Waiter::shared()
            } else {
                Waiter::new()
            })
        })
        .collect();
    let late = Rc::pin(Waiter::<Noting>::new());
    enter(|cx| {
        for waiter in &waiters {
            waiter.as_ref().prepare(&QUEUE, cx);
        }
    });
    let comes = late.clone();
    let joins = move || enter(|cx| comes.as_ref().prepare(&QUEUE, cx));
    WITH_WAKE.set(Some(Box::new(joins)));
    assert_eq!(QUEUE.wake_all(), waiters.len());
    assert_eq!((QUEUE.waiters(), late.is_waiting()), (1, true));
    assert_eq!(QUEUE.wake_all(), 1);
    for waiter in &waiters {
        waiter.as_ref().accept();
    }
    late.as_ref().accept();
}
