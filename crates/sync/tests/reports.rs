//! What the crate's types say of themselves, for people.
#![cfg(not(loom))]

use layercake_sync::host::{StdCpu, task};
use layercake_sync::once::{Lazy, Once};
use layercake_sync::percpu::{Line, PerCpu};
use layercake_sync::{CpuId, PreemptOff, RwSpinLock, SeqLock, SpinLock};
use std::fmt::Debug;

type Mask = PreemptOff<StdCpu>;

/// It names its type, and has this part.
fn says(what: &dyn Debug, start: &str, part: &str) {
    let text = format!("{what:?}");
    assert!(text.starts_with(start) && text.contains(part), "{text}");
}

#[test]
fn locks_say_whether_they_are_taken_and_guards_what_they_guard() {
    let (spin, rw) = (SpinLock::<_, Mask>::new(17), RwSpinLock::<_, Mask>::new(18));
    says(&spin, "SpinLock {", "locked: false");
    says(&rw, "RwSpinLock {", "written: false");
    task(|cx| {
        let guard = spin.lock(&mut *cx);
        says(&spin, "SpinLock {", "locked: true");
        assert_eq!(format!("{guard:?}"), "17");
        drop(guard);
        let guard = rw.read(&mut *cx);
        assert_eq!(format!("{guard:?}"), "18");
        drop(guard);
        let guard = rw.write(cx);
        says(&rw, "RwSpinLock {", "written: true");
        assert_eq!(format!("{guard:?}"), "18");
    });
}

#[test]
fn a_record_says_how_often_it_was_written() {
    let lock = SeqLock::<[usize; 2], Mask>::new([0, 0]);
    says(&lock, "SeqLock {", "sequence: 0");
}

#[test]
fn what_is_made_once_says_whether_it_was() {
    let once = Once::<u32, Mask>::new();
    assert_eq!(format!("{once:?}"), "Once(None)");
    let lazy = Lazy::<u32, Mask>::new(|| 5);
    assert_eq!(format!("{lazy:?}"), "Lazy(None)");
    task(|cx| {
        once.get_or_make(&mut *cx, |_| 4);
        lazy.get_or_make(cx);
    });
    assert_eq!((once.get(), lazy.get()), (Some(&4), Some(&5)));
    assert_eq!(format!("{once:?}"), "Once(Some(4))");
    assert_eq!(format!("{lazy:?}"), "Lazy(Some(5))");
}

#[test]
fn what_each_core_has_says_for_how_many() {
    const CORES: usize = StdCpu::MAX;
    let each = PerCpu::<u32, Mask, CORES>::new([const { Line(0) }; CORES]);
    says(&each, "PerCpu {", &format!("cores: {CORES}"));
}

#[cfg(feature = "mutex-traits")]
#[test]
fn an_adapter_says_whether_it_is_taken() {
    use layercake_sync::adapters::ScopedIrqOff;
    // SAFETY: SCOPED-CALLERS: nobody takes it.
    let lock = unsafe { ScopedIrqOff::<StdCpu>::new() };
    says(&lock, "ScopedIrqOff {", "locked: false");
}
