//! Which threads there are: a slot for each number, and a list of the free ones.
//!
//! A number is free again when its thread has ended and nobody can join it any more.

use super::{ALL_CORES, FREE, GONE, Stack, Thread, stack};
use crate::{Atomic, IrqSpinLock, cpu};
use alloc::boxed::Box;
use core::sync::atomic::{AtomicPtr, AtomicUsize, Ordering};
use layercake_sched::Priority;

/// The most threads that there can be at once, idle threads among them.
pub const MAX_THREADS: usize = 4096;

/// A thread for each number that has ever been used; they are never freed.
static SLOTS: [AtomicPtr<Thread>; MAX_THREADS] =
    [const { AtomicPtr::new(core::ptr::null_mut()) }; MAX_THREADS];
/// How many of `SLOTS` are filled, the idle threads' first ones included. Written under `FREED`.
static FILLED: AtomicUsize = AtomicUsize::new(cpu::MAX);
/// The first free thread's number, + 1; 0 when there is none.
static FREED: IrqSpinLock<u32> = IrqSpinLock::new(0).named("free threads");

/// The thread of number `id`, whatever it does; none if the number was never used.
pub(super) fn get(id: usize) -> Option<&'static Thread> {
    if id < cpu::MAX {
        return Some(&cpu::core(id).idle);
    }
    let slot = SLOTS.get(id)?.load(Ordering::Acquire);
    // SAFETY: THREAD-STABLE: slots hold null or a leaked box.
    unsafe { slot.as_ref() }
}

/// All threads that have ever been, free ones too.
pub(super) fn all() -> impl Iterator<Item = &'static Thread> {
    (0..FILLED.load(Ordering::Acquire)).filter_map(get)
}

/// Takes a free thread with a stack of `size` bytes, or makes one. None: no number is free, or no
/// memory.
pub(super) fn take(size: usize) -> Option<&'static Thread> {
    let thread = match pop_free() {
        Some(thread) => thread,
        None => grow()?,
    };
    let cx = || {
        // SAFETY: CX-ATOMIC: nothing sleeps while the stack is taken out or put in.
        unsafe { Atomic::assume() }
    };
    let fits = thread
        .own
        .lock(cx())
        .stack
        .as_ref()
        .is_some_and(|s| s.size() == size);
    if !fits {
        let old = thread.own.lock(cx()).stack.take();
        if let Some(old) = old {
            // SAFETY: STACK-UNUSED: the thread is free and off the list, so it is nobody's.
            unsafe { old.free() };
        }
        let Some(new) = Stack::new(thread.id() as usize, size) else {
            push_free(thread);
            return None;
        };
        thread.own.lock(cx()).stack = Some(new);
    }
    Some(thread)
}

/// Gives up one of the things that keep `thread` from being reused; the last one frees it. From
/// any context.
pub(crate) fn reap(thread: &'static Thread) {
    if thread.owners.fetch_sub(1, Ordering::AcqRel) == 1 {
        debug_assert_eq!(thread.life.load(Ordering::Relaxed), GONE);
        push_free(thread);
    }
}

/// The thread whose stack slot `address` lies in, mapped or not.
pub(crate) fn owner_of_stack(address: usize) -> Option<&'static Thread> {
    get(stack::slot_of(address)?)
}

fn pop_free() -> Option<&'static Thread> {
    // SAFETY: CX-ATOMIC: nothing sleeps while the list is held.
    let mut freed = FREED.lock(unsafe { Atomic::assume() });
    let thread = get((*freed).checked_sub(1)? as usize)?;
    *freed = thread.next_free.load(Ordering::Relaxed);
    Some(thread)
}

/// Puts a thread that nobody uses on the list. Also for one that could not be spawned after all.
pub(super) fn push_free(thread: &'static Thread) {
    thread.life.store(FREE, Ordering::Relaxed);
    // SAFETY: CX-ATOMIC: nothing sleeps while the list is held.
    let mut freed = FREED.lock(unsafe { Atomic::assume() });
    thread.next_free.store(*freed, Ordering::Relaxed);
    *freed = thread.id() + 1;
}

/// Makes a thread with a number that was never used.
fn grow() -> Option<&'static Thread> {
    let layout = core::alloc::Layout::new::<Thread>();
    // SAFETY: ALLOC: the layout has a size.
    let memory = unsafe { alloc::alloc::alloc(layout) }.cast::<Thread>();
    if memory.is_null() {
        return None;
    }
    // SAFETY: ALLOC: freshly allocated with the layout of a thread, and written before it is a box.
    let mut thread = unsafe {
        memory.write(Thread::new(Priority::default(), ALL_CORES, FREE, 0, 0));
        Box::from_raw(memory)
    };
    // SAFETY: CX-ATOMIC: nothing sleeps while the list is held.
    let freed = FREED.lock(unsafe { Atomic::assume() });
    let id = FILLED.load(Ordering::Relaxed);
    if id == MAX_THREADS {
        drop(freed);
        return None;
    }
    *thread.id.get_mut() = id as u32;
    let thread: &'static Thread = Box::leak(thread);
    SLOTS[id].store((&raw const *thread).cast_mut(), Ordering::Release);
    FILLED.store(id + 1, Ordering::Release);
    Some(thread)
}
