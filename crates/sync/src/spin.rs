//! The spinlock with its data: a lock word, and what is masked while it is held.

use crate::context::{Masked, TaskAtomic};
use crate::cpu::Cpu;
use crate::facade::{AtomicU32, UnsafeCell};
use crate::mask::{IrqOff, Mask, NoMask, PreemptOff};
use crate::raw::{DefaultRaw, RawLock};
use crate::ticket::TicketLock;
use crate::watch::{QUIET, Since, Waiting, Watch};
use core::fmt;
use core::marker::PhantomData;
use core::mem::ManuallyDrop;
use core::ops::{Deref, DerefMut};

/// Data that one core at a time may touch.
///
/// `M` says what is masked while the lock is held and, by that, who may take it: see
/// [`crate::mask`]. `R` is the lock word: [`crate::ticket::TicketLock`], which serves in the
/// order of asking, unless another is named.
pub struct SpinLock<T: ?Sized, M: Mask, R: RawLock = DefaultRaw> {
    _mask: PhantomData<M>,
    inner: Inner<T, R>,
}

/// The lock apart from what it masks, so that a guard of another mask can hold it too.
struct Inner<T: ?Sized, R> {
    watch: Watch,
    raw: R,
    data: UnsafeCell<T>,
}

// SAFETY: LOCK-HELD. The data is reached through a guard only, one guard lives at a time, and it
// may be made on any core: so `T` is sent from core to core and never shared.
unsafe impl<T: ?Sized + Send, M: Mask, R: RawLock> Sync for SpinLock<T, M, R> {}
// SAFETY: as above; the lock owns its data.
unsafe impl<T: ?Sized + Send, M: Mask, R: RawLock> Send for SpinLock<T, M, R> {}

impl<T, M: Mask, R: RawLock> SpinLock<T, M, R> {
    /// A free lock around `value`.
    #[cfg(not(loom))]
    #[cfg_attr(feature = "classes", track_caller)]
    pub const fn new(value: T) -> Self {
        Self {
            _mask: PhantomData,
            inner: Inner {
                watch: Watch::new(),
                raw: R::FREE,
                data: UnsafeCell::new(value),
            },
        }
    }

    /// A free lock around `value`.
    #[cfg(loom)]
    pub fn new(value: T) -> Self {
        Self {
            _mask: PhantomData,
            inner: Inner {
                watch: Watch::new(),
                raw: R::free(),
                data: UnsafeCell::new(value),
            },
        }
    }

    /// The lock under a name of its own, for the reports of [`crate::stats`] and
    /// [`crate::order`]; builds without them forget it.
    pub const fn named(mut self, name: &'static str) -> Self {
        self.set_name(name);
        self
    }

    pub(crate) const fn set_name(&mut self, name: &'static str) {
        self.inner.watch.set_name(name);
    }

    /// The data of a lock that nobody else has.
    pub fn into_inner(self) -> T {
        self.inner.data.into_inner()
    }
}

impl<T: ?Sized, M: Mask, R: RawLock> SpinLock<T, M, R> {
    /// Takes the lock, waiting for its turn with what `M` masks already masked.
    ///
    /// A core that takes a lock which it holds waits for ever.
    #[inline(always)]
    #[cfg_attr(any(debug_assertions, feature = "check"), track_caller)]
    pub fn lock<'a>(&'a self, cx: impl Into<M::Token<'a>>) -> SpinGuard<'a, T, M, R> {
        let _ = cx.into();
        // SAFETY: MASK-TOKEN; the token was shown.
        unsafe { self.inner.lock() }
    }

    /// Takes the lock if it is free. Never waits.
    #[inline(always)]
    #[cfg_attr(any(debug_assertions, feature = "check"), track_caller)]
    pub fn try_lock<'a>(&'a self, cx: impl Into<M::Token<'a>>) -> Option<SpinGuard<'a, T, M, R>> {
        let _ = cx.into();
        // SAFETY: MASK-TOKEN; the token was shown.
        unsafe { self.inner.try_lock() }
    }

    /// The data, through the only reference to the lock. Takes no lock.
    pub fn get_mut(&mut self) -> &mut T {
        // SAFETY: LOCK-HELD: `&mut self` is the only way to the lock.
        self.inner.data.with_mut(|p| unsafe { &mut *p })
    }

    /// Whether someone holds it now. For reports only: it may change at once.
    pub fn is_locked(&self) -> bool {
        self.inner.raw.is_locked()
    }

    /// Gives back a lock whose guard was forgotten, for a scheduler that hands a held lock over
    /// a context switch. Masks and unmasks nothing.
    ///
    /// # Safety
    ///
    /// Invariant **LOCK-HELD**: the lock is held, its guard was given to [`core::mem::forget`],
    /// and nobody uses the data any more. What the guard masked is the caller's to unmask.
    #[inline(always)]
    pub unsafe fn force_unlock(&self) {
        let watch = &self.inner.watch;
        let end = watch.gives_back::<M::Cpu>(self.inner.word(), watch.since());
        // SAFETY: LOCK-HELD, by the caller's promise.
        unsafe { self.inner.raw.release::<M::Cpu>(self.inner.raw.held()) }
        end.report::<M::Cpu>();
    }

    /// [`force_unlock`](SpinLock::force_unlock) by whoever kept what
    /// [`force_lock`](SpinLock::force_lock) gave, which saves asking the lock.
    ///
    /// # Safety
    ///
    /// As there; and `held` is what `force_lock` returned for this hold.
    #[inline(always)]
    pub unsafe fn force_unlock_held(&self, held: R::Held) {
        let watch = &self.inner.watch;
        let end = watch.gives_back::<M::Cpu>(self.inner.word(), watch.since());
        // SAFETY: LOCK-HELD, by the caller's promise.
        unsafe { self.inner.raw.release::<M::Cpu>(held) }
        end.report::<M::Cpu>();
    }

    /// Takes the lock without a guard, for the same: [`force_unlock`](SpinLock::force_unlock)
    /// answers it. Masks nothing. What it returns is for
    /// [`force_unlock_held`](SpinLock::force_unlock_held), and may be forgotten.
    ///
    /// # Safety
    ///
    /// Invariant **MASK-TOKEN**: what `M` masks is masked until the lock has been given back.
    #[inline(always)]
    #[cfg_attr(any(debug_assertions, feature = "check"), track_caller)]
    pub unsafe fn force_lock(&self) -> R::Held {
        self.inner.take::<M::Cpu>().0
    }

    /// [`force_lock`](SpinLock::force_lock), if the lock is free.
    ///
    /// # Safety
    ///
    /// As there.
    #[inline(always)]
    #[cfg_attr(any(debug_assertions, feature = "check"), track_caller)]
    pub unsafe fn try_force_lock(&self) -> Option<R::Held> {
        let held = self.inner.raw.try_acquire()?;
        let _ = self.inner.watch.tried::<M::Cpu>(self.inner.word());
        Some(held)
    }

    /// The lock word itself.
    ///
    /// # Safety
    ///
    /// Whoever takes the lock by its word has shown no token: invariant **MASK-TOKEN** is then
    /// the caller's to keep.
    pub unsafe fn raw(&self) -> &R {
        &self.inner.raw
    }

    /// The data, while no one else can have it.
    #[cfg(not(loom))]
    pub fn as_ptr(&self) -> *mut T {
        self.inner.data.get()
    }
}

impl<T: ?Sized, M: Mask> SpinLock<T, M, TicketLock> {
    /// The store that gives the lock back, to be done later by machine code that has left the
    /// holder's stack: with release, of the number to the word. `None` in a build that watches its
    /// locks: there [`force_unlock`](SpinLock::force_unlock) has to be called.
    #[inline(always)]
    pub fn release_by_store(&self, held: u32) -> Option<(&AtomicU32, u32)> {
        QUIET.then(|| self.inner.raw.release_by_store(held))
    }
}

impl<T: ?Sized, C: Cpu, R: RawLock> SpinLock<T, IrqOff<C>, R> {
    /// Takes the lock where interrupts are masked already: neither masks nor restores, which is
    /// three instructions less on an Arm core.
    #[inline(always)]
    #[cfg_attr(any(debug_assertions, feature = "check"), track_caller)]
    pub fn lock_masked<'a>(&'a self, _: Masked<'a>) -> SpinGuard<'a, T, NoMask<C>, R> {
        // SAFETY: MASK-TOKEN; `Masked` is what `NoMask` asks for.
        unsafe { self.inner.lock() }
    }

    /// Takes the lock if it is free, where interrupts are masked already.
    #[inline(always)]
    #[cfg_attr(any(debug_assertions, feature = "check"), track_caller)]
    pub fn try_lock_masked<'a>(&'a self, _: Masked<'a>) -> Option<SpinGuard<'a, T, NoMask<C>, R>> {
        // SAFETY: MASK-TOKEN; `Masked` is what `NoMask` asks for.
        unsafe { self.inner.try_lock() }
    }
}

impl<T: ?Sized, R: RawLock> Inner<T, R> {
    /// What the run-time check knows the lock by.
    #[inline(always)]
    fn word(&self) -> *const () {
        core::ptr::from_ref(&self.raw).cast()
    }

    /// Takes the lock word, and says so to whoever watches.
    #[inline(always)]
    #[cfg_attr(any(debug_assertions, feature = "check"), track_caller)]
    fn take<C: Cpu>(&self) -> (R::Held, Since) {
        self.watch.take::<C, _>(
            self.word(),
            || self.raw.try_acquire(),
            || self.raw.acquire::<Waiting<C>>(),
        )
    }

    /// # Safety
    ///
    /// Invariant **MASK-TOKEN**: the caller has a `M::Token<'a>`.
    #[inline(always)]
    #[cfg_attr(any(debug_assertions, feature = "check"), track_caller)]
    unsafe fn lock<'a, M: Mask>(&'a self) -> SpinGuard<'a, T, M, R> {
        let state = M::enter();
        let (held, since) = self.take::<M::Cpu>();
        SpinGuard {
            lock: self,
            state,
            held,
            since,
            _here: PhantomData,
        }
    }

    /// # Safety
    ///
    /// Invariant **MASK-TOKEN**: the caller has a `M::Token<'a>`.
    #[inline(always)]
    #[cfg_attr(any(debug_assertions, feature = "check"), track_caller)]
    unsafe fn try_lock<'a, M: Mask>(&'a self) -> Option<SpinGuard<'a, T, M, R>> {
        let state = M::enter();
        if let Some(held) = self.raw.try_acquire() {
            Some(SpinGuard {
                lock: self,
                state,
                held,
                since: self.watch.tried::<M::Cpu>(self.word()),
                _here: PhantomData,
            })
        } else {
            // SAFETY: MASK-PAIR; `state` is from the `enter` above.
            unsafe { M::leave(state) };
            None
        }
    }
}

#[must_use = "the lock is given back when the guard is dropped"]
/// The right to the data of a [`SpinLock`]; gives the lock back when dropped.
///
/// It belongs to the core that took the lock:
///
/// ```compile_fail,E0277
/// # use layercake_sync::{PreemptOff, SpinGuard, host::StdCpu};
/// fn thread(guard: SpinGuard<'_, u32, PreemptOff<StdCpu>>) {
///     std::thread::scope(|scope| {
///         scope.spawn(move || drop(guard)); // error: `*mut ()` cannot be sent
///     });
/// }
/// ```
pub struct SpinGuard<'a, T: ?Sized, M: Mask, R: RawLock = DefaultRaw> {
    lock: &'a Inner<T, R>,
    state: M::State,
    held: R::Held,
    since: Since,
    _here: PhantomData<*mut ()>,
}

impl<T: ?Sized, M: Mask, R: RawLock> SpinGuard<'_, T, M, R> {
    /// The data and the context inside, both at once: for a nested lock whose data and these are
    /// used together.
    #[inline(always)]
    pub fn split(&mut self) -> (&mut T, M::Inner<'_>) {
        // SAFETY: LOCK-HELD: the guard is the only one, and borrowed mutably. MASK-PAIR: it
        // lives for the borrow, and by the borrow this is its one token.
        unsafe { (self.lock.data.with_mut(|p| &mut *p), M::inner()) }
    }
}

impl<T: ?Sized, C: Cpu, R: RawLock> SpinGuard<'_, T, PreemptOff<C>, R> {
    /// The context inside: what nested locks take. There is one at a time, hence `&mut`; see
    /// [`split`](SpinGuard::split) for the data beside it.
    #[inline(always)]
    pub fn atomic(&mut self) -> TaskAtomic<'_> {
        self.split().1
    }
}

impl<T: ?Sized, C: Cpu, R: RawLock> SpinGuard<'_, T, IrqOff<C>, R> {
    /// Gives the lock back and leaves interrupts masked: for whoever has more to do before they
    /// come on, which is its business now, by [`Cpu::irq_restore`] of what this returns.
    #[inline(always)]
    #[must_use = "interrupts stay masked"]
    pub fn unlock_masked(self) -> C::IrqState {
        let guard = ManuallyDrop::new(self);
        let word = guard.lock.word();
        let end = guard.lock.watch.gives_back::<C>(word, guard.since);
        // SAFETY: LOCK-HELD: this guard took it, and gives it back once, as it is not dropped.
        unsafe { guard.lock.raw.release::<C>(guard.held) }
        end.report::<C>();
        guard.state
    }

    /// The context inside: what nested locks take.
    #[inline(always)]
    pub fn atomic(&self) -> Masked<'_> {
        // SAFETY: MASK-PAIR; the guard lives for the borrow.
        unsafe { IrqOff::<C>::inner() }
    }
}

impl<T: ?Sized, C: Cpu, R: RawLock> SpinGuard<'_, T, NoMask<C>, R> {
    /// The context inside: what nested locks take.
    #[inline(always)]
    pub fn atomic(&self) -> Masked<'_> {
        // SAFETY: MASK-PAIR; the guard lives for the borrow.
        unsafe { NoMask::<C>::inner() }
    }
}

impl<T: ?Sized, M: Mask, R: RawLock> Deref for SpinGuard<'_, T, M, R> {
    type Target = T;
    #[inline(always)]
    fn deref(&self) -> &T {
        // SAFETY: LOCK-HELD: the guard is the only one.
        self.lock.data.with(|p| unsafe { &*p })
    }
}

impl<T: ?Sized, M: Mask, R: RawLock> DerefMut for SpinGuard<'_, T, M, R> {
    #[inline(always)]
    fn deref_mut(&mut self) -> &mut T {
        // SAFETY: LOCK-HELD: the guard is the only one, and borrowed mutably.
        self.lock.data.with_mut(|p| unsafe { &mut *p })
    }
}

impl<T: ?Sized, M: Mask, R: RawLock> Drop for SpinGuard<'_, T, M, R> {
    #[inline(always)]
    fn drop(&mut self) {
        let word = self.lock.word();
        let end = self.lock.watch.gives_back::<M::Cpu>(word, self.since);
        // SAFETY: LOCK-HELD and MASK-PAIR: this guard took both, and gives both back once.
        unsafe {
            self.lock.raw.release::<M::Cpu>(self.held);
            M::leave(self.state);
        }
        end.report::<M::Cpu>();
    }
}

impl<T: Default, M: Mask, R: RawLock> Default for SpinLock<T, M, R> {
    #[cfg_attr(feature = "classes", track_caller)]
    fn default() -> Self {
        Self::new(T::default())
    }
}

// The data is not shown: there is no token here to take the lock with.
impl<T: ?Sized, M: Mask, R: RawLock> fmt::Debug for SpinLock<T, M, R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SpinLock")
            .field("locked", &self.is_locked())
            .finish_non_exhaustive()
    }
}

impl<T: ?Sized + fmt::Debug, M: Mask, R: RawLock> fmt::Debug for SpinGuard<'_, T, M, R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&**self, f)
    }
}
