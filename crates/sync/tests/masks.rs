//! What is masked while locks are held, in every nesting that compiles: L1.
#![cfg(not(loom))]

use layercake_sync::host::{StdCpu, interrupt, irqs_masked, preempt_depth, task};
use layercake_sync::{Atomic, IrqOff, PreemptOff, SpinLock, check, irq_off, preempt_off};
use std::panic::{AssertUnwindSafe, catch_unwind};

type Lock<T> = SpinLock<T, PreemptOff<StdCpu>>;
type IrqLock<T> = SpinLock<T, IrqOff<StdCpu>>;

/// What is masked now: preemption (how often), interrupts.
fn masked() -> (u32, bool) {
    (preempt_depth(), irqs_masked())
}

#[test]
fn each_lock_masks_what_it_says() {
    let (lock, irq) = (Lock::new(1), IrqLock::new(2));
    task(|cx| {
        let guard = lock.lock(&mut *cx);
        assert_eq!((masked(), *guard), ((1, false), 1));
        drop(guard);
        let guard = irq.lock(&mut *cx);
        assert_eq!((masked(), *guard), ((0, true), 2));
        drop(guard);
        assert_eq!(masked(), (0, false));
    });
}

#[test]
fn nested_locks_restore_what_they_found() {
    let (a, b, c) = (Lock::new(0), Lock::new(0), IrqLock::new(0));
    task(|cx| {
        let mut a = a.lock(cx);
        let (a, at) = a.split();
        let mut b = b.lock(at);
        let (b, at) = b.split();
        assert_eq!(masked(), (2, false));
        let mut c = c.lock(at);
        assert_eq!(masked(), (2, true));
        (*a, *b, *c) = (1, 2, 3);
        drop(c);
        assert_eq!(masked(), (2, false));
    });
    assert_eq!(masked(), (0, false));
}

#[test]
fn one_token_serves_one_lock_after_another() {
    let (a, b) = (IrqLock::new(1), Lock::new(2));
    task(|cx| {
        let mut at = cx.atomic();
        *a.lock(&mut at) += 1;
        *b.lock(at.reborrow()) += 1;
        let mut anywhere = Atomic::from(at);
        assert_eq!(*a.lock(&mut anywhere), 2);
        assert_eq!(*a.lock(anywhere), 2);
    });
}

#[test]
fn inside_a_masked_section_guards_go_in_any_order() {
    let (a, b, c) = (IrqLock::new(0), IrqLock::new(0), IrqLock::new(0));
    let (d, e) = (IrqLock::new(0), IrqLock::new(0));
    task(|cx| {
        let outer = a.lock(cx);
        let masks = outer.atomic();
        let first = b.lock(masks);
        let second = c.lock_masked(masks);
        drop(first);
        let third = d.lock(masks);
        drop(second);
        let second = e.lock(masks);
        drop(third);
        assert!(irqs_masked(), "the second is held");
        drop(second);
        assert!(irqs_masked(), "the outer is held");
        drop(outer);
        assert!(!irqs_masked());
    });
}

#[test]
fn a_refused_try_restores_too() {
    let (lock, irq) = (Lock::new(0), IrqLock::new(0));
    task(|cx| {
        let mut at = cx.atomic();
        let held = lock.lock(at.reborrow());
        std::mem::forget(held);
        assert!(lock.try_lock(at.reborrow()).is_none());
        assert_eq!(masked(), (1, false));
        let held = irq.lock(at.reborrow());
        let masks = held.atomic();
        assert!(irq.try_lock(masks).is_none() && irq.try_lock_masked(masks).is_none());
        assert_eq!(masked(), (1, true));
        drop(held);
        assert_eq!(masked(), (1, false));
        assert!(irq.try_lock(at).is_some());
    });
}

#[test]
fn sections_end_as_they_began() {
    task(|cx| {
        irq_off::<StdCpu, _>(&mut *cx, |masks| {
            assert!(irqs_masked());
            irq_off::<StdCpu, _>(masks, |_| assert!(irqs_masked()));
            assert!(irqs_masked());
        });
        preempt_off::<StdCpu, _>(&mut *cx, |_, at| {
            assert_eq!(masked(), (1, false));
            irq_off::<StdCpu, _>(at, |_| assert_eq!(masked(), (1, true)));
            assert_eq!(masked(), (1, false));
        });
        assert_eq!(masked(), (0, false));
    });
}

#[test]
fn a_panic_leaves_nothing_masked() {
    let (lock, irq) = (Lock::new(0), IrqLock::new(0));
    task(|cx| {
        let end = catch_unwind(AssertUnwindSafe(|| {
            let mut outer = lock.lock(&mut *cx);
            let _inner = irq.lock(outer.atomic());
            panic!("in the middle");
        }));
        assert!(end.is_err());
        assert_eq!(masked(), (0, false));
        assert!(
            catch_unwind(AssertUnwindSafe(|| irq_off::<StdCpu, ()>(cx, |_| panic!()))).is_err()
        );
        assert_eq!(masked(), (0, false));
    });
    assert!(!lock.is_locked() && !irq.is_locked());
}

#[test]
fn a_handler_takes_the_locks_that_mask_it() {
    static COUNT: IrqLock<u32> = IrqLock::new(0);
    let threads_only = Lock::new(0);
    task(|cx| {
        let _guard = threads_only.lock(&mut *cx);
        interrupt(|irq| {
            *COUNT.lock(irq) += 1;
            assert!(irqs_masked(), "a handler's lock does not unmask");
            *COUNT.lock_masked(irq.into()) += 1;
        });
    });
    task(|cx| assert_eq!(*COUNT.lock(cx), 2));
}

#[test]
#[should_panic(expected = "interrupts are masked")]
fn no_interrupt_comes_under_an_irq_lock() {
    let lock = IrqLock::new(0);
    task(|cx| {
        let _guard = lock.lock(cx);
        interrupt(|_| {});
    });
}

#[test]
fn what_the_types_promise_of_a_lock() {
    let mut lock = IrqLock::new(vec![1]);
    lock.get_mut().push(2);
    assert_eq!(format!("{lock:?}"), "SpinLock { locked: false, .. }");
    assert_eq!(lock.into_inner(), [1, 2]);
    let unsized_lock: &Lock<[u8]> = &Lock::new([1, 2, 3]);
    task(|cx| assert_eq!(unsized_lock.lock(cx).len(), 3));
    // Its word and its data: what statistics and orders need is there only if they are.
    if cfg!(not(feature = "classes")) {
        assert_eq!(size_of::<Lock<u32>>(), 16);
    }
}

/// Where locks are watched nobody may give one back by a store, which says so to nobody.
#[test]
fn a_store_does_not_give_back_what_is_watched() {
    let lock = Lock::new(());
    // SAFETY: MASK-TOKEN: nothing else runs on this core. LOCK-HELD: it is taken first.
    unsafe {
        let held = lock.force_lock();
        assert!(!check::ON || lock.release_by_store(held).is_none());
        lock.force_unlock_held(held);
    }
    assert!(!lock.is_locked());
}
