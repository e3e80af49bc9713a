//! Slack: deadlines that may be a little later, so that several are served by one interrupt.
//!
//! What belongs here: the choice of the moment. What does not: the queue, which knows deadlines only.

/// A moment from `deadline` to `slack` after it, ns, on which others with a little slack will fall,
/// too: of those between, the one divisible by the largest power of two. Arm a timer for that.
///
/// With no slack that is `deadline` itself; it is never before it. What would be later than the clock
/// can count is `u64::MAX`, which is never reached, or before it. O(1).
///
/// ```
/// use layercake_timer::coalesced;
///
/// // Any two that may be 1 ms late, and whose spans have a multiple of 2^19 ns in common, meet.
/// assert_eq!(coalesced(10_000_000, 1_000_000), coalesced(10_300_000, 1_000_000));
/// assert_eq!(coalesced(10_000_000, 0), 10_000_000);
/// ```
pub const fn coalesced(deadline: u64, slack: u64) -> u64 {
    let last = deadline.saturating_add(slack);
    if deadline == 0 || slack == 0 {
        return deadline;
    }
    // The highest bit in which the last moment differs from the one before the first: there a carry
    // has happened between them, and all bits below it may be 0.
    let carried = u64::MAX >> (last ^ (deadline - 1)).leading_zeros();
    last & !(carried >> 1)
}

#[cfg(test)]
mod tests {
    use super::coalesced;

    #[test]
    fn it_is_within_the_slack_and_as_round_as_can_be() {
        for deadline in 0..200u64 {
            for slack in 0..70 {
                let chosen = coalesced(deadline, slack);
                let all = deadline..=deadline + slack;
                assert!(all.contains(&chosen), "{deadline} + {slack}: {chosen}");
                if slack > 0 && deadline > 0 {
                    let roundest = all.map(u64::trailing_zeros).max();
                    assert_eq!(
                        Some(chosen.trailing_zeros()),
                        roundest,
                        "{deadline} + {slack}"
                    );
                }
            }
        }
    }

    #[test]
    fn the_ends_of_time_are_held() {
        assert_eq!(coalesced(u64::MAX, 1_000), u64::MAX);
        assert_eq!(coalesced(u64::MAX - 5, 0), u64::MAX - 5);
        let late = coalesced(u64::MAX - 5, u64::MAX);
        assert!(late >= u64::MAX - 5);
        assert_eq!(coalesced(1, u64::MAX), 1 << 63);
        assert_eq!(coalesced(0, 7), 0);
    }
}
