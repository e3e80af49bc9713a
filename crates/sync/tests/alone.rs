//! What locks give and say when nobody else is there.
#![cfg(not(loom))]

use layercake_sync::host::{StdCpu, task};
use layercake_sync::queued::QueuedLock;
use layercake_sync::ticket::TicketLock;
use layercake_sync::{IrqOff, PreemptOff, RawLock, SeqLock, SpinLock, irq_off};

type Mask = PreemptOff<StdCpu>;

/// Each record is read as it was written, in the ways that there are, and is what the next is made of.
#[test]
fn a_record_is_read_as_it_was_written() {
    let whole = SeqLock::<u64, Mask>::new(5);
    let words = SeqLock::<[usize; 3], Mask>::new([1, 2, 3]);
    task(|cx| {
        assert_eq!((whole.read(&mut *cx), whole.try_read()), (5, Some(5)));
        assert_eq!(words.read(&mut *cx), [1, 2, 3]);
        for n in 1..=3 {
            // Of both halves, for machines with words of 32 bits.
            let wide = (n << 40) | n;
            assert_eq!(
                whole.update(&mut *cx, |old| old + wide),
                whole.read(&mut *cx)
            );
            assert_eq!(
                words.update(&mut *cx, |old| old.map(|word| word * 2))[0],
                1 << n
            );
            // Twice for each write: it begins, and it ends.
            assert!(format!("{whole:?}").contains(&format!("sequence: {}", 2 * n)));
        }
        let sum = 5 + (6 << 40) + 6;
        assert_eq!((whole.read(&mut *cx), whole.try_read()), (sum, Some(sum)));
        assert_eq!(
            (words.read(&mut *cx), words.try_read()),
            ([8, 16, 24], Some([8, 16, 24]))
        );
        whole.write(&mut *cx, u64::MAX);
        assert_eq!(whole.read(cx), u64::MAX);
    });
}

/// While a record is being made the old one is read; whoever comes over the stores finds none.
#[test]
fn a_record_that_is_being_made_is_not_there_yet() {
    let lock = SeqLock::<u64, Mask>::new(1);
    task(|cx| {
        lock.write(&mut *cx, 2);
        lock.update(cx, |_| {
            assert_eq!(lock.try_read(), Some(2));
            3
        });
    });
    assert_eq!(lock.try_read(), Some(3));
}

#[test]
fn a_queued_lock_is_tried_and_says_whether_it_is_taken() {
    let lock = QueuedLock::new();
    assert!(!lock.is_locked());
    assert_eq!(lock.try_acquire(), Some(()));
    assert!(lock.is_locked());
    assert_eq!(lock.try_acquire(), None);
    // SAFETY: LOCK-HELD.
    unsafe { lock.release::<StdCpu>(()) };
    assert!(!lock.is_locked());

    let data = SpinLock::<_, Mask, QueuedLock>::new(1);
    task(|cx| {
        *data.try_lock(&mut *cx).expect("it is free") += 1;
        assert_eq!(*data.lock(cx), 2);
    });
}

#[test]
fn a_lock_is_tried_where_interrupts_are_masked() {
    let lock = SpinLock::<_, IrqOff<StdCpu>>::new(1);
    task(|cx| {
        irq_off::<StdCpu, _>(cx, |masked| {
            let mut guard = lock.try_lock_masked(masked).expect("it is free");
            *guard += 1;
            assert!(lock.try_lock_masked(masked).is_none());
            drop(guard);
            assert_eq!(*lock.try_lock_masked(masked).expect("it is free again"), 2);
        });
    });
}

/// Machine code that takes a ticket finds both words where it is told to look.
#[test]
fn a_ticket_lock_is_its_two_words() {
    let lock = TicketLock::new();
    assert!(std::ptr::eq(lock.as_ptr().cast(), &lock));
    assert!(std::ptr::eq(lock.as_ptr().cast(), lock.serving()));
}
