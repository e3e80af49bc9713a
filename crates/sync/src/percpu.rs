//! Data of which each core has its own: no lock, because nobody else comes.
//!
//! What keeps others away is the caller's being kept on its core, shown by a token: so a cell is
//! masked as a lock is. Cells that only threads touch are `PerCpu<_, PreemptOff<C>, N>` and open
//! with [`Pinned`]; cells that handlers touch too are `PerCpu<_, IrqOff<C>, N>` and open with
//! [`Masked`].

use crate::context::{Masked, Pinned};
use crate::cpu::CpuId;
use crate::mask::{IrqOff, Mask, PreemptOff};
use core::fmt;
use core::marker::PhantomData;

/// One core's part, on cache lines of its own.
#[derive(Debug, Default)]
#[repr(align(64))]
pub struct Line<T>(pub T);

/// A value for each of at most `N` cores.
///
/// ```
/// use core::cell::Cell;
/// use layercake_sync::host::{StdCpu, task};
/// use layercake_sync::percpu::{Line, PerCpu};
/// use layercake_sync::{PreemptOff, preempt_off};
///
/// static SWITCHES: PerCpu<Cell<u64>, PreemptOff<StdCpu>, 32> =
///     PerCpu::new([const { Line(Cell::new(0)) }; 32]);
///
/// task(|cx| {
///     preempt_off::<StdCpu, _>(cx, |pinned, _| {
///         let mine = SWITCHES.get(pinned);
///         mine.set(mine.get() + 1);
///     });
/// });
/// ```
pub struct PerCpu<T, M: Mask, const N: usize> {
    values: [Line<T>; N],
    _mask: PhantomData<M>,
}

// SAFETY: PER-CPU. Each value is reached by one core at a time, and by one thread or handler on
// it: so it is sent from one to the next, and shared by nobody, unless `T` is `Sync`.
unsafe impl<T: Send, M: Mask, const N: usize> Sync for PerCpu<T, M, N> {}

impl<T, M: Mask<Cpu: CpuId>, const N: usize> PerCpu<T, M, N> {
    /// These values, the first for core 0. Does not compile with fewer than there may be cores:
    ///
    /// ```compile_fail,E0080
    /// # use layercake_sync::{IrqOff, PerCpu, host::StdCpu, percpu::Line};
    /// static CELL: PerCpu<u32, IrqOff<StdCpu>, 1> = PerCpu::new([Line(0)]);
    /// ```
    pub const fn new(values: [Line<T>; N]) -> Self {
        const {
            assert!(N >= <M::Cpu as CpuId>::MAX, "a core would have no value");
        }
        Self {
            values,
            _mask: PhantomData,
        }
    }

    /// All values, core 0 first: for reports over values that any core may look at.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = &T>
    where
        T: Sync,
    {
        self.values.iter().map(|line| &line.0)
    }

    #[inline(always)]
    fn mine(&self) -> &T {
        &self.values[<M::Cpu as CpuId>::id()].0
    }
}

impl<T, C: CpuId, const N: usize> PerCpu<T, PreemptOff<C>, N> {
    /// This core's value. Threads only: a handler has no [`Pinned`].
    #[inline(always)]
    pub fn get<'a>(&'a self, _: Pinned<'a>) -> &'a T {
        // PER-CPU: the thread stays here for `'a`, and no other runs here.
        self.mine()
    }
}

impl<T, C: CpuId, const N: usize> PerCpu<T, IrqOff<C>, N> {
    /// This core's value.
    #[inline(always)]
    pub fn get<'a>(&'a self, _: Masked<'a>) -> &'a T {
        // PER-CPU: nothing else runs on this core for `'a`.
        self.mine()
    }
}

impl<T, M: Mask, const N: usize> fmt::Debug for PerCpu<T, M, N> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PerCpu").field("cores", &N).finish()
    }
}
