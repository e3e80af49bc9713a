//! Scopes: items on the stack, and data that lives no longer than a call.
//!
//! A scope is the owner's side of such an item (see [`crate::owner`]): the reference that the queue
//! holds while the item is busy is a count in the scope, and the scope's end waits for that to be
//! zero. It ends within [`WorkQueue::scope`], so that nobody can forget to wait: not by an early
//! return, nor by a panic, nor by `mem::forget`.

use crate::cycle::{self, WouldDeadlock};
use crate::mutant::mutant;
use crate::owner::Release;
use crate::queue::{Queued, WorkQueue};
use crate::work::Work;
use core::fmt;
use core::marker::PhantomData;
use core::ptr::{self, NonNull};
use core::sync::atomic::Ordering::{Acquire, Relaxed, Release as Publish};
use layercake_sync::TaskCx;
use layercake_sync::facade::AtomicUsize;
use layercake_wait::Host;

/// What [`WorkQueue::scope`] lends: the right to queue items that live as long as `'scope`.
pub struct Scope<'scope, 'env: 'scope, H: Host> {
    queue: &'static WorkQueue<H>,
    /// How many items are busy on behalf of this scope.
    busy: AtomicUsize,
    /// Neither lifetime may be made longer or shorter, or an item could end before the scope.
    _scope: PhantomData<&'scope mut &'scope ()>,
    _env: PhantomData<&'env mut &'env ()>,
}

impl<H: Host> WorkQueue<H> {
    /// Runs `f`, which may queue items here that live on the caller's stack or borrow from it, and
    /// waits until all of them are idle. Returns what `f` did.
    ///
    /// It waits however `f` ends, by a panic too. An item that queues or delays itself again is
    /// waited for until it stops that. If nobody works on this queue, it waits for ever.
    ///
    /// ```
    /// # #[cfg(not(loom))] {
    /// use layercake_wait::host::std::{StdHost, enter, spawn};
    /// use layercake_work::{Running, Work, WorkQueue};
    /// use std::sync::atomic::{AtomicU32, Ordering};
    ///
    /// static QUEUE: WorkQueue<StdHost> = WorkQueue::new("sums");
    /// let worker = spawn(|cx| QUEUE.run_worker(cx));
    /// enter(|cx| {
    ///     let (numbers, sum) = ([1, 2, 3, 4], AtomicU32::new(0));
    ///     let add = |run: &Running<'_, StdHost, (&[u32], &AtomicU32)>, _: &mut _| {
    ///         run.1.fetch_add(run.0.iter().sum(), Ordering::Relaxed);
    ///     };
    ///     let low = Work::with_data("low", (&numbers[..2], &sum), add);
    ///     let high = Work::with_data("high", (&numbers[2..], &sum), add);
    ///     QUEUE
    ///         .scope(cx, |scope, _| {
    ///             assert!(scope.queue(&low).accepted());
    ///             assert!(scope.queue(&high).accepted());
    ///         })
    ///         .unwrap();
    ///     assert_eq!(sum.load(Ordering::Relaxed), 10);
    /// });
    /// QUEUE.close();
    /// worker.join().unwrap();
    /// # }
    /// ```
    ///
    /// What could dangle does not compile: an item on the stack that is queued without a scope,
    ///
    /// ```compile_fail,E0597
    /// # use layercake_wait::host::std::StdHost;
    /// # use layercake_work::{Work, WorkQueue};
    /// static QUEUE: WorkQueue<StdHost> = WorkQueue::new("queue");
    /// let item = Work::new("on the stack", |_, _| {});
    /// let _ = QUEUE.queue(&item);
    /// ```
    ///
    /// and one that ends before the scope does.
    ///
    /// ```compile_fail,E0597
    /// # use layercake_wait::host::std::{StdHost, enter};
    /// # use layercake_work::{Work, WorkQueue};
    /// static QUEUE: WorkQueue<StdHost> = WorkQueue::new("queue");
    /// enter(|cx| {
    ///     QUEUE.scope(cx, |scope, _| {
    ///         let item = Work::new("too short", |_, _| {});
    ///         let _ = scope.queue(&item);
    ///     })
    /// });
    /// ```
    ///
    /// # Errors
    ///
    /// [`WouldDeadlock`] when called by an item that runs on this queue, if no other worker could
    /// run what it queues; `f` is not called then. A cycle through the ends of several scopes is not
    /// seen.
    pub fn scope<'env, R>(
        &'static self,
        cx: &mut TaskCx,
        f: impl for<'scope> FnOnce(&'scope Scope<'scope, 'env, H>, &mut TaskCx) -> R,
    ) -> Result<R, WouldDeadlock> {
        /// Waits, in a panic too.
        struct End<'a, 'scope, 'env, H: Host>(&'a Scope<'scope, 'env, H>);
        impl<H: Host> Drop for End<'_, '_, '_, H> {
            fn drop(&mut self) {
                let Scope { queue, busy, .. } = self.0;
                // SAFETY: CX-TASK: `scope` borrows the thread's own, and `f` is done with it.
                let mut cx = unsafe { TaskCx::new() };
                queue.done.wait_until(&mut cx, |_| {
                    // Acquire: what the runs did is the caller's, and he may free the items.
                    (busy.load(Acquire) == 0 || mutant!(ScopeDoesNotWait)).then_some(())
                });
            }
        }

        cycle::check_own_worker(self, cx)?;
        let scope = Scope {
            queue: self,
            busy: AtomicUsize::new(0),
            _scope: PhantomData,
            _env: PhantomData,
        };
        let end = End(&scope);
        let result = f(end.0, cx);
        drop(end);
        Ok(result)
    }
}

impl<'scope, H: Host> Scope<'scope, '_, H> {
    /// Queues `work` on the scope's queue; see [`WorkQueue::queue`]. If it was idle, the end of the
    /// scope waits until it is so again. Any context; O(1).
    ///
    /// An item that is busy on somebody else's behalf is not waited for, as it is that one's.
    pub fn queue<T: Send + Sync + 'scope>(&'scope self, work: &'scope Work<H, T>) -> Queued {
        // SAFETY: OWNED, 1 and 2: it is borrowed for as long as the scope; and the scope does not
        // end before the reference that `retain` takes is given up.
        unsafe {
            self.queue
                .enqueue(NonNull::from(work).cast(), || Some(self.retain()))
        }
    }

    fn retain(&self) -> Release {
        /// One item is idle again.
        unsafe fn release<H: Host>(scope: *const ()) {
            // SAFETY: OWNED, 2: the scope waits for the step below.
            let scope = unsafe { &*scope.cast::<Scope<'static, 'static, H>>() };
            // Read before that step: it is the last touch of the scope.
            let queue = scope.queue;
            // Release: the scope's end sees what the run did.
            if scope.busy.fetch_sub(1, Publish) == 1 {
                queue.done.wake_all();
            }
        }
        self.busy.fetch_add(1, Relaxed);
        // SAFETY: OWNED, 2: the scope waits for it, on whatever thread it is called.
        unsafe { Release::new(release::<H>, ptr::from_ref(self).cast()) }
    }
}

impl<H: Host> fmt::Debug for Scope<'_, '_, H> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Scope")
            .field("queue", &self.queue.name())
            .field("busy", &self.busy.load(Relaxed))
            .finish()
    }
}
