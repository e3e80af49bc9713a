//! What a scenario has to itself: made when it begins, freed when it ends, and `'static` in between, as
//! queues and items must be. What that is, each scenario says.

use std::ptr::NonNull;

/// Something that lives as long as one execution of a model, or one schedule: `'static` as far as that
/// goes.
pub struct World<T: 'static>(NonNull<T>);

impl<T> World<T> {
    pub fn new(value: T) -> Self {
        Self(NonNull::from(Box::leak(Box::new(value))))
    }

    /// The thing itself, for code that runs before this `World` is dropped: a scenario joins all its
    /// threads before it ends.
    pub fn get(&self) -> &'static T {
        // SAFETY: freed by the drop only, and see above.
        unsafe { self.0.as_ref() }
    }
}

impl<T> Drop for World<T> {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            // SAFETY: the pointer is from `Box::leak`; all threads of the scenario have ended.
            drop(unsafe { Box::from_raw(self.0.as_ptr()) });
        }
    }
}
