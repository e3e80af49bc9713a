//! Which thread a busy core gives away, and to whom, by hand.

mod support;

use layercake_sched::{BALANCE_SLICES, CoreLoad, CpuSet, Enqueue, EntityRef, Priority, RunQueue};
use support::{SLICE, busy_queue_of, thread};

fn busy(threads: u64) -> CoreLoad {
    CoreLoad {
        queued: threads as usize - 1,
        fair_weight: 1024 * threads,
        running: Some(Priority::NORMAL),
    }
}

/// Who goes from core 0, and where to.
fn moved(rq: &mut RunQueue, loads: &[CoreLoad]) -> Option<(EntityRef, usize)> {
    rq.balance(0, CpuSet::first(loads.len()), loads, 0).moved
}

#[test]
fn nobody_waits_so_nobody_looks() {
    let mut alone = busy_queue_of(&[&thread(Priority::NORMAL)]);
    assert_eq!(alone.balance_in(), None);
    let balance = alone.balance(0, CpuSet::first(2), &[busy(1), busy(1)], 0);
    assert!(balance.moved.is_none() && balance.again_in.is_none());
    let real_time = busy_queue_of(&[&thread(Priority::fifo(2)), &thread(Priority::fifo(1))]);
    assert_eq!(real_time.balance_in(), None);
}

#[test]
fn the_least_loaded_gets_one_and_of_equals_the_next() {
    let new = || [(); 4].map(|()| thread(Priority::NORMAL));
    let queue = |threads: &[EntityRef; 4]| busy_queue_of(&threads.each_ref()[..]);
    let threads = new();
    let mut rq = queue(&threads);
    assert_eq!(rq.balance_in(), Some(BALANCE_SLICES * SLICE));
    let loads = [busy(4), busy(3), busy(2), busy(2)];
    // Twice it would have been the one that runs: the first to come.
    let mut given = (0..).map_while(|n| (n < 9).then(|| moved(&mut rq, &loads)));
    let (e, to) = given.by_ref().flatten().next().unwrap();
    assert!(
        e.is(&threads[1]) && to == 2,
        "the longest here of those that wait"
    );
    let threads = new();
    let mut rq = queue(&threads);
    let level = [busy(4), busy(4), busy(4), busy(5)];
    assert!((0..9).all(|_| moved(&mut rq, &level).is_none()));
}

/// One that was here before it was renewed is here since it came back.
#[test]
fn who_was_renewed_is_not_the_longest_here() {
    let [used, runs, waits] = [(); 3].map(|()| thread(Priority::NORMAL));
    let mut rq = busy_queue_of(&[&used, &runs]);
    assert!(rq.block_and_pick(0).unwrap().is(&runs));
    used.renew(Priority::NORMAL, CpuSet::ALL);
    for one in [&waits, &used] {
        rq.enqueue(one.clone(), 0, Enqueue::Wake);
    }
    let loads = [busy(3), busy(1)];
    let mut given = (0..).map_while(|n| (n < 9).then(|| moved(&mut rq, &loads)));
    let (e, _) = given.by_ref().flatten().next().unwrap();
    assert!(e.is(&waits));
}

#[test]
fn who_runs_and_should_go_is_waited_for() {
    let (first, second) = (thread(Priority::NORMAL), thread(Priority::NORMAL));
    let mut rq = busy_queue_of(&[&first, &second]);
    let loads = [busy(2), busy(1)];
    let balance = rq.balance(0, CpuSet::first(2), &loads, 0);
    assert!(balance.moved.is_none());
    assert_eq!(balance.again_in, Some(SLICE), "it waits then");
    rq.tick(SLICE);
    assert!(rq.preempt_current(SLICE, |_| ()).unwrap().is(&second));
    let (e, to) = moved(&mut rq, &loads).unwrap();
    assert!(e.is(&first) && to == 1 && !e.is_linked());
}

#[test]
fn real_time_cores_get_nothing_and_from_under_real_time_all_may_go() {
    let (hog, fair) = (thread(Priority::fifo(9)), thread(Priority::NORMAL));
    let mut rq = busy_queue_of(&[&hog, &fair]);
    let mut loads = [busy(2), busy(1), busy(7)];
    loads[1].running = Some(Priority::round_robin(1));
    loads[1].fair_weight = 0;
    let (e, to) = moved(&mut rq, &loads).unwrap();
    assert!(e.is(&fair) && to == 2);
}

#[test]
fn affinity_binds() {
    let threads = [(); 3].map(|()| thread(Priority::NORMAL));
    for t in &threads {
        t.set_affinity(CpuSet::from_bits(0b011));
    }
    let mut rq = busy_queue_of(&threads.each_ref()[..]);
    let loads = [busy(3), busy(3), busy(1)];
    assert!((0..9).all(|_| moved(&mut rq, &loads).is_none()));
    threads[2].set_affinity(CpuSet::from_bits(0b101));
    let (e, to) = (0..9).find_map(|_| moved(&mut rq, &loads)).unwrap();
    assert!(e.is(&threads[2]) && to == 2);
}

#[test]
fn a_light_one_goes_rather_than_a_heavy_one() {
    let (heavy, light, other) = (
        thread(Priority::fair(-5)),
        thread(Priority::NORMAL),
        thread(Priority::fair(-5)),
    );
    let mut rq = busy_queue_of(&[&heavy, &other, &light]);
    // 3125 each, and 1024: to a core with 6000 only the light one is worth it.
    let mut loads = [busy(1), busy(1)];
    loads[1].fair_weight = 6000;
    let (e, _) = (0..9).find_map(|_| moved(&mut rq, &loads)).unwrap();
    assert!(e.is(&light));
}
