//! S2 on 1 to 64 cores: the simulated machine itself checks, at each step, that every runnable
//! thread is on one queue, that affinity holds and that no core idles in vain.

use layercake_sched::{CpuSet, Priority};
use layercake_sim::{Machine, Plan};
use proptest::prelude::*;

const SLICE: u64 = 4_000_000;
const SECOND: u64 = 1_000_000_000;

fn priority() -> impl Strategy<Value = Priority> {
    prop_oneof![
        1 => (0u8..64).prop_map(Priority::fifo),
        1 => (0u8..4).prop_map(Priority::round_robin),
        4 => (-20i8..20).prop_map(Priority::fair),
        1 => Just(Priority::Idle),
    ]
}

fn plan() -> impl Strategy<Value = Plan> {
    let cycle = (0..SECOND / 10, 1000..3 * SLICE, 1000..3 * SLICE);
    prop_oneof![
        1 => Just(Plan::Busy),
        4 => cycle.prop_map(|(first, run, sleep)| Plan::Cycle { first, run, sleep }),
        1 => (10_000..SLICE).prop_map(|run| Plan::Yield { run }),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: if cfg!(miri) { 1 } else { 80 },
        failure_persistence: None,
        ..ProptestConfig::default()
    })]

    #[test]
    fn every_runnable_thread_is_somewhere_it_may_be(
        cores in prop_oneof![4 => 1usize..5, 1 => 5usize..65],
        threads in proptest::collection::vec((priority(), any::<u64>(), plan()), 1..24),
        lateness in 0..SLICE,
    ) {
        let mut machine = Machine::new(cores, SLICE);
        machine.lateness = lateness;
        for (priority, cores_wanted, plan) in threads {
            let allowed = CpuSet::from_bits(cores_wanted);
            let online = CpuSet::first(cores);
            let affinity = if allowed.and(online).is_empty() { online } else { allowed };
            machine.add(priority, affinity, plan);
        }
        machine.run_until(if cfg!(miri) { SECOND / 50 } else { SECOND / 4 });
        let got: u64 = machine.threads.iter().map(|t| t.got).sum();
        prop_assert!(got <= cores as u64 * machine.now);
        for t in &machine.threads {
            prop_assert!(t.entity.run_time() <= t.got);
        }
    }
}

#[test]
fn real_time_leaves_the_rest_only_what_it_does_not_want() {
    let mut machine = Machine::new(1, SLICE);
    let plan = Plan::Cycle {
        first: 0,
        run: 3 * SLICE,
        sleep: SLICE,
    };
    let urgent = machine.add(Priority::fifo(10), CpuSet::ALL, plan);
    let fair = machine.add(Priority::fair(-20), CpuSet::ALL, Plan::Busy);
    let idle = machine.add(Priority::Idle, CpuSet::ALL, Plan::Busy);
    machine.run_until(40 * SLICE);
    assert_eq!(machine.threads[urgent].got, 30 * SLICE);
    assert_eq!(machine.threads[fair].got, 10 * SLICE);
    assert_eq!(machine.threads[idle].got, 0);
    assert_eq!(machine.threads[urgent].longest_wait, 0);
}

#[test]
fn round_robin_equals_share_equally() {
    let mut machine = Machine::new(1, SLICE);
    let all: Vec<_> = (0..3)
        .map(|_| machine.add(Priority::round_robin(7), CpuSet::ALL, Plan::Busy))
        .collect();
    machine.run_until(30 * SLICE);
    assert!(all.iter().all(|&i| machine.threads[i].got == 10 * SLICE));
}

#[test]
fn four_busy_threads_on_four_cores_run_undisturbed() {
    let mut machine = Machine::new(4, SLICE);
    for _ in 0..4 {
        machine.add(Priority::NORMAL, CpuSet::ALL, Plan::Busy);
    }
    machine.run_until(SECOND);
    assert!(
        machine
            .threads
            .iter()
            .all(|t| t.got == SECOND && t.switches() == 1)
    );
}
