//! Contexts: what code may do where it runs, as types that the compiler checks.
//!
//! A token has no size and no run-time cost; it is proof. This file holds the proofs and the
//! ways from one to another. What a lock demands of its caller is in [`crate::mask`].
//!
//! | token | says | made from |
//! |---|---|---|
//! | [`TaskCx`] | a thread that may sleep | the kernel, once for each thread |
//! | [`TaskAtomic`] | a thread, but it must not sleep now | `&mut TaskCx`, the guard of a lock |
//! | [`IrqCx`] | an interrupt handler | the kernel, once for each interrupt |
//! | [`Masked`] | interrupts are masked on this core | `IrqCx`, the guard of an IRQ-safe lock |
//! | [`Atomic`] | anywhere; must not sleep | any of the others |
//!
//! `TaskAtomic<'a>`, `Masked<'a>` and `Atomic<'a>` keep the `TaskCx` that they came from
//! borrowed for `'a`, and every blocking call takes `&mut TaskCx`: so the compiler refuses to
//! sleep as long as one of them is alive.

use core::marker::PhantomData;

/// Not `Send`, not `Sync`: a context belongs to the thread or handler that it was given to.
type Here = PhantomData<*mut ()>;

/// The running thread's right to sleep.
///
/// A thread's entry function gets `&mut TaskCx` and passes it on to whatever may block.
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
    pub fn atomic(&mut self) -> TaskAtomic<'_> {
        TaskAtomic {
            _cx: PhantomData,
            _here: PhantomData,
        }
    }
}

/// A thread that must not sleep for `'a`. Not an interrupt handler.
#[derive(Clone, Copy, Debug)]
pub struct TaskAtomic<'a> {
    _cx: PhantomData<&'a mut ()>,
    _here: Here,
}

impl TaskAtomic<'_> {
    /// Asserts that the caller is a thread that will not sleep for `'a`.
    ///
    /// # Safety
    ///
    /// Invariant **CX-ATOMIC**: nothing sleeps on this core from here to the end of `'a`; and the
    /// caller is not an interrupt handler.
    pub const unsafe fn assume() -> Self {
        Self {
            _cx: PhantomData,
            _here: PhantomData,
        }
    }
}

/// Interrupts are masked on this core for `'a`.
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
    pub const unsafe fn new() -> Self {
        Self {
            _cx: PhantomData,
            _here: PhantomData,
        }
    }
}

/// Somewhere that must not sleep: a thread that gave it up, or an interrupt handler.
#[derive(Clone, Copy, Debug)]
pub struct Atomic<'a> {
    _cx: PhantomData<&'a mut ()>,
    _here: Here,
}

impl Atomic<'_> {
    /// Asserts that the caller will not sleep for `'a`, wherever it runs.
    ///
    /// # Safety
    ///
    /// Invariant **CX-ATOMIC**: nothing sleeps on this core from here to the end of `'a`.
    pub const unsafe fn assume() -> Self {
        Self {
            _cx: PhantomData,
            _here: PhantomData,
        }
    }
}

impl<'a> From<&'a mut TaskCx> for TaskAtomic<'a> {
    fn from(cx: &'a mut TaskCx) -> Self {
        cx.atomic()
    }
}

impl<'a> From<&'a mut TaskCx> for Atomic<'a> {
    fn from(_: &'a mut TaskCx) -> Self {
        Self {
            _cx: PhantomData,
            _here: PhantomData,
        }
    }
}

impl<'a> From<TaskAtomic<'a>> for Atomic<'a> {
    fn from(_: TaskAtomic<'a>) -> Self {
        Self {
            _cx: PhantomData,
            _here: PhantomData,
        }
    }
}

impl<'a> From<Masked<'a>> for Atomic<'a> {
    fn from(_: Masked<'a>) -> Self {
        Self {
            _cx: PhantomData,
            _here: PhantomData,
        }
    }
}

impl<'a> From<IrqCx<'a>> for Atomic<'a> {
    fn from(_: IrqCx<'a>) -> Self {
        Self {
            _cx: PhantomData,
            _here: PhantomData,
        }
    }
}

impl<'a> From<IrqCx<'a>> for Masked<'a> {
    fn from(_: IrqCx<'a>) -> Self {
        Self {
            _cx: PhantomData,
            _here: PhantomData,
        }
    }
}
