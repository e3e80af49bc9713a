//! What a thread runs and what it returned: one allocation, of whatever types they are.

use crate::sync::TaskCx;
use alloc::boxed::Box;
use core::mem::ManuallyDrop;
use core::ptr::NonNull;

/// First the function, then, in the same place, its value.
#[repr(C)]
union Place<F, T> {
    function: ManuallyDrop<F>,
    value: ManuallyDrop<T>,
}

/// A [`Place`] whose types only its `kind` knows. A copy of it is no second place: who does what
/// with it says the invariant BODY.
#[derive(Clone, Copy)]
pub(super) struct Body {
    place: NonNull<()>,
    kind: &'static Kind,
}

struct Kind {
    run: unsafe fn(NonNull<()>, &mut TaskCx),
    drop_value: unsafe fn(NonNull<()>),
    free: unsafe fn(NonNull<()>),
}

struct Of<F, T>(F, T);

impl<T, F: FnOnce(&mut TaskCx) -> T> Of<F, T> {
    const KIND: Kind = Kind {
        run: |place, cx| {
            let place = place.cast::<Place<F, T>>().as_ptr();
            // SAFETY: BODY: the place holds the function, and is the caller's.
            let function = unsafe { ManuallyDrop::take(&mut (*place).function) };
            let value = ManuallyDrop::new(function(cx));
            // SAFETY: as above; the function has moved out.
            unsafe { place.write(Place { value }) }
        },
        drop_value: |place| {
            // SAFETY: BODY: the place holds the value, and is the caller's.
            unsafe { ManuallyDrop::drop(&mut (*place.cast::<Place<F, T>>().as_ptr()).value) }
        },
        free: |place| {
            // SAFETY: BODY: `Body::new` made it as a box of this type; a union drops nothing.
            drop(unsafe { Box::from_raw(place.cast::<Place<F, T>>().as_ptr()) });
        },
    };
}

impl Body {
    /// A place with `function` in it. Allocates, unless neither function nor value has a size.
    pub fn new<T, F: FnOnce(&mut TaskCx) -> T>(function: F) -> Self {
        let function = ManuallyDrop::new(function);
        let place = Box::leak(Box::new(Place::<F, T> { function }));
        Self {
            place: NonNull::from(place).cast(),
            kind: &Of::<F, T>::KIND,
        }
    }

    /// Calls the function and puts its value in its place.
    ///
    /// # Safety
    ///
    /// Invariant **BODY**: of all copies one is used at a time, by the thread until it is DONE and
    /// by its handle from then on (or still by the thread, if there is none); and the place holds
    /// what the call says: here the function.
    pub unsafe fn run(self, cx: &mut TaskCx) {
        // SAFETY: BODY, by the caller's promise.
        unsafe { (self.kind.run)(self.place, cx) }
    }

    /// Takes the value out.
    ///
    /// # Safety
    ///
    /// BODY; the place holds a value, of type `T`.
    pub unsafe fn take<T>(self) -> T {
        // SAFETY: BODY, by the caller's promise; every `Place` begins with what it holds.
        unsafe { self.place.cast::<T>().read() }
    }

    /// Drops the value.
    ///
    /// # Safety
    ///
    /// BODY; the place holds a value.
    pub unsafe fn drop_value(self) {
        // SAFETY: BODY, by the caller's promise.
        unsafe { (self.kind.drop_value)(self.place) }
    }

    /// Gives the memory back; nothing that is in it is dropped.
    ///
    /// # Safety
    ///
    /// BODY; and no copy is used afterwards.
    pub unsafe fn free(self) {
        // SAFETY: BODY, by the caller's promise.
        unsafe { (self.kind.free)(self.place) }
    }
}
