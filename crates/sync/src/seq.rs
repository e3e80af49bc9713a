//! The sequence lock: readers store nothing, and read again if a writer came between.
//!
//! For small records that are read much more often than written, such as what a clock is
//! computed from. The record is kept in machine words that are read and written one by one as
//! atomics, so a reader that loses the race reads a mixture and throws it away, and no value of
//! `T` is ever made of it. (H. Boehm, "Can seqlocks get along with programming language memory
//! models?", 2012, for the fences.)

use crate::cpu::Cpu;
use crate::facade::{AtomicU32, AtomicUsize, fence};
use crate::mask::Mask;
use crate::spin::SpinLock;
use core::fmt;
use core::sync::atomic::Ordering::{Acquire, Relaxed, Release};

/// What a [`SeqLock`] can keep: data that is the same when taken apart into machine words and
/// put together again.
pub trait Record: Copy + Send {
    /// As many words as it takes: `[usize; N]`.
    type Words: Words;

    /// Takes the record apart.
    fn into_words(self) -> Self::Words;

    /// Puts together what [`into_words`](Record::into_words) took apart.
    fn from_words(words: Self::Words) -> Self;
}

/// `[usize; N]`, and nothing else.
pub trait Words: Copy + sealed::Cells {}

impl<const N: usize> Words for [usize; N] {}

mod sealed {
    use super::{AtomicUsize, Relaxed};

    pub trait Cells: Sized {
        type Cells: Send + Sync;
        #[cfg(not(loom))]
        #[allow(
            clippy::declare_interior_mutable_const,
            reason = "a value to start from, copied into each lock, never shared"
        )]
        const ZERO: Self::Cells;
        #[cfg(loom)]
        fn zero() -> Self::Cells;
        fn load(cells: &Self::Cells) -> Self;
        fn store(self, cells: &Self::Cells);
    }

    impl<const N: usize> Cells for [usize; N] {
        type Cells = [AtomicUsize; N];

        #[cfg(not(loom))]
        #[allow(clippy::declare_interior_mutable_const, reason = "as in the trait")]
        const ZERO: Self::Cells = [const { AtomicUsize::new(0) }; N];

        #[cfg(loom)]
        fn zero() -> Self::Cells {
            core::array::from_fn(|_| AtomicUsize::new(0))
        }

        #[inline(always)]
        fn load(cells: &Self::Cells) -> Self {
            core::array::from_fn(|i| cells[i].load(Relaxed))
        }

        #[inline(always)]
        fn store(self, cells: &Self::Cells) {
            for (cell, word) in cells.iter().zip(self) {
                cell.store(word, Relaxed);
            }
        }
    }
}

/// A record that is read without storing.
///
/// Writers exclude each other by a spinlock of the same mask `M`. Readers show the same token:
/// one that came over a writer of its own core would read for ever, and the mask keeps out just
/// those who show the token. [`try_read`](SeqLock::try_read) is for everyone else.
///
/// A reader that sleeps through exactly 2^31 writes takes a mixture for a value.
pub struct SeqLock<T: Record, M: Mask> {
    /// Odd while someone writes. As long as it is 0 the record is `first`.
    sequence: AtomicU32,
    first: T,
    words: <T::Words as sealed::Cells>::Cells,
    writer: SpinLock<(), M>,
}

// SAFETY: LOCK-HELD is not needed: `first` never changes and the rest are atomics and a lock;
// `T` is `Copy + Send`, and copies of it are what readers get.
unsafe impl<T: Record, M: Mask> Sync for SeqLock<T, M> {}

impl<T: Record, M: Mask> SeqLock<T, M> {
    /// A lock whose record is `value`.
    #[cfg(not(loom))]
    #[cfg_attr(feature = "classes", track_caller)]
    pub const fn new(value: T) -> Self {
        Self {
            sequence: AtomicU32::new(0),
            first: value,
            words: <T::Words as sealed::Cells>::ZERO,
            writer: SpinLock::new(()),
        }
    }

    /// A lock whose record is `value`.
    #[cfg(loom)]
    pub fn new(value: T) -> Self {
        Self {
            sequence: AtomicU32::new(0),
            first: value,
            words: <T::Words as sealed::Cells>::zero(),
            writer: SpinLock::new(()),
        }
    }

    /// The lock under a name of its own, for the reports of [`crate::stats`] and
    /// [`crate::order`], which see its writers; builds without them forget it.
    pub const fn named(mut self, name: &'static str) -> Self {
        self.writer.set_name(name);
        self
    }

    /// The record. Reads again as long as writers come between.
    #[inline(always)]
    pub fn read<'a>(&'a self, cx: impl Into<M::Token<'a>>) -> T {
        let _ = cx.into();
        let mut before = self.sequence.load(Acquire);
        loop {
            while before & 1 != 0 {
                core::hint::cold_path();
                before = M::Cpu::wait_while_eq(&self.sequence, before);
            }
            if let Some(record) = self.attempt(before) {
                return record;
            }
            // Looked at anew: the look that found it changed came after the words were read, and
            // acquires nothing for those that are read next.
            before = self.sequence.load(Acquire);
        }
    }

    /// The record, unless a writer is at it or comes between. From any context, also over a
    /// writer of the same core.
    #[inline(always)]
    pub fn try_read(&self) -> Option<T> {
        let before = self.sequence.load(Acquire);
        if before & 1 != 0 {
            return None;
        }
        self.attempt(before)
    }

    /// Reads once, given an even sequence that was loaded with acquire.
    #[inline(always)]
    fn attempt(&self, before: u32) -> Option<T> {
        if before == 0 {
            return Some(self.first);
        }
        let words = sealed::Cells::load(&self.words);
        // A word of a later write, once read, brings that write's odd sequence with it: the
        // loads above, then this fence, meet the writer's fence and its stores.
        fence(Acquire);
        (self.sequence.load(Relaxed) == before).then(|| T::from_words(words))
    }

    /// Writes the record.
    #[inline(always)]
    #[cfg_attr(any(debug_assertions, feature = "check"), track_caller)]
    pub fn write<'a>(&'a self, cx: impl Into<M::Token<'a>>, record: T) {
        self.update(cx, |_| record);
    }

    /// Writes what `f` makes of the record; returns what was written. `f` runs with the writers'
    /// lock held, before readers are kept out.
    #[inline(always)]
    #[cfg_attr(any(debug_assertions, feature = "check"), track_caller)]
    pub fn update<'a>(&'a self, cx: impl Into<M::Token<'a>>, f: impl FnOnce(T) -> T) -> T {
        let _writer = self.writer.lock(cx.into());
        let before = self.sequence.load(Relaxed);
        let old = if before == 0 {
            self.first
        } else {
            T::from_words(sealed::Cells::load(&self.words))
        };
        let new = f(old);
        self.sequence.store(before.wrapping_add(1), Relaxed);
        fence(Release);
        sealed::Cells::store(new.into_words(), &self.words);
        // 0 stands for the first record, so the count goes around past it.
        let after = before.wrapping_add(2);
        self.sequence
            .store(if after == 0 { 2 } else { after }, Release);
        new
    }
}

impl<T: Record, M: Mask> fmt::Debug for SeqLock<T, M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SeqLock")
            .field("sequence", &self.sequence.load(Relaxed))
            .finish_non_exhaustive()
    }
}

impl<const N: usize> Record for [usize; N] {
    type Words = [usize; N];

    fn into_words(self) -> [usize; N] {
        self
    }

    fn from_words(words: [usize; N]) -> Self {
        words
    }
}

/// How many words a `u64` takes.
const WORDS_OF_U64: usize = 8 / size_of::<usize>();

impl Record for u64 {
    type Words = [usize; WORDS_OF_U64];

    #[inline(always)]
    fn into_words(self) -> Self::Words {
        core::array::from_fn(|i| (self >> (i as u32 * usize::BITS)) as usize)
    }

    #[inline(always)]
    fn from_words(words: Self::Words) -> Self {
        let parts = words.iter().enumerate();
        parts.fold(0, |whole, (i, word)| {
            whole | (*word as u64) << (i as u32 * usize::BITS)
        })
    }
}
