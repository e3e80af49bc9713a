//! S1: the fair class against ideal sharing, for random weights, loads and interrupts that are late.
//!
//! Not under Miri: it is all arithmetic, over minutes of virtual time.

#![cfg(not(miri))]

use layercake_sched::{CpuSet, Nice, Priority, weight_of};
use layercake_sim::{Machine, Plan};
use proptest::prelude::*;

const SLICE: u64 = 4_000_000;
const SECOND: u64 = 1_000_000_000;

fn config(cases: u32) -> ProptestConfig {
    ProptestConfig {
        cases,
        failure_persistence: None,
        ..ProptestConfig::default()
    }
}

fn weight(nice: i8) -> f64 {
    f64::from(weight_of(Nice::new(nice)))
}

fn busy(machine: &mut Machine, nice: i8) -> usize {
    machine.add(Priority::fair(nice), CpuSet::ALL, Plan::Busy)
}

proptest! {
    #![proptest_config(config(60))]

    /// Nobody is ever ahead of the ideal by more than a slice and the lateness of one interrupt, or
    /// behind it by more than a slice and one lateness of each of the others, who may all go first.
    #[test]
    fn busy_threads_stay_within_a_slice_of_the_ideal(
        nices in proptest::collection::vec(-20i8..20, 1..12),
        lateness in prop_oneof![Just(0u64), 0..SLICE],
    ) {
        let mut machine = Machine::new(1, SLICE);
        machine.lateness = lateness;
        for &nice in &nices {
            busy(&mut machine, nice);
        }
        machine.run_until(5 * SECOND);
        let rounding = 1000;
        let ahead = (SLICE + lateness + rounding) as f64;
        let behind = (SLICE + lateness * (nices.len() as u64 - 1) + rounding) as f64;
        for t in &machine.threads {
            prop_assert!(t.behind <= behind, "{:?} {} behind", t.entity, t.behind);
            prop_assert!(t.ahead <= ahead, "{:?} {} ahead", t.entity, t.ahead);
        }
    }

    /// However the others sleep and wake, a busy thread has its share of the time, as if all of them
    /// were busy; and none of them has more than if it and the busy one were alone.
    #[test]
    fn sleeping_and_waking_gains_nothing(
        mine in -10i8..10,
        others in proptest::collection::vec(
            (-10i8..10, 0..SECOND, 1000..4 * SLICE, 1000..8 * SLICE), 1..8),
        lateness in prop_oneof![Just(0u64), 0..SLICE],
    ) {
        let mut machine = Machine::new(1, SLICE);
        machine.lateness = lateness;
        let me = busy(&mut machine, mine);
        let mut total = weight(mine);
        for &(nice, first, run, sleep) in &others {
            let plan = Plan::Cycle { first, run, sleep };
            machine.add(Priority::fair(nice), CpuSet::ALL, plan);
            total += weight(nice);
        }
        let end = 5 * SECOND;
        machine.run_until(end);
        let slack = (SLICE + lateness) as f64 * 3.0;
        let got = machine.threads[me].got as f64;
        let share = end as f64 * weight(mine) / total;
        prop_assert!(got >= share - slack, "busy: {got} of {share}");
        for (t, &(nice, ..)) in machine.threads[1..].iter().zip(&others) {
            let most = end as f64 * weight(nice) / (weight(nice) + weight(mine));
            prop_assert!(t.got as f64 <= most + slack, "{:?}: {} of {most}", t.entity, t.got);
        }
    }

    /// Who sleeps long and then wants all it can get, gets its share from then on, and no more.
    #[test]
    fn long_sleepers_do_not_monopolise(
        nices in proptest::collection::vec(-10i8..10, 1..6),
        nice in -10i8..10,
        asleep in SECOND..100 * SECOND,
    ) {
        let mut machine = Machine::new(1, SLICE);
        let mut total = weight(nice);
        for &n in &nices {
            busy(&mut machine, n);
            total += weight(n);
        }
        let plan = Plan::Cycle { first: 1, run: SLICE / 2, sleep: asleep };
        let sleeper = machine.add(Priority::fair(nice), CpuSet::ALL, plan);
        // Its first short run, then its long sleep; then it is made to want a long run.
        machine.run_until(asleep / 2);
        machine.threads[sleeper].want(u64::MAX / 2);
        while machine.threads[sleeper].is_asleep() {
            machine.run_until(machine.now + SLICE);
        }
        let (from, had) = (machine.now, machine.threads[sleeper].got);
        for _ in 0..50 {
            machine.run_until(machine.now + 7 * SLICE);
            let got = (machine.threads[sleeper].got - had) as f64;
            let share = (machine.now - from) as f64 * weight(nice) / total;
            prop_assert!((got - share).abs() <= 3.0 * SLICE as f64, "{got} of {share}");
        }
    }

    /// No thread waits longer than it takes everybody to have as much as it is owed.
    #[test]
    fn nobody_starves(
        nices in proptest::collection::vec(-20i8..20, 2..12),
        cycles in proptest::collection::vec((-20i8..20, 1000..2 * SLICE, 1000..4 * SLICE), 0..6),
    ) {
        let mut machine = Machine::new(1, SLICE);
        for &nice in &nices {
            busy(&mut machine, nice);
        }
        for &(nice, run, sleep) in &cycles {
            let plan = Plan::Cycle { first: sleep, run, sleep };
            machine.add(Priority::fair(nice), CpuSet::ALL, plan);
        }
        machine.run_until(10 * SECOND);
        let all = nices.iter().copied().chain(cycles.iter().map(|c| c.0));
        let total: f64 = all.clone().map(weight).sum();
        for (t, nice) in machine.threads.iter().zip(all) {
            let bound = 3.0 * SLICE as f64 * (total / weight(nice) + 1.0);
            let waited = t.longest_wait.max(t.waits_for(machine.now)) as f64;
            prop_assert!(waited <= bound, "{:?} waited {waited} of {bound}", t.entity);
        }
    }

    /// Threads that yield all the time neither hang the machine nor gain.
    #[test]
    fn yielding_gains_nothing(nices in proptest::collection::vec(-10i8..10, 1..5), mine in -10i8..10) {
        let mut machine = Machine::new(1, SLICE);
        let me = busy(&mut machine, mine);
        let mut total = weight(mine);
        for &nice in &nices {
            machine.add(Priority::fair(nice), CpuSet::ALL, Plan::Yield { run: 50_000 });
            total += weight(nice);
        }
        machine.run_until(SECOND);
        let share = SECOND as f64 * weight(mine) / total;
        prop_assert!(machine.threads[me].got as f64 >= share - 3.0 * SLICE as f64);
    }
}
