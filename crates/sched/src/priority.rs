//! How urgent a thread is: the three classes, and the weight of each nice value.

#![forbid(unsafe_code)]

/// The class of a thread and its rank within the class.
///
/// A runnable thread of the real-time class runs before all fair ones, and those before the idle
/// class.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Priority {
    /// Fixed priority; the highest runnable one runs.
    RealTime(Realtime),
    /// A share of what real time leaves, by the weight of the nice value.
    Fair(Nice),
    /// What nobody else wants, in turns.
    Idle,
}

impl Priority {
    /// Real time, first in first out, `priority` 0..=63 (more is held to 63). Higher is more urgent.
    pub const fn fifo(priority: u8) -> Self {
        Self::RealTime(Realtime::fifo(priority))
    }

    /// Real time, round-robin with equals, `priority` 0..=63 (more is held to 63).
    pub const fn round_robin(priority: u8) -> Self {
        Self::RealTime(Realtime::round_robin(priority))
    }

    /// Fair, with `nice` -20..=19 (held to that range). Lower is more.
    pub const fn fair(nice: i8) -> Self {
        Self::Fair(Nice::new(nice))
    }

    /// Fair at nice 0.
    pub const NORMAL: Self = Self::fair(0);

    /// The class and rank as one number, the lower the more urgent: 0..=63 real time, [`FAIR`],
    /// [`IDLE`].
    pub(crate) const fn level(self) -> u8 {
        match self {
            Self::RealTime(rt) => rt.level(),
            Self::Fair(_) => FAIR,
            Self::Idle => IDLE,
        }
    }

    /// Whether a thread of this priority goes before one of `other` whenever both can run. Fair
    /// threads share, so none of them goes before another.
    pub const fn is_before(self, other: Self) -> bool {
        self.level() < other.level()
    }
}

impl Default for Priority {
    fn default() -> Self {
        Self::NORMAL
    }
}

/// The level of all fair entities.
pub(crate) const FAIR: u8 = 64;
/// The level of the idle class.
pub(crate) const IDLE: u8 = 65;
/// What stands for the level of an entity of the real-time class that is not first-in first-out.
pub(crate) const NOT_FIFO: u8 = 128;

/// A fixed priority of the real-time class.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Realtime {
    priority: u8,
    round_robin: bool,
}

impl Realtime {
    /// The most urgent priority.
    pub const MAX: u8 = 63;

    /// Runs until it blocks, yields or somebody more urgent comes.
    pub const fn fifo(priority: u8) -> Self {
        Self {
            priority: if priority > Self::MAX {
                Self::MAX
            } else {
                priority
            },
            round_robin: false,
        }
    }

    /// As [`fifo`](Self::fifo), but takes turns of a slice with those of the same priority.
    pub const fn round_robin(priority: u8) -> Self {
        Self {
            round_robin: true,
            ..Self::fifo(priority)
        }
    }

    /// 0..=63; higher is more urgent.
    pub const fn priority(self) -> u8 {
        self.priority
    }

    pub(crate) const fn level(self) -> u8 {
        Self::MAX - self.priority
    }

    /// Whether it takes turns with its equals.
    pub const fn is_round_robin(self) -> bool {
        self.round_robin
    }
}

/// A nice value, -20..=19: each step is a factor of 1.25 in the share of the processor.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default)]
pub struct Nice(i8);

impl Nice {
    /// The greediest.
    pub const MIN: i8 = -20;
    /// The humblest.
    pub const MAX: i8 = 19;

    /// `value`, held to -20..=19.
    pub const fn new(value: i8) -> Self {
        if value < Self::MIN {
            Self(Self::MIN)
        } else if value > Self::MAX {
            Self(Self::MAX)
        } else {
            Self(value)
        }
    }

    /// The value, -20..=19.
    pub const fn get(self) -> i8 {
        self.0
    }
}

/// 1024 / 1.25^nice, rounded to the nearest; index 0 is nice -20.
const WEIGHTS: [u32; 40] = {
    let mut table = [0; 40];
    let mut i = 0usize;
    while i < 40 {
        let (up, down) = if i < 20 { (5u64, 4u64) } else { (4, 5) };
        let mut steps = i.abs_diff(20);
        // 1024 * 5^20 < 2^57, so both products fit.
        let (mut over, mut under) = (1024u64, 1u64);
        while steps > 0 {
            over *= up;
            under *= down;
            steps -= 1;
        }
        table[i] = ((over + under / 2) / under) as u32;
        i += 1;
    }
    table
};

/// The weight of a nice value: 15 (nice 19) to 88,818 (nice -20), 1024 at nice 0.
///
/// The factor of 1.25 a step is the field's convention: one step between two equals moves the split
/// from 50:50 to about 55:45.
pub const fn weight_of(nice: Nice) -> u32 {
    WEIGHTS[(nice.0 + 20) as usize]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn weights_are_the_powers_of_five_quarters() {
        assert_eq!(weight_of(Nice::new(0)), 1024);
        assert_eq!(weight_of(Nice::new(-1)), 1280);
        assert_eq!(weight_of(Nice::new(1)), 819);
        assert_eq!(weight_of(Nice::new(-20)), 88_818);
        assert_eq!(weight_of(Nice::new(19)), 15);
        assert!(WEIGHTS.windows(2).all(|w| w[0] > w[1]));
    }

    #[test]
    fn values_out_of_range_are_held_to_it() {
        assert_eq!(Nice::new(100).get(), 19);
        assert_eq!(Nice::new(-100).get(), -20);
        assert_eq!(Realtime::fifo(200).priority(), 63);
    }

    #[test]
    fn classes_go_before_one_another() {
        let (high, low) = (Priority::fifo(40), Priority::round_robin(39));
        assert!(high.is_before(low) && !low.is_before(high));
        assert!(Priority::fifo(0).is_before(Priority::fair(-20)));
        assert!(Priority::fair(19).is_before(Priority::Idle));
        assert!(!Priority::fair(-20).is_before(Priority::fair(19)));
    }
}
