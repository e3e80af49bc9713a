//! Waiting for a future in a thread: the waker is the thread's own handle.

use crate::host::Host;
use core::future::Future;
use core::marker::PhantomData;
use core::mem::ManuallyDrop;
use core::pin::pin;
use core::task::{Context, Poll, RawWaker, RawWakerVTable, Waker};
use layercake_sync::TaskCx;

/// A host whose handles fit into one word, which is all that a waker carries.
///
/// A kernel whose handles are `&'static Thread` returns that as a pointer.
///
/// # Safety
///
/// Invariant **HANDLE-WORD**. `from_word` of what `into_word` returned is the same handle; both
/// may be called from the contexts of [`Host::unpark`] and do neither more than that may.
pub unsafe trait WordHandle: Host {
    /// The handle as a word; whoever has the word owns the handle.
    fn into_word(task: Self::Task) -> *const ();

    /// The handle of a word.
    ///
    /// # Safety
    ///
    /// HANDLE-WORD: `word` comes from [`into_word`](Self::into_word), and no other handle was
    /// made of it that is or will be dropped.
    unsafe fn from_word(word: *const ()) -> Self::Task;

    /// The handle of a word that goes on owning it. To be overridden where
    /// [`from_word`](Self::from_word) frees something.
    ///
    /// # Safety
    ///
    /// HANDLE-WORD: `word` comes from [`into_word`](Self::into_word), and its handle is not
    /// dropped before what this returns is.
    unsafe fn lend_word(word: *const ()) -> ManuallyDrop<Self::Task> {
        // SAFETY: HANDLE-WORD: never dropped, by the wrapper.
        ManuallyDrop::new(unsafe { Self::from_word(word) })
    }
}

/// Blocks until `future` is ready; returns what it returned.
///
/// Polls it on this thread, and parks in between. Its waker is the thread's handle: it allocates
/// nothing, may be used from any context, and outlives the call without harm, when waking does
/// nothing but make some park of the thread return early.
///
/// ```
/// # #[cfg(all(feature = "std-host", not(loom)))] {
/// use layercake_wait::{block_on, host::std::{enter, StdHost}};
///
/// let sum = async { 1 + 1 };
/// assert_eq!(enter(|cx| block_on::<StdHost, _>(cx, sum)), 2);
/// # }
/// ```
///
/// While it is polled the future may not use `cx`: it does not block, it says that it is not
/// ready.
pub fn block_on<H: WordHandle, F: Future>(cx: &mut TaskCx, future: F) -> F::Output {
    let mut future = pin!(future);
    let waker = waker_of::<H>(H::current());
    let mut context = Context::from_waker(&waker);
    loop {
        match future.as_mut().poll(&mut context) {
            Poll::Ready(value) => return value,
            Poll::Pending => {
                H::blocked_on("future");
                // The permit is sticky: a wake since the poll ends this at once.
                H::park(cx, None);
            }
        }
    }
}

/// A waker that unparks `task`.
pub fn waker_of<H: WordHandle>(task: H::Task) -> Waker {
    let raw = RawWaker::new(H::into_word(task), VTable::<H>::TABLE);
    // SAFETY: HANDLE-WORD. The functions below keep `RawWaker`'s contract: each word is one handle,
    // which `wake` and `drop` use up and the others leave; handles are `Send` and `Sync`.
    unsafe { Waker::from_raw(raw) }
}

struct VTable<H>(PhantomData<H>);

impl<H: WordHandle> VTable<H> {
    const TABLE: &'static RawWakerVTable =
        &RawWakerVTable::new(Self::clone, Self::wake, Self::wake_by_ref, Self::drop);

    unsafe fn clone(word: *const ()) -> RawWaker {
        // SAFETY: HANDLE-WORD, by the caller's promise: `word` is a waker's.
        let task = unsafe { H::lend_word(word) };
        RawWaker::new(H::into_word(H::Task::clone(&task)), Self::TABLE)
    }

    unsafe fn wake(word: *const ()) {
        // SAFETY: HANDLE-WORD: the waker is used up, and the handle dropped here.
        H::unpark(&unsafe { H::from_word(word) });
    }

    unsafe fn wake_by_ref(word: *const ()) {
        // SAFETY: HANDLE-WORD, as in `clone`.
        let task = unsafe { H::lend_word(word) };
        H::unpark(&task);
    }

    unsafe fn drop(word: *const ()) {
        // SAFETY: HANDLE-WORD, as in `wake`.
        core::mem::drop(unsafe { H::from_word(word) });
    }
}
