//! Which threads there are: a slot for each number, and a list of the free ones.
//!
//! A number is free again when its thread has ended and nobody can join it any more.

use super::{ALL_CORES, FREE, Stack, Thread, stack};
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
    // SAFETY: THREAD-OWN: off the list, so nobody else writes it; others may read.
    let own = unsafe { &*thread.own.as_ptr() };
    let fits = own.stack.as_ref().is_some_and(|s| s.size() == size);
    if !fits {
        let old = thread.own.lock(cx()).stack.take();
        if let Some(old) = old {
            // SAFETY: STACK-UNUSED: the thread is free and off the list, so it is nobody's.
            unsafe { old.free() };
        }
        let Some(new) = Stack::new(thread.id() as usize, size) else {
            return take_from_the_free(thread, size);
        };
        thread.own.lock(cx()).stack = Some(new);
    }
    Some(thread)
}

/// There is no memory for a stack of `size` bytes for `thread`. Free threads have stacks, though:
/// takes one that has a fitting one, or else gives their stacks' memory back until there is enough.
/// O(free threads).
#[cold]
fn take_from_the_free(thread: &'static Thread, size: usize) -> Option<&'static Thread> {
    // Those looked at in vain, linked as on the list; off the list they are the caller's.
    let mut aside: Option<&'static Thread> = None;
    let mut found = None;
    while let Some(other) = pop_free() {
        // SAFETY: CX-ATOMIC: nothing sleeps while the stack is looked at.
        let mut own = other.own.lock(unsafe { Atomic::assume() });
        if own.stack.as_ref().is_some_and(|s| s.size() == size) {
            drop(own);
            found = Some(other);
            break;
        }
        let old = own.stack.take();
        drop(own);
        let link = aside.map_or(0, |a| a.id() + 1);
        other.next_free.store(link, Ordering::Relaxed);
        aside = Some(other);
        let Some(old) = old else { continue };
        // SAFETY: STACK-UNUSED: the thread is free and off the list, so it is nobody's.
        unsafe { old.free() };
        if let Some(new) = Stack::new(thread.id() as usize, size) {
            // SAFETY: CX-ATOMIC: nothing sleeps while the stack is put in.
            thread.own.lock(unsafe { Atomic::assume() }).stack = Some(new);
            found = Some(thread);
            break;
        }
    }
    while let Some(other) = aside {
        let next = other.next_free.load(Ordering::Relaxed).checked_sub(1);
        aside = next.and_then(|id| get(id as usize));
        push_free(other);
    }
    if found.is_none_or(|found| !core::ptr::eq(found, thread)) {
        push_free(thread);
    }
    found
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
