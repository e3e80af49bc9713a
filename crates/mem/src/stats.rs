//! The figures that both allocators report.

/// How much there is, in bytes.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Stats {
    /// All that was given to the allocator.
    pub total: usize,
    /// What is handed out, as it was asked for.
    pub used: usize,
    /// How many pieces are handed out.
    pub live: usize,
}

impl Stats {
    /// What is not handed out. Of a heap, some of it is bookkeeping and gaps.
    pub const fn free(&self) -> usize {
        self.total.saturating_sub(self.used)
    }
}
