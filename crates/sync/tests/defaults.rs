//! A host that gives no more than it must: what the rest of [`Cpu`] does then.
#![cfg(not(loom))]

use layercake_sync::check::{Held, WhyNot};
use layercake_sync::ticket::TicketLock;
use layercake_sync::{Cpu, PreemptOff, RawLock, SpinLock, TaskCx};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering::SeqCst};
use std::thread;
use std::time::Duration;

/// A thread as a core of its own, where nothing interrupts.
struct Plain;

// SAFETY: CPU-MASK. There is nothing to mask, and nobody else on this core.
unsafe impl Cpu for Plain {
    type IrqState = ();

    fn irq_save() {}

    unsafe fn irq_restore((): ()) {}

    fn preempt_disable() {}

    unsafe fn preempt_enable() {}
}

/// Until the other thread is likely to wait; that it does so for sure cannot be seen.
fn let_it_wait() {
    thread::sleep(Duration::from_millis(3));
}

#[test]
fn a_wait_ends_with_a_change_and_says_what_it_saw() {
    assert_eq!(Plain::wait_while_eq(&AtomicU32::new(7), 5), 7);
    let word = Arc::new(AtomicU32::new(0));
    let waiter = thread::spawn({
        let word = word.clone();
        move || Plain::wait_while_eq(&word, 0)
    });
    let_it_wait();
    assert!(!waiter.is_finished(), "nothing has changed");
    word.store(9, SeqCst);
    assert_eq!(waiter.join().unwrap(), 9);
}

#[test]
fn a_wait_for_a_value_ends_with_that_value() {
    let word = Arc::new(AtomicU32::new(2));
    Plain::wait_until_eq(&word, 2);
    let waiter = thread::spawn({
        let word = word.clone();
        move || {
            Plain::wait_until_eq(&word, 0);
            word.load(SeqCst)
        }
    });
    for other in [1, 3] {
        let_it_wait();
        assert!(!waiter.is_finished(), "it is not 0");
        word.store(other, SeqCst);
    }
    let_it_wait();
    word.store(0, SeqCst);
    assert_eq!(waiter.join().unwrap(), 0);
}

/// Each ticket is the next one, and served in its turn.
#[test]
fn tickets_are_served_in_their_turn() {
    let lock = TicketLock::FREE;
    for turn in 0..3 {
        assert_eq!(Plain::take_ticket(&lock), turn);
        assert!(lock.is_locked());
        // SAFETY: LOCK-HELD: it was just taken, by the same means as `acquire`.
        unsafe { RawLock::release::<Plain>(&lock, turn) };
    }
    assert!(!lock.is_locked());
}

/// It keeps no accounts, knows no time, and says so.
#[test]
fn what_a_host_does_not_know_it_does_not_say() {
    assert_eq!(Plain::with_held(Held::count), None);
    assert_eq!(Plain::may_sleep(), Ok::<(), WhyNot>(()));
    assert_eq!(Plain::timestamp(), 0);
    assert_eq!(Plain::irqs_masked(), None);
    assert_eq!(Plain::core_number(), None);
}

#[test]
fn its_locks_keep_threads_apart() {
    let rounds = if cfg!(miri) { 20 } else { 1000 };
    let count = Arc::new(SpinLock::<_, PreemptOff<Plain>>::new(0));
    let threads = [(); 3].map(|()| {
        let count = count.clone();
        thread::spawn(move || {
            // SAFETY: CX-TASK: the thread's only one.
            let mut cx = unsafe { TaskCx::new() };
            for _ in 0..rounds {
                *count.lock(&mut cx) += 1;
            }
        })
    });
    threads.into_iter().for_each(|one| one.join().unwrap());
    // SAFETY: CX-TASK: the thread's only one.
    let mut cx = unsafe { TaskCx::new() };
    assert_eq!(*count.lock(&mut cx), 3 * rounds);
}
