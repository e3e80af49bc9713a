//! The state of an item: one word, and what each step makes of it.
//!
//! Only the arithmetic is here. Who may take which step, and under which lock, is said in
//! [`crate::item`].
//!
//! ```text
//!  31     22  21     20        19     18      13     12     11        0
//! +---------+-----+--------+---------+----------+---------+------------+
//! |  runs   |  -  | PARKED | RUNNING | disabled | PENDING |   joined   |
//! +---------+-----+--------+---------+----------+---------+------------+
//! ```
//!
//! The places are chosen for what is done most often: `runs` may wrap, so it is at the end where that
//! needs no care; what is looked at together lies together, for a machine's `and` takes one row of ones.
//! `joined` is of the pending run. What it says when there is none is left from the last one.

const JOINED_ONE: u32 = 1;
const JOINED: u32 = 0xfff;
/// The count of joins has reached its last bit: one look at two bits tells whether to join.
const FULL: u32 = 1 << 11;
/// It is on a queue and will run.
const PENDING: u32 = 1 << 12;
const DISABLED_ONE: u32 = 1 << 13;
const DISABLED: u32 = 0x3f << 13;
/// A worker runs it.
const RUNNING: u32 = 1 << 19;
/// Its turn came while another worker still ran it: the end of that run puts it back.
const PARKED: u32 = 1 << 20;
const RUNS_ONE: u32 = 1 << 22;
const RUNS: u32 = 0x3ff << 22;

/// Half of what `runs` counts to: a distance beyond it is behind.
const RUNS_HALF: u32 = (RUNS / RUNS_ONE).div_ceil(2);

/// One value of the state word.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct State(pub(crate) u32);

impl State {
    pub(crate) const IDLE: Self = Self(0);

    #[inline(always)]
    pub(crate) const fn pending(self) -> bool {
        self.0 & PENDING != 0
    }

    #[inline(always)]
    pub(crate) const fn running(self) -> bool {
        self.0 & RUNNING != 0
    }

    #[inline(always)]
    pub(crate) const fn parked(self) -> bool {
        self.0 & PARKED != 0
    }

    #[inline(always)]
    pub(crate) const fn idle(self) -> bool {
        self.0 & (PENDING | RUNNING) == 0
    }

    #[inline(always)]
    pub(crate) const fn disabled(self) -> bool {
        self.0 & DISABLED != 0
    }

    /// How many calls of `queue` joined the pending run so far.
    #[inline(always)]
    pub(crate) const fn joined(self) -> u32 {
        self.0 & JOINED
    }

    /// One more call joins the pending run. `None` when there is none, or the count is full.
    #[inline(always)]
    pub(crate) const fn join(self) -> Option<Self> {
        if self.0 & (PENDING | FULL) == PENDING {
            Some(Self(self.0 + JOINED_ONE))
        } else {
            None
        }
    }

    /// One more call joins, when those before it have been counted elsewhere.
    #[inline(always)]
    pub(crate) const fn join_first(self) -> Self {
        Self(self.0 & !JOINED | JOINED_ONE)
    }

    /// Whether it can go on a queue: neither pending nor disabled.
    #[inline(always)]
    pub(crate) const fn admits(self) -> bool {
        self.0 & (PENDING | DISABLED) == 0
    }

    /// Goes on a queue. Nobody has joined yet.
    #[inline(always)]
    pub(crate) const fn queued(self) -> Self {
        Self(self.0 & !JOINED | PENDING)
    }

    /// What changes in one that is pending and does not run when it leaves its queue to run.
    pub(crate) const START: u32 = PENDING | RUNNING;

    /// [`START`](Self::START) of one that is not to leave: for mutants.
    pub(crate) const RUN: u32 = RUNNING;

    /// Its turn came, but it still runs.
    #[inline(always)]
    pub(crate) const fn set_aside(self) -> Self {
        Self(self.0 | PARKED)
    }

    /// A run ended. Ends having been set aside, too.
    #[inline(always)]
    pub(crate) const fn finished(self) -> Self {
        Self((self.0 & !(RUNNING | PARKED)).wrapping_add(RUNS_ONE))
    }

    /// Leaves its queue without a run.
    #[inline(always)]
    pub(crate) const fn withdrawn(self) -> Self {
        Self(self.0 & !(PENDING | PARKED | JOINED))
    }

    /// `queue` is refused once more. `None` when that has been said too often.
    #[inline(always)]
    pub(crate) const fn disable(self) -> Option<Self> {
        if self.0 & DISABLED == DISABLED {
            None
        } else {
            Some(Self(self.0 + DISABLED_ONE))
        }
    }

    /// Undoes one `disable`. `None` when there is none.
    #[inline(always)]
    pub(crate) const fn enable(self) -> Option<Self> {
        if self.disabled() {
            Some(Self(self.0 - DISABLED_ONE))
        } else {
            None
        }
    }

    /// The number that `runs` will have when all that is now pending or running has run.
    #[inline(always)]
    pub(crate) const fn runs_to_flush(self) -> u32 {
        let ahead = self.pending() as u32 + self.running() as u32;
        ((self.0 & RUNS) / RUNS_ONE + ahead) & (RUNS / RUNS_ONE)
    }

    /// Whether the run with that number has ended. An item with nothing ahead has ended them all.
    ///
    /// The count wraps. It is compared by half its range, so that it never says "ended" of a run
    /// that has not; whoever sleeps through more than half of the range waits for a later run,
    /// or for the item to be idle.
    #[inline(always)]
    pub(crate) const fn has_run(self, number: u32) -> bool {
        let runs = (self.0 & RUNS) / RUNS_ONE;
        self.idle() || runs.wrapping_sub(number) & (RUNS / RUNS_ONE) < RUNS_HALF
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn started(s: State) -> State {
        State(s.0 ^ State::START)
    }

    #[test]
    fn the_run_count_wraps_into_no_other_field() {
        let mut s = State::IDLE.disable().unwrap();
        for n in 0..5000_u32 {
            s = s.queued();
            assert_eq!(s.joined(), 0);
            s = started(s.join().unwrap());
            assert!(s.running() && !s.pending());
            s = s.finished();
            assert_eq!((s.0 & RUNS) / RUNS_ONE, (n + 1) & 0x3ff);
            assert!(s.idle() && s.disabled());
        }
        assert_eq!(s.enable().unwrap().enable(), None);
    }

    #[test]
    fn joins_stop_at_the_end_of_their_field() {
        let mut s = State::IDLE.queued();
        for n in 1..=0x800 {
            s = s.join().unwrap();
            assert_eq!(s.joined(), n);
        }
        assert_eq!(s.join(), None);
        assert_eq!(s.join_first().joined(), 1);
    }

    #[test]
    fn a_flush_ends_with_the_runs_ahead_of_it_and_not_before() {
        for start in [0, 1, 510, 511, 512, 1022, 1023] {
            let mut s = started(State(start * RUNS_ONE).queued()).queued();
            let number = s.runs_to_flush();
            assert!(!s.has_run(number));
            s = s.finished();
            assert!(!s.has_run(number));
            s = started(s).queued();
            assert!(!s.has_run(number));
            s = s.finished();
            assert!(s.pending() && s.has_run(number));
        }
    }

    /// Half of the count's range ahead is ended, the other half is not.
    #[test]
    fn a_run_has_ended_for_half_of_the_count() {
        for start in [0, 1, 511, 512, 1023] {
            let after = |runs: u32| State(((start + runs) & 0x3ff) * RUNS_ONE).queued();
            assert!(after(0).has_run(start) && after(511).has_run(start));
            assert!(!after(512).has_run(start) && !after(1023).has_run(start));
        }
    }

    #[test]
    fn only_what_is_neither_pending_nor_disabled_is_admitted() {
        let disabled = State::IDLE.disable().unwrap();
        for state in [State::IDLE, State::IDLE.set_aside(), State(State::RUN)] {
            assert!(state.admits());
            assert!(!state.queued().admits());
            let disabled = State(state.0 | disabled.0);
            assert!(!disabled.admits() && !disabled.queued().admits());
        }
        assert!(!State(PENDING | DISABLED).admits());
    }

    #[test]
    fn what_is_withdrawn_leaves_nothing_behind() {
        for state in [State::IDLE, State(State::RUN), State(RUNS)] {
            let joined = state.queued().join().unwrap();
            assert_eq!(joined.set_aside().withdrawn(), state);
        }
    }

    #[test]
    fn disabling_has_a_limit() {
        let mut s = State::IDLE;
        for _ in 0..63 {
            s = s.disable().unwrap();
        }
        assert_eq!(s.disable(), None);
    }
}
