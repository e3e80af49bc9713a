//! Priorities and affinities that change while threads run, wait and sleep: what is owed is kept (S1),
//! nobody is lost, doubled or where it may not be (S2).
//!
//! Not under Miri: it is all arithmetic, over minutes of virtual time.

#![cfg(not(miri))]

use layercake_sched::{CpuSet, Priority};
use layercake_sim::{Machine, Plan};
use proptest::prelude::*;

const SLICE: u64 = 4_000_000;

fn config(cases: u32) -> ProptestConfig {
    ProptestConfig {
        cases,
        failure_persistence: None,
        ..ProptestConfig::default()
    }
}

fn any_priority() -> impl Strategy<Value = Priority> {
    prop_oneof![
        3 => (-20i8..20).prop_map(Priority::fair),
        1 => (0u8..8).prop_map(Priority::fifo),
        1 => (0u8..8).prop_map(Priority::round_robin),
        1 => Just(Priority::Idle),
    ]
}

proptest! {
    #![proptest_config(config(80))]

    /// Busy threads whose weights change at any moment get what an ideal machine would give them, which
    /// shares by the weights of the moment. For a thread that is made urgent and put back at once (it
    /// held what an urgent one wanted, for no time) nothing changes.
    #[test]
    fn weights_that_change_are_shares_from_then_on(
        nices in proptest::collection::vec(-8i8..9, 2..8),
        changes in proptest::collection::vec((0usize..8, -8i8..9, 1..3 * SLICE, any::<bool>()), 0..200),
    ) {
        let mut machine = Machine::new(1, SLICE);
        for &nice in &nices {
            machine.add(Priority::fair(nice), CpuSet::ALL, Plan::Busy);
        }
        let mut now = 0;
        for (who, nice, pause, only_urgent) in changes {
            now += pause;
            machine.run_until(now);
            let who = who % nices.len();
            if only_urgent {
                let before = machine.threads[who].entity.priority();
                machine.set_priority(who, Priority::fifo(5));
                machine.set_priority(who, before);
            } else {
                machine.set_priority(who, Priority::fair(nice));
            }
        }
        machine.run_until(now + 100 * SLICE);
        // A slice, as without changes; and a second for a request that changes when it is half done.
        let slack = (2 * SLICE + 10_000) as f64;
        for t in &machine.threads {
            prop_assert!(t.behind <= slack, "{:?} {} behind", t.entity, t.behind);
            prop_assert!(t.ahead <= slack, "{:?} {} ahead", t.entity, t.ahead);
        }
    }

    /// The machine itself checks at each step that nobody is lost or doubled, runs where it may not, or
    /// waits while a core idles that it may run on.
    #[test]
    fn nobody_is_lost_or_where_it_may_not_be(
        cores in 1usize..6,
        threads in proptest::collection::vec(
            (any_priority(), any::<u64>(), 1000..2 * SLICE, 1000..4 * SLICE), 1..16),
        changes in proptest::collection::vec(
            (0usize..16, prop_oneof![
                any_priority().prop_map(Ok),
                any::<u64>().prop_map(Err),
            ], 0..SLICE), 0..200),
    ) {
        let up = CpuSet::first(cores);
        let some = |bits: u64| match CpuSet::from_bits(bits).and(up) {
            none if none.is_empty() => up,
            some => some,
        };
        let mut machine = Machine::new(cores, SLICE);
        for (n, &(priority, bits, run, sleep)) in threads.iter().enumerate() {
            let plan = match n % 3 {
                0 => Plan::Busy,
                1 => Plan::Yield { run },
                _ => Plan::Cycle { first: sleep, run, sleep },
            };
            machine.add(priority, some(bits), plan);
        }
        let mut now = 0;
        for (who, change, pause) in changes {
            now += pause;
            machine.run_until(now);
            let who = who % threads.len();
            match change {
                Ok(priority) => {
                    machine.set_priority(who, priority);
                    prop_assert_eq!(machine.threads[who].entity.priority(), priority);
                }
                Err(bits) => machine.set_affinity(who, some(bits)),
            }
        }
        machine.run_until(now + 50 * SLICE);
    }
}
