//! The timer itself, to be embedded in what it belongs to, and the handle to it.
//!
//! What belongs here: what one timer is. What does not: the order among many, which is
//! [`crate::queue`]'s.

use core::cell::Cell;
use core::fmt;
use core::ops::Deref;
use intrusive_collections::{RBTreeLink, UnsafeRef};

/// A deadline and what to do at it, to be embedded in a thread, a work item, a driver.
///
/// Its fields are cells: the lock of the queue that it was last given to protects them (see the
/// invariant TMR-LOCK in the crate documentation). Not `Sync`, for that reason.
pub struct Timer {
    pub(crate) link: RBTreeLink,
    /// Where it is: see `queue.rs`. 0: on no queue. Only the queue writes it.
    pub(crate) home: Cell<u64>,
    pub(crate) deadline: Cell<u64>,
    action: fn(TimerRef),
}

impl Timer {
    /// A timer that is not armed. `action` is for [`TimerRef::fire`].
    pub const fn new(action: fn(TimerRef)) -> Self {
        Self {
            link: RBTreeLink::new(),
            home: Cell::new(0),
            deadline: Cell::new(0),
            action,
        }
    }

    /// Whether it is on a queue.
    #[inline(always)]
    pub fn is_armed(&self) -> bool {
        self.home.get() != 0
    }

    /// The deadline in ns that it was last armed for; 0 if it never was.
    pub fn deadline(&self) -> u64 {
        self.deadline.get()
    }
}

impl fmt::Debug for Timer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Timer")
            .field("armed", &self.is_armed())
            .field("deadline", &self.deadline())
            .finish_non_exhaustive()
    }
}

/// A handle to a [`Timer`] that somebody else owns: what queues hold and give back.
#[derive(Clone)]
pub struct TimerRef(pub(crate) UnsafeRef<Timer>);

impl TimerRef {
    /// Makes a handle.
    ///
    /// # Safety
    ///
    /// As long as this handle or a copy of it is in use, in a queue or elsewhere:
    ///
    /// 1. **TMR-LIVE**: the timer is neither moved nor dropped nor reached through `&mut`;
    /// 2. **TMR-LOCK**: two cores never touch the timer at the same time. A kernel keeps this by
    ///    touching a timer only under the lock of the queue that it was last given to.
    #[inline(always)]
    pub unsafe fn from_raw(timer: *const Timer) -> Self {
        // SAFETY: TMR-LIVE, by the caller's promise.
        Self(unsafe { UnsafeRef::from_raw(timer) })
    }

    /// The pointer that the handle was made from, by which its owner finds what the timer is
    /// embedded in (so make it from a pointer that may reach all of that).
    #[inline(always)]
    pub fn as_ptr(&self) -> *const Timer {
        UnsafeRef::into_raw(self.0.clone())
    }

    /// Whether this is the handle of `timer`.
    #[inline(always)]
    pub fn is(&self, timer: &Timer) -> bool {
        core::ptr::eq(self.as_ptr(), timer)
    }

    /// Calls the timer's action, in whatever context this is called in.
    ///
    /// The action gets the handle: it may arm the timer again, if it has the queue.
    #[inline]
    pub fn fire(self) {
        (self.action)(self);
    }
}

impl Deref for TimerRef {
    type Target = Timer;
    #[inline(always)]
    fn deref(&self) -> &Timer {
        &self.0
    }
}

impl fmt::Debug for TimerRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        (**self).fmt(f)
    }
}

// SAFETY: TMR-LOCK: whoever made the handle promised that no two cores use the timer at once.
unsafe impl Send for TimerRef {}
