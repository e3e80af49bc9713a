//! What each thread has of its own under a common name: thread-local storage.
//!
//! A [`Local`] is a static with a value for each thread that asks for it, made when it first asks
//! and dropped when it ends. An interrupt handler has none: whoever asks shows its `TaskCx`, which
//! no handler has. So a value is never reached while it is in use elsewhere, and needs no lock.

use crate::sync::TaskCx;
use alloc::boxed::Box;
use core::cell::Cell;
use core::ptr::NonNull;
use core::sync::atomic::{AtomicU32, Ordering};

/// The most [`Local`]s that an image can use.
pub const MAX_LOCALS: usize = 32;

/// How many numbers of [`Local`]s are given away.
static USED: AtomicU32 = AtomicU32::new(0);

/// Declares thread-local statics: see [`Local`](crate::thread::Local).
///
/// ```ignore
/// kernel::thread_local! {
///     /// How often this thread was asked.
///     static ASKED: Cell<u32> = Cell::new(0);
/// }
/// ASKED.with(cx, |asked, _| asked.set(asked.get() + 1));
/// ```
#[macro_export]
macro_rules! thread_local {
    ($($(#[$meta:meta])* $vis:vis static $name:ident: $type:ty = $init:expr;)+) => {
        $(
            $(#[$meta])*
            $vis static $name: $crate::thread::Local<$type> =
                $crate::thread::Local::new(|| $init);
        )+
    };
}

/// A static of which each thread has a value of its own. [`thread_local!`](crate::thread_local)
/// declares one.
#[derive(Debug)]
pub struct Local<T: 'static> {
    init: fn() -> T,
    /// Its slot + 1; 0 until it is first used.
    slot: AtomicU32,
}

impl<T: 'static> Local<T> {
    /// A static whose value `init` makes, for each thread when that first asks.
    pub const fn new(init: fn() -> T) -> Self {
        Self {
            init,
            slot: AtomicU32::new(0),
        }
    }

    /// Calls `f` with the calling thread's value, which may sleep meanwhile. Allocates when the
    /// thread asks for the first time. O(1).
    ///
    /// # Panics
    ///
    /// If more than [`MAX_LOCALS`] are in use in the image.
    pub fn with<R>(&'static self, cx: &mut TaskCx, f: impl FnOnce(&T, &mut TaskCx) -> R) -> R {
        let slot = match self.slot.load(Ordering::Relaxed) {
            0 => self.draw_slot(),
            n => n as usize - 1,
        };
        let slots = super::current().locals.slots();
        let value = match slots[slot].get() {
            Some(value) => value.place,
            None => {
                let value = Value {
                    place: NonNull::from(Box::leak(Box::new((self.init)()))).cast(),
                    // SAFETY: LOCAL: the place is a box of a `T`, as made here.
                    drop: |place| drop(unsafe { Box::from_raw(place.cast::<T>().as_ptr()) }),
                };
                slots[slot].set(Some(value));
                value.place
            }
        };
        // SAFETY: LOCAL: the slot of this static holds a `T`, which stays there until the thread
        // ends; nobody else reaches it, and nobody makes a `&mut` to it before.
        f(unsafe { value.cast::<T>().as_ref() }, cx)
    }

    /// Two threads that come first at the same time agree on one; then a number is left unused.
    #[cold]
    fn draw_slot(&self) -> usize {
        let drawn = USED.fetch_add(1, Ordering::Relaxed);
        assert!(
            (drawn as usize) < MAX_LOCALS,
            "an image has at most {MAX_LOCALS} thread-locals"
        );
        match self
            .slot
            .compare_exchange(0, drawn + 1, Ordering::Relaxed, Ordering::Relaxed)
        {
            Ok(_) => drawn as usize,
            Err(theirs) => theirs as usize - 1,
        }
    }
}

/// A thread's value of a static.
#[derive(Clone, Copy)]
struct Value {
    place: NonNull<()>,
    drop: unsafe fn(NonNull<()>),
}

type Slots = [Cell<Option<Value>>; MAX_LOCALS];

/// A thread's values: none before it first asks for one. Touched by the thread itself only.
pub(super) struct Locals(Cell<Option<&'static Slots>>);

impl Locals {
    pub const fn new() -> Self {
        Self(Cell::new(None))
    }

    #[inline]
    fn slots(&self) -> &'static Slots {
        self.0.get().unwrap_or_else(|| self.make())
    }

    #[cold]
    fn make(&self) -> &'static Slots {
        let slots: &Slots = Box::leak(Box::new([const { Cell::new(None) }; MAX_LOCALS]));
        self.0.set(Some(slots));
        slots
    }

    /// Drops them all, the oldest static's first. Called by the thread at its end.
    #[inline]
    pub fn destroy(&self) {
        if let Some(slots) = self.0.take() {
            destroy(slots);
        }
    }
}

#[cold]
fn destroy(slots: &'static Slots) {
    for value in slots.iter().filter_map(Cell::take) {
        // SAFETY: LOCAL: out of its slot, so nobody reaches it any more; no `with` is running, for
        // the thread is at its end and holds its only `TaskCx`.
        unsafe { (value.drop)(value.place) };
    }
    // SAFETY: LOCAL: `make` leaked it as a box; it is no thread's any more.
    drop(unsafe { Box::from_raw(core::ptr::from_ref(slots).cast_mut()) });
}
