//! For code over the `critical-section` crate: the one critical section of a program.

use crate::check;
use crate::cpu::CpuId;
use crate::facade::AtomicUsize;
use crate::mask::NoMask;
use crate::raw::RawLock;
use crate::spin::SpinLock;
use crate::ticket::TicketLock;
use core::cell::UnsafeCell;
use core::fmt;
use core::mem::MaybeUninit;
use core::sync::atomic::Ordering::Relaxed;

#[doc(hidden)]
pub use critical_section;

/// A spinlock that one core holds with interrupts masked, as often as it likes.
///
/// A program makes one by [`critical_section_impl!`](crate::critical_section_impl), and what it
/// links calls it by `critical_section::with`. All of it shares this lock: fine for what needs a
/// few instructions alone, such as atomics that a machine lacks. What has a lock of its own,
/// waits less.
///
/// # Why making it is `unsafe`
///
/// `critical_section::with` takes no token, from any context. Safe code could bring a guard along:
/// one that is given back inside unmasks interrupts in the middle of the section; one that is taken
/// inside and kept has them unmasked under it when the section ends. Each is a data race, with a
/// handler. A count of masks for each core would prevent both, and would cost every other lock of
/// the program seven instructions; so somebody has to promise (SCOPED-CALLERS), and builds with
/// [`check`] look.
pub struct CriticalSection<C: CpuId, R: RawLock = TicketLock> {
    lock: SpinLock<(), NoMask<C>, R>,
    /// The number of the core inside, and one; 0 while there is none.
    owner: AtomicUsize,
    inside: UnsafeCell<MaybeUninit<Inside<C>>>,
}

/// What the core inside has to remember.
struct Inside<C: CpuId> {
    /// How often it came in again.
    depth: usize,
    /// How interrupts were when it came.
    found: C::IrqState,
    /// How many spinlocks it held when it came, as far as that is known.
    held: Option<usize>,
}

// SAFETY: LOCK-HELD: `inside` belongs to the core that holds `lock`, and what it found is put back
// on that core.
unsafe impl<C: CpuId, R: RawLock> Sync for CriticalSection<C, R> {}

impl<C: CpuId, R: RawLock> CriticalSection<C, R> {
    /// A free one.
    ///
    /// # Safety
    ///
    /// Invariant **SCOPED-CALLERS**: whoever runs in it neither sleeps nor uses a context or a guard
    /// of this crate that is from outside of it.
    #[cfg_attr(feature = "classes", track_caller)]
    pub const unsafe fn new() -> Self {
        Self {
            lock: SpinLock::new(()).named("critical section"),
            owner: AtomicUsize::new(0),
            inside: UnsafeCell::new(MaybeUninit::uninit()),
        }
    }

    /// Masks interrupts and takes the lock, unless this core is inside already. From any context.
    ///
    /// # Safety
    ///
    /// A [`release`](Self::release) answers it, on the same core; those of several nest.
    #[cfg_attr(any(debug_assertions, feature = "check"), track_caller)]
    pub unsafe fn acquire(&self) {
        let found = C::irq_save();
        // A core that has masked interrupts keeps its number, and nobody else stores it.
        let me = C::id() + 1;
        if self.owner.load(Relaxed) == me {
            // SAFETY: LOCK-HELD: by this core. CPU-MASK: it came in with interrupts masked, and so
            // it found them now.
            unsafe {
                (*self.inside.get()).assume_init_mut().depth += 1;
                C::irq_restore(found);
            }
            return;
        }
        let held = check::ON
            .then(|| C::with_held(check::Held::living))
            .flatten();
        // SAFETY: MASK-TOKEN: masked above, until `release`.
        unsafe { self.lock.force_lock() };
        self.owner.store(me, Relaxed);
        let depth = 0;
        let inside = Inside { depth, found, held };
        // SAFETY: LOCK-HELD: since now.
        unsafe { (*self.inside.get()).write(inside) };
    }

    /// Undoes one [`acquire`](Self::acquire).
    ///
    /// # Safety
    ///
    /// The last `acquire` of this core that has not been answered yet is the one that this does.
    ///
    /// # Panics
    ///
    /// In builds with [`check`], if a spinlock was given back or kept that should not have been. Then
    /// interrupts stay masked.
    pub unsafe fn release(&self) {
        // SAFETY: LOCK-HELD: by this core, as its `acquire` is not answered yet.
        let inside = unsafe { (*self.inside.get()).assume_init_mut() };
        if let Some(depth) = inside.depth.checked_sub(1) {
            inside.depth = depth;
            return;
        }
        let Inside { found, held, .. } = *inside;
        self.owner.store(0, Relaxed);
        // SAFETY: LOCK-HELD: given back once. Nothing of `inside` is used from here on.
        unsafe { self.lock.force_unlock() };
        Self::assert_nothing_came_or_went(held);
        // SAFETY: CPU-MASK, by SCOPED-CALLERS: no guard that was taken inside is left, and none has
        // gone that was there before.
        unsafe { C::irq_restore(found) }
    }

    fn assert_nothing_came_or_went(before: Option<usize>) {
        // Not known where the check is off.
        let Some(before) = before else { return };
        let now = C::with_held(|held| (held.living(), held.last_taken_at()));
        let (now, last) = now.unwrap_or((before, None));
        match last {
            Some(at) if now > before => panic!(
                "the spinlock taken at {at} is held beyond the critical section that it was taken in"
            ),
            _ if now == before => {}
            _ => {
                panic!("a critical section began with {before} spinlocks held, and ends with {now}")
            }
        }
    }
}

impl<C: CpuId, R: RawLock> fmt::Debug for CriticalSection<C, R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CriticalSection")
            .field("locked", &self.lock.is_locked())
            .finish_non_exhaustive()
    }
}

/// Makes a [`CriticalSection`](crate::adapters::CriticalSection) of a [`CpuId`](crate::CpuId) the
/// program's, for `critical_section::with`. A program has one.
///
/// The word `unsafe` is a promise about all of the program, invariant **SCOPED-CALLERS**: whoever
/// runs in a critical section neither sleeps nor uses a context or a guard of this crate that is from
/// outside of it. So an image says it, or a kernel, and not a library.
///
/// ```
/// use layercake_sync::host::{StdCpu, irqs_masked};
///
/// // SAFETY: SCOPED-CALLERS: the one closure that is run in it is below.
/// layercake_sync::critical_section_impl!(unsafe StdCpu);
///
/// assert!(critical_section::with(|_| irqs_masked()));
/// assert!(!irqs_masked());
/// ```
///
/// It does not come by accident:
///
/// ```compile_fail
/// # use layercake_sync::host::StdCpu;
/// layercake_sync::critical_section_impl!(StdCpu); // error: no rules expected `StdCpu`
/// ```
#[macro_export]
macro_rules! critical_section_impl {
    (unsafe $cpu:ty) => {
        const _: () = {
            use $crate::adapters::{CriticalSection, critical_section as cs};

            struct Section;
            // SAFETY: SCOPED-CALLERS, by whoever wrote `unsafe`.
            static SECTION: CriticalSection<$cpu> = unsafe { CriticalSection::new() };

            // SAFETY: LOCK-HELD: one core has the lock at a time, and with interrupts masked there
            // is nobody else on it (CPU-MASK); RAW-LOCK: what it did is seen by the next.
            unsafe impl cs::Impl for Section {
                unsafe fn acquire() -> cs::RawRestoreState {
                    // SAFETY: the caller releases it, in order.
                    unsafe { SECTION.acquire() }
                    // What was found is kept beside the lock. The type is for the program to choose.
                    #[allow(clippy::unit_arg, reason = "it is the unit unless chosen otherwise")]
                    Default::default()
                }

                unsafe fn release(_: cs::RawRestoreState) {
                    // SAFETY: the caller acquired it, and releases in order.
                    unsafe { SECTION.release() }
                }
            }
            cs::set_impl!(Section);
        };
    };
}
