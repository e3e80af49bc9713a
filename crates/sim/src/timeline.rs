//! Who ran where, and when.
//!
//! What belongs here: the record. What does not: pictures of it.

/// A stretch of time in which one thread ran on one core.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Run {
    /// The core.
    pub core: usize,
    /// The thread, by its number in the machine.
    pub thread: usize,
    /// When it began, ns.
    pub from: u64,
    /// When it ended, ns.
    pub to: u64,
}

/// All stretches, in the order in which they began on each core.
#[derive(Debug, Default)]
pub(crate) struct Timeline {
    pub(crate) runs: Vec<Run>,
    /// The last one of each core.
    last: Vec<Option<usize>>,
}

impl Timeline {
    pub(crate) fn new(cores: usize) -> Self {
        Self {
            runs: Vec::new(),
            last: vec![None; cores],
        }
    }

    /// Notes that `thread` ran on `core`; goes on with its last stretch if that ended there.
    pub(crate) fn ran(&mut self, core: usize, thread: usize, from: u64, to: u64) {
        if let Some(last) = self.last[core].map(|at| &mut self.runs[at])
            && last.thread == thread
            && last.to == from
        {
            last.to = to;
            return;
        }
        self.last[core] = Some(self.runs.len());
        self.runs.push(Run {
            core,
            thread,
            from,
            to,
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_goes_on_is_one_run() {
        let mut timeline = Timeline::new(2);
        for (core, thread, from, to) in [(0, 7, 0, 5), (1, 8, 0, 5), (0, 7, 5, 9), (0, 7, 10, 11)] {
            timeline.ran(core, thread, from, to);
        }
        let ends: Vec<_> = timeline
            .runs
            .iter()
            .map(|r| (r.core, r.from, r.to))
            .collect();
        assert_eq!(ends, [(0, 0, 9), (1, 0, 5), (0, 10, 11)]);
    }
}
