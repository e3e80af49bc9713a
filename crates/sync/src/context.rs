//! Contexts: what code may do where it runs, as types that the compiler checks.
//!
//! A token has no size and no run-time cost; it is proof. This file holds the proofs and the
//! ways from one to another. What a lock demands of its caller is in [`crate::mask`].
//!
//! | token | says | made from | how many |
//! |---|---|---|---|
//! | [`TaskCx`] | a thread that may sleep | the kernel, once for each thread | one |
//! | [`TaskAtomic`] | a thread, but it must not sleep now | `&mut TaskCx`, a [`PreemptOff`] guard | one at a time |
//! | [`Atomic`] | anywhere; must not sleep | any of the others | one at a time |
//! | [`IrqCx`] | an interrupt handler | the kernel, once for each interrupt | `Copy` |
//! | [`Pinned`] | a thread that nothing takes off its core | [`preempt_off`] | `Copy` |
//! | [`Masked`] | interrupts are masked on this core | `IrqCx`, an [`IrqOff`] guard, [`irq_off`] | `Copy` |
//!
//! Each token keeps what it came from borrowed, and every blocking call takes `&mut TaskCx`: so
//! the compiler refuses to sleep as long as one of them is alive.
//!
//! # Why two of them cannot be copied
//!
//! A guard that masks interrupts puts back, when it goes, what it found. Two such guards taken
//! side by side and dropped in the wrong order would unmask interrupts under the one that is
//! left. A count for each core would prevent it at the price of seven instructions a lock. Here
//! the borrow checker does: [`TaskAtomic`] and [`Atomic`], with which masking begins, are used
//! up by the lock that takes them, and lent again only by its guard (or by
//! [`TaskAtomic::reborrow`], until the guard goes). So guards that change what is masked nest as
//! borrows do. Where interrupts are masked already nothing changes, so [`Masked`] is `Copy` and
//! guards made of it go in any order.
//!
//! [`PreemptOff`]: crate::PreemptOff
//! [`IrqOff`]: crate::IrqOff
//! [`irq_off`]: crate::irq_off
//! [`preempt_off`]: crate::preempt_off

use core::marker::PhantomData;

/// Not `Send`, not `Sync`: a context belongs to the thread or handler that it was given to.
type Here = PhantomData<*mut ()>;

/// The running thread's right to sleep.
///
/// A thread's entry function gets `&mut TaskCx` and passes it on to whatever may block. It
/// cannot be given to another thread:
///
/// ```compile_fail,E0277
/// # use layercake_sync::TaskCx;
/// fn thread(cx: &mut TaskCx) {
///     std::thread::scope(|scope| {
///         scope.spawn(move || drop(cx)); // error: `*mut ()` cannot be sent between threads safely
///     });
/// }
/// ```
#[derive(Debug)]
pub struct TaskCx {
    _here: Here,
}

impl TaskCx {
    /// Makes the right to sleep.
    ///
    /// # Safety
    ///
    /// Invariant **CX-TASK**: the caller runs in a thread, with no spinlock held, outside of any
    /// interrupt handler and with interrupts and preemption on; and no other `TaskCx` of this
    /// thread is in use while this one is.
    pub const unsafe fn new() -> Self {
        Self { _here: PhantomData }
    }

    /// Gives up the right to sleep for `'a`, in exchange for the right to take locks.
    #[inline(always)]
    pub fn atomic(&mut self) -> TaskAtomic<'_> {
        TaskAtomic {
            _cx: PhantomData,
            _here: PhantomData,
        }
    }
}

/// A thread that must not sleep for `'a`. Not an interrupt handler, and interrupts are on.
///
/// Not `Copy`; a lock uses it up. Lend it with [`reborrow`](TaskAtomic::reborrow) or `&mut` to
/// use it again when the guard has gone.
#[derive(Debug)]
pub struct TaskAtomic<'a> {
    _cx: PhantomData<&'a mut ()>,
    _here: Here,
}

impl TaskAtomic<'_> {
    /// Asserts that the caller is a thread that will not sleep for `'a`.
    ///
    /// # Safety
    ///
    /// Invariant **CX-ATOMIC**: this thread does not sleep from here to the end of `'a`; no
    /// guard that is older than this token and masks something goes in that time; the caller is
    /// not an interrupt handler, and interrupts are on.
    #[inline(always)]
    pub const unsafe fn assume() -> Self {
        Self {
            _cx: PhantomData,
            _here: PhantomData,
        }
    }

    /// Lends the token for a shorter time.
    #[inline(always)]
    pub fn reborrow(&mut self) -> TaskAtomic<'_> {
        TaskAtomic {
            _cx: PhantomData,
            _here: PhantomData,
        }
    }
}

/// Somewhere that must not sleep: a thread that gave it up, or an interrupt handler.
///
/// Not `Copy`, as [`TaskAtomic`].
#[derive(Debug)]
pub struct Atomic<'a> {
    _cx: PhantomData<&'a mut ()>,
    _here: Here,
}

impl Atomic<'_> {
    /// Asserts that the caller will not sleep for `'a`, wherever it runs.
    ///
    /// # Safety
    ///
    /// Invariant **CX-ATOMIC**: whoever runs here does not sleep from here to the end of `'a`,
    /// and no guard that is older than this token and masks something goes in that time. A
    /// function that takes a lock and gives it back before it returns, calling no closure of
    /// others in between, keeps both.
    #[inline(always)]
    pub const unsafe fn assume() -> Self {
        Self {
            _cx: PhantomData,
            _here: PhantomData,
        }
    }

    /// Lends the token for a shorter time.
    #[inline(always)]
    pub fn reborrow(&mut self) -> Atomic<'_> {
        Atomic {
            _cx: PhantomData,
            _here: PhantomData,
        }
    }
}

/// A thread that stays on its core for `'a`, with preemption off. Interrupts may come.
///
/// It opens per-CPU data that only threads touch. It takes no lock: [`crate::preempt_off`] gives
/// a [`TaskAtomic`] beside it.
#[derive(Clone, Copy, Debug)]
pub struct Pinned<'a> {
    _cx: PhantomData<&'a mut ()>,
    _here: Here,
}

impl Pinned<'_> {
    /// Asserts that this thread stays on its core for `'a`.
    ///
    /// # Safety
    ///
    /// Invariant **CX-PINNED**: the caller is a thread; from here to the end of `'a` preemption
    /// is off and it does not sleep.
    #[inline(always)]
    pub const unsafe fn assume() -> Self {
        Self {
            _cx: PhantomData,
            _here: PhantomData,
        }
    }
}

/// Interrupts are masked on this core for `'a`, and nothing sleeps on it.
#[derive(Clone, Copy, Debug)]
pub struct Masked<'a> {
    _cx: PhantomData<&'a mut ()>,
    _here: Here,
}

impl Masked<'_> {
    /// Asserts that interrupts stay masked for `'a`.
    ///
    /// # Safety
    ///
    /// Invariant **CX-MASKED**: interrupts are masked on this core from here to the end of `'a`,
    /// and nothing sleeps on it.
    #[inline(always)]
    pub const unsafe fn assume() -> Self {
        Self {
            _cx: PhantomData,
            _here: PhantomData,
        }
    }
}

/// An interrupt handler, for `'a`. Interrupts are masked as long as it runs.
#[derive(Clone, Copy, Debug)]
pub struct IrqCx<'a> {
    _cx: PhantomData<&'a mut ()>,
    _here: Here,
}

impl IrqCx<'_> {
    /// Makes the context of an interrupt handler.
    ///
    /// # Safety
    ///
    /// Invariant **CX-IRQ**: the caller is the kernel's interrupt entry; interrupts are masked on
    /// this core from here to the end of `'a`.
    #[inline(always)]
    pub const unsafe fn new() -> Self {
        Self {
            _cx: PhantomData,
            _here: PhantomData,
        }
    }
}

/// One safe way from a token to another: no more can be done with the second than with the first.
macro_rules! gives {
    ($($from:ty => $to:ident),* $(,)?) => {$(
        impl<'a> From<$from> for $to<'a> {
            #[inline(always)]
            fn from(_: $from) -> Self {
                Self {
                    _cx: PhantomData,
                    _here: PhantomData,
                }
            }
        }
    )*};
}

gives! {
    &'a mut TaskCx => TaskAtomic,
    &'a mut TaskAtomic<'_> => TaskAtomic,
    &'a mut TaskCx => Atomic,
    TaskAtomic<'a> => Atomic,
    &'a mut TaskAtomic<'_> => Atomic,
    &'a mut Atomic<'_> => Atomic,
    Masked<'a> => Atomic,
    IrqCx<'a> => Atomic,
    IrqCx<'a> => Masked,
}
