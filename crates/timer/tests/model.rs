//! The queue against a `BTreeMap` from (deadline, order of arming) to timer, over random histories.

use layercake_timer::{Timer, TimerQueue, TimerRef};
use proptest::prelude::*;
use std::collections::BTreeMap;

/// How long a history is; Miri is slow.
const OPS: usize = if cfg!(miri) { 40 } else { 200 };

const TIMERS: usize = 30;

#[derive(Clone, Debug)]
enum Op {
    Arm(usize, u64),
    Cancel(usize),
    Pop(u64),
}

fn op() -> impl Strategy<Value = Op> {
    // Few different deadlines, so that many are equal; and the ends of the range.
    let deadline = prop_oneof![8 => 0u64..10, 1 => Just(u64::MAX), 1 => Just(u64::MAX - 1)];
    prop_oneof![
        4 => (0..TIMERS, deadline.clone()).prop_map(|(t, d)| Op::Arm(t, d)),
        2 => (0..TIMERS).prop_map(Op::Cancel),
        2 => deadline.prop_map(Op::Pop),
    ]
}

fn cases() -> u32 {
    if cfg!(miri) { 2 } else { 400 }
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: cases(),
        failure_persistence: None,
        ..ProptestConfig::default()
    })]

    #[test]
    fn does_what_an_ordered_map_does(ops in proptest::collection::vec(op(), 0..OPS)) {
        let timers: Vec<_> = (0..TIMERS).map(|_| Timer::new(|_| ())).collect();
        // SAFETY: TMR-LIVE: `timers` outlives the queue; TMR-LOCK: one thread.
        let handle = |t: usize| unsafe { TimerRef::from_raw(&raw const timers[t]) };
        let mut queue = TimerQueue::new();
        let mut model: BTreeMap<(u64, usize), usize> = BTreeMap::new();
        let key_of = |model: &BTreeMap<(u64, usize), usize>, t: usize| {
            model.iter().find(|(_, v)| **v == t).map(|(k, _)| *k)
        };
        for (step, op) in ops.into_iter().enumerate() {
            match op {
                Op::Arm(t, deadline) => {
                    if let Some(old) = key_of(&model, t) {
                        model.remove(&old);
                    }
                    model.insert((deadline, step), t);
                    let first = model.first_key_value().map(|(_, t)| *t);
                    let earliest = first == Some(t) && deadline < u64::MAX;
                    prop_assert_eq!(queue.arm(handle(t), deadline), earliest);
                    prop_assert_eq!(timers[t].deadline(), deadline);
                }
                Op::Cancel(t) => {
                    let old = key_of(&model, t);
                    prop_assert_eq!(queue.cancel(&timers[t]), old.is_some());
                    if let Some(old) = old {
                        model.remove(&old);
                    }
                }
                Op::Pop(now) => {
                    let due = model.first_key_value().filter(|(k, _)| k.0 <= now);
                    let due = due.map(|(k, t)| (*k, *t));
                    let popped = queue.pop_expired(now);
                    prop_assert_eq!(popped.is_some(), due.is_some());
                    if let (Some(popped), Some((key, t))) = (popped, due) {
                        prop_assert!(popped.is(&timers[t]));
                        model.remove(&key);
                    }
                }
            }
            prop_assert_eq!(queue.next_deadline(), model.keys().next().map(|k| k.0));
            prop_assert_eq!(queue.len(), model.len());
            let mut deadlines: Vec<_> = queue.iter().map(Timer::deadline).collect();
            deadlines.sort_unstable();
            prop_assert!(deadlines.into_iter().eq(model.keys().map(|k| k.0)));
            for (t, timer) in timers.iter().enumerate() {
                prop_assert_eq!(timer.is_armed(), key_of(&model, t).is_some());
            }
        }
        drop(queue);
        prop_assert!(timers.iter().all(|t| !t.is_armed()));
    }
}
