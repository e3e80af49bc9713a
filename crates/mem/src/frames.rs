//! Physical memory in frames of 4 KiB.
//!
//! What belongs here: which frames are free. What does not: mapping them, or touching what is in
//! them: this file never reads or writes a frame.
//!
//! The frames are bits of a tree of bitmaps (the `bitmap-allocator` crate). A buddy allocator was
//! the other choice: one at hand keeps its free lists in the frames themselves, walks such a list to
//! free, and cannot tell a double free; the other keeps them in `BTreeSet`s, and so needs the heap
//! to free a frame. A bitmap needs neither and sees a double free for what it is.

use bitmap_allocator::{BitAlloc, BitAlloc1M};
use core::fmt;
use layercake_sync::{Cpu, PreemptOff, SpinLock, TaskAtomic};

/// The size of a frame in bytes.
pub const FRAME_SIZE: usize = 4096;

/// How many separate ranges of memory there may be.
const RANGES: usize = 32;

/// The free frames of the machine, for the threads of all cores.
///
/// `M` is the bitmap: it has one bit for each frame from address 0 on. The default holds 2^20 frames
/// (4 GiB) in 137 KiB of zeroed memory.
///
/// Taken from threads only: finding a run of frames may take long (see [`alloc`](Self::alloc)), and
/// with this lock interrupts stay on meanwhile.
pub struct Frames<C: Cpu, M: BitAlloc + 'static = BitAlloc1M> {
    pool: SpinLock<Pool<M>, PreemptOff<C>>,
}

struct Pool<M> {
    /// A set bit is a free frame.
    map: M,
    /// The frames `start..end` that were added: sorted, apart.
    ranges: [(usize, usize); RANGES],
    ranges_len: usize,
    /// Where the search for more than one frame begins: behind the last that were taken, or at the
    /// last that were freed. So holes of single frames are not walked over again each time, and
    /// stacks that come and go are the same frames.
    hint: usize,
    total: usize,
    used: usize,
}

/// Why memory was not added.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum AddError {
    /// There is no whole frame in it.
    Empty,
    /// Some of it was added before.
    Overlap,
    /// It reaches beyond what the bitmap can hold.
    Beyond,
    /// There are too many separate ranges (32).
    TooMany,
}

/// Why frames were not freed. Nothing has changed then.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum FreeError {
    /// The address is not that of a frame, or no frames were named.
    Misaligned,
    /// Some of them are not of this allocator.
    Foreign,
    /// Some of them are free already.
    DoubleFree,
}

impl fmt::Display for AddError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Empty => "the range holds no whole frame",
            Self::Overlap => "the range overlaps one that was added before",
            Self::Beyond => "the range ends beyond the frames that can be managed",
            Self::TooMany => "there are too many separate ranges of memory",
        })
    }
}

impl fmt::Display for FreeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Misaligned => "not the address of a frame, or no frames",
            Self::Foreign => "frames that were never added",
            Self::DoubleFree => "frames that are free already",
        })
    }
}

impl core::error::Error for AddError {}
impl core::error::Error for FreeError {}

impl<C: Cpu, M: BitAlloc + 'static> Frames<C, M> {
    /// No memory yet.
    pub const fn new() -> Self {
        Self {
            pool: SpinLock::new(Pool {
                map: M::DEFAULT,
                ranges: [(0, 0); RANGES],
                ranges_len: 0,
                hint: 0,
                total: 0,
                used: 0,
            })
            .named("frames"),
        }
    }

    /// Adds the whole frames of the physical addresses `start..end`. O(frames).
    ///
    /// # Errors
    ///
    /// See [`AddError`]; nothing is added then.
    ///
    /// # Safety
    ///
    /// **MEM-OWNED**: the range is memory that nobody uses, and nobody will except through this
    /// allocator.
    pub unsafe fn add_range<'a>(
        &'a self,
        cx: impl Into<TaskAtomic<'a>>,
        start: usize,
        end: usize,
    ) -> Result<(), AddError> {
        let first = start.div_ceil(FRAME_SIZE);
        let last = end / FRAME_SIZE;
        self.pool.lock(cx).add(first, last)
    }

    /// Takes `count` frames in a row; the physical address of the first one. `None` if there are no
    /// such frames, or `count` is 0.
    ///
    /// They are nobody else's until they are [freed](Self::free), and hold what was in them last.
    ///
    /// Callable from threads. One frame: O(1), five steps. More: O(count) mostly; O(frames) in the
    /// worst case, when free frames are many and scattered.
    pub fn alloc<'a>(&'a self, cx: impl Into<TaskAtomic<'a>>, count: usize) -> Option<usize> {
        self.alloc_aligned(cx, count, FRAME_SIZE)
    }

    /// As [`alloc`](Self::alloc), the first one at a multiple of `align` bytes. `None` also if `align`
    /// is not a power of two. Less than a frame counts as a frame.
    pub fn alloc_aligned<'a>(
        &'a self,
        cx: impl Into<TaskAtomic<'a>>,
        count: usize,
        align: usize,
    ) -> Option<usize> {
        if !align.is_power_of_two() {
            return None;
        }
        let align_log2 = (align / FRAME_SIZE).max(1).trailing_zeros() as usize;
        let first = self.pool.lock(cx).take(count, align_log2)?;
        Some(first * FRAME_SIZE)
    }

    /// Gives back `count` frames in a row, `start` being the physical address of the first one: all
    /// that one call took, or some. O(count), in steps of sixteen frames.
    ///
    /// # Errors
    ///
    /// See [`FreeError`]; nothing is freed then.
    ///
    /// # Safety
    ///
    /// **MEM-RETURNED**: nobody uses these frames any more.
    pub unsafe fn free<'a>(
        &'a self,
        cx: impl Into<TaskAtomic<'a>>,
        start: usize,
        count: usize,
    ) -> Result<(), FreeError> {
        if !start.is_multiple_of(FRAME_SIZE) || count == 0 {
            return Err(FreeError::Misaligned);
        }
        self.pool.lock(cx).give(start / FRAME_SIZE, count)
    }

    /// The figures; `live` counts frames. O(1).
    pub fn stats<'a>(&'a self, cx: impl Into<TaskAtomic<'a>>) -> crate::Stats {
        let pool = self.pool.lock(cx);
        crate::Stats {
            total: pool.total * FRAME_SIZE,
            used: pool.used * FRAME_SIZE,
            live: pool.used,
        }
    }
}

impl<C: Cpu, M: BitAlloc + 'static> Default for Frames<C, M> {
    fn default() -> Self {
        Self::new()
    }
}

impl<M: BitAlloc> Pool<M> {
    fn ranges(&self) -> &[(usize, usize)] {
        &self.ranges[..self.ranges_len]
    }

    fn add(&mut self, first: usize, end: usize) -> Result<(), AddError> {
        if first >= end {
            return Err(AddError::Empty);
        }
        if end > M::CAP {
            return Err(AddError::Beyond);
        }
        if self.ranges().iter().any(|&(s, e)| first < e && s < end) {
            return Err(AddError::Overlap);
        }
        // A range that touches others takes them in, so that frames across the seam are known to
        // be one run.
        let (mut start, mut stop) = (first, end);
        let mut kept = 0;
        let mut rest = [(0, 0); RANGES];
        for &(s, e) in self.ranges() {
            if e == start {
                start = s;
            } else if s == stop {
                stop = e;
            } else {
                rest[kept] = (s, e);
                kept += 1;
            }
        }
        if kept == RANGES {
            return Err(AddError::TooMany);
        }
        rest[kept] = (start, stop);
        self.ranges = rest;
        self.ranges_len = kept + 1;
        self.map.insert(first..end);
        self.total += end - first;
        Ok(())
    }

    fn take(&mut self, count: usize, align_log2: usize) -> Option<usize> {
        if count == 0 || count > self.total - self.used {
            return None;
        }
        let first = if count == 1 && align_log2 == 0 {
            self.map.alloc()?
        } else {
            let first = self
                .find(self.hint, M::CAP, count, align_log2)
                .or_else(|| self.find(0, self.hint.saturating_add(count), count, align_log2))?;
            self.map.remove(first..first + count);
            self.hint = first + count;
            first
        };
        self.used += count;
        Some(first)
    }

    /// The first of `count` free frames in a row, all of them in `from..to`.
    fn find(&self, from: usize, to: usize, count: usize, align_log2: usize) -> Option<usize> {
        let align = 1_usize.checked_shl(align_log2 as u32)?;
        let to = to.min(M::CAP);
        let mut at = from;
        while at < to {
            let first = self.map.next(at)?.checked_next_multiple_of(align)?;
            let end = first.checked_add(count).filter(|end| *end <= to)?;
            match (first..end).find(|&frame| !self.map.test(frame)) {
                None => return Some(first),
                Some(taken) => at = taken + 1,
            }
        }
        None
    }

    fn give(&mut self, first: usize, count: usize) -> Result<(), FreeError> {
        let end = first.checked_add(count).ok_or(FreeError::Foreign)?;
        let ours = |&(s, e): &(usize, usize)| s <= first && end <= e;
        if !self.ranges().iter().any(ours) {
            return Err(FreeError::Foreign);
        }
        if self.map.next(first).is_some_and(|free| free < end) {
            return Err(FreeError::DoubleFree);
        }
        self.map.insert(first..end);
        if count > 1 {
            self.hint = first;
        }
        self.used -= count;
        Ok(())
    }
}
