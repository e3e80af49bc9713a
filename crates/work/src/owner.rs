//! Who owns an item while a queue has it: what keeps an item from dangling.
//!
//! While an item is busy (pending or running) the queue side holds **one** reference to it. It is
//! taken when the item turns busy and given up when it turns idle; what happens in between
//! (joining, queueing again during the run) takes none. So an item in an [`Arc`] lives as long as
//! it is busy, one in a [`Pin<Box>`](alloc::boxed::Box) is owned by the queue side alone, and a
//! static one needs nothing.
//!
//! What a reference is to each kind of owner is here; when it changes hands is in
//! [`crate::item`].

use crate::work::Work;
use core::ptr::NonNull;
use layercake_wait::Host;

#[cfg(feature = "alloc")]
use alloc::{boxed::Box, sync::Arc};
#[cfg(feature = "alloc")]
use core::pin::Pin;

/// A way to hand an item to a queue without giving it away: `&'static Work`, `&Arc<Work>`.
///
/// # Safety
///
/// Invariant **OWNED**. The implementor promises:
///
/// 1. `work()` names the same item each time, with a pointer that may be used for all of it.
/// 2. After [`retain`](Share::retain) the item stays where it is and alive until what was
///    returned has been called once, on any thread, or for good if that is `None`.
/// 3. `retain` neither blocks nor allocates: it is called in interrupt handlers, with
///    interrupts masked.
pub unsafe trait Share<H: Host> {
    /// What the item carries.
    type Data;

    /// The item.
    fn work(&self) -> NonNull<Work<H, Self::Data>>;

    /// Takes a reference for the queue; says how to give it up.
    fn retain(&self) -> Option<Release>;
}

/// How the reference that a queue holds is given up: a function and what it is called with.
///
/// It holds the owner's own pointer. The one on a queue's list may come from a `&Work`, which is
/// enough to run an item but not to free it.
#[derive(Clone, Copy, Debug)]
pub struct Release {
    call: unsafe fn(*const ()),
    data: *const (),
}

impl Release {
    /// `call(data)` gives the reference up.
    ///
    /// # Safety
    ///
    /// OWNED, 2: `call(data)` may be called once, on any thread.
    pub const unsafe fn new(call: unsafe fn(*const ()), data: *const ()) -> Self {
        Self { call, data }
    }

    /// Gives it up. May free the item.
    ///
    /// # Safety
    ///
    /// OWNED: the caller has just made the item idle.
    pub(crate) unsafe fn call(self) {
        // SAFETY: OWNED, 2, by the promise of `new`; an item turns idle once for each time that
        // it turned busy, so this is done once.
        unsafe { (self.call)(self.data) }
    }
}

// SAFETY: OWNED. A static item neither moves nor goes, so there is nothing to give up.
unsafe impl<H: Host, T: Send + Sync> Share<H> for &'static Work<H, T> {
    type Data = T;

    #[inline(always)]
    fn work(&self) -> NonNull<Work<H, T>> {
        NonNull::from(*self)
    }

    #[inline(always)]
    fn retain(&self) -> Option<Release> {
        None
    }
}

// SAFETY: OWNED. The pointer is the `Arc`'s own; the count that `retain` adds keeps the item, and
// is a single atomic addition.
#[cfg(feature = "alloc")]
unsafe impl<H: Host, T: Send + Sync + 'static> Share<H> for &Arc<Work<H, T>> {
    type Data = T;

    #[inline]
    fn work(&self) -> NonNull<Work<H, T>> {
        // SAFETY: OWNED, 1: an `Arc`'s pointer is not null.
        unsafe { NonNull::new_unchecked(Arc::as_ptr(self).cast_mut()) }
    }

    fn retain(&self) -> Option<Release> {
        /// Drops the count that `retain` added.
        unsafe fn release<H: Host, T>(work: *const ()) {
            // SAFETY: OWNED, 2. The pointer and the count are those that `into_raw` left.
            drop(unsafe { Arc::from_raw(work.cast::<Work<H, T>>()) });
        }
        let work = Arc::into_raw(Arc::clone(self));
        // SAFETY: OWNED, 2. One count was added, and `T` may be dropped on any thread.
        Some(unsafe { Release::new(release::<H, T>, work.cast()) })
    }
}

/// An item in a box, on its way into a queue that will own it.
#[cfg(feature = "alloc")]
pub(crate) struct Boxed<H: Host, T>(pub(crate) NonNull<Work<H, T>>);

#[cfg(feature = "alloc")]
impl<H: Host, T> Boxed<H, T> {
    pub(crate) fn from_box(work: Pin<Box<Work<H, T>>>) -> Self {
        // SAFETY: OWNED: nothing moves it out of its place between here and `into_box`.
        let work = unsafe { Pin::into_inner_unchecked(work) };
        // SAFETY: OWNED, 1: a `Box`'s pointer is not null.
        Self(unsafe { NonNull::new_unchecked(Box::into_raw(work)) })
    }

    /// # Safety
    ///
    /// OWNED: the item is idle and no queue has taken it.
    pub(crate) unsafe fn into_box(self) -> Pin<Box<Work<H, T>>> {
        // SAFETY: OWNED: the pointer is from `from_box`, and it still is the only one.
        Box::into_pin(unsafe { Box::from_raw(self.0.as_ptr()) })
    }
}

// SAFETY: OWNED. The box was leaked by `from_box`, so it stays until `release` frees it.
#[cfg(feature = "alloc")]
unsafe impl<H: Host, T: Send + Sync + 'static> Share<H> for Boxed<H, T> {
    type Data = T;

    fn work(&self) -> NonNull<Work<H, T>> {
        self.0
    }

    fn retain(&self) -> Option<Release> {
        /// Frees the box.
        unsafe fn release<H: Host, T>(work: *const ()) {
            // SAFETY: OWNED, 2. The pointer is from `from_box`; the item is idle, and nobody else
            // has it.
            drop(unsafe { Box::from_raw(work.cast::<Work<H, T>>().cast_mut()) });
        }
        // SAFETY: OWNED, 2. The box is released once, and `T` may be dropped on any thread.
        Some(unsafe { Release::new(release::<H, T>, self.0.as_ptr().cast()) })
    }
}
