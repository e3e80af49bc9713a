//! Any sequence of steps on two queues against a simple model of what they should do.
//!
//! One thread owns all the waiters, so nothing runs at the same time: what interleaves is checked
//! elsewhere, here it is who is woken, in which order, and what is handed on.
#![cfg(all(not(loom), not(miri)))]

use layercake_wait::host::std::{StdHost, enter};
use layercake_wait::{Instant, WaitQueue, Waiter};
use proptest::prelude::*;
use std::pin::Pin;

const WAITERS: usize = 24; // more than a batch
const SHARED: usize = 20; // from here on they are shared

#[derive(Clone, Debug)]
enum Step {
    Prepare { waiter: usize, queue: usize },
    Clear(usize),
    Accept(usize),
    TimeOut(usize),
    WakeOne(usize),
    WakeN(usize, usize),
    WakeAll(usize),
}

fn step() -> impl Strategy<Value = Step> {
    let (waiter, queue) = (0..WAITERS, 0..2_usize);
    prop_oneof![
        8 => (waiter.clone(), queue.clone()).prop_map(|(waiter, queue)| Step::Prepare { waiter, queue }),
        2 => waiter.clone().prop_map(Step::Clear),
        2 => waiter.clone().prop_map(Step::Accept),
        1 => waiter.prop_map(Step::TimeOut),
        3 => queue.clone().prop_map(Step::WakeOne),
        1 => (queue.clone(), 0..30_usize).prop_map(|(queue, n)| Step::WakeN(queue, n)),
        1 => queue.prop_map(Step::WakeAll),
    ]
}

#[derive(Clone, Copy, PartialEq)]
enum State {
    Idle,
    Waiting(usize),
    WokenOne(usize),
    WokenAll(usize),
}

/// The queues as lists of waiters with the tickets of their arrival.
struct Model {
    queues: [Vec<(u64, usize)>; 2],
    states: [State; WAITERS],
    tickets: [u64; WAITERS],
    next_ticket: u64,
}

impl Model {
    fn remove(&mut self, waiter: usize) {
        for queue in &mut self.queues {
            queue.retain(|entry| entry.1 != waiter);
        }
    }

    fn clear(&mut self, waiter: usize) {
        let before = std::mem::replace(&mut self.states[waiter], State::Idle);
        self.remove(waiter);
        if let State::WokenOne(queue) = before {
            self.wake(queue, 1);
        }
    }

    fn prepare(&mut self, waiter: usize, queue: usize) {
        match self.states[waiter] {
            State::Waiting(on) if on == queue => return,
            State::WokenOne(on) | State::WokenAll(on) if on == queue => {}
            _ => self.clear(waiter),
        }
        let same_kind = |w: usize| (w >= SHARED) == (waiter >= SHARED);
        let oldest = self.queues[queue].iter().find(|entry| same_kind(entry.1));
        let keeps = self.states[waiter] == State::WokenOne(queue)
            && oldest.is_none_or(|entry| entry.0 > self.tickets[waiter]);
        if !keeps {
            self.tickets[waiter] = self.next_ticket;
            self.next_ticket += 1;
        }
        self.queues[queue].push((self.tickets[waiter], waiter));
        self.queues[queue].sort_unstable();
        self.states[waiter] = State::Waiting(queue);
    }

    /// Wakes `n` exclusive waiters and all shared ones; says how many exclusive ones.
    fn wake(&mut self, queue: usize, n: usize) -> usize {
        let mut left = n;
        let states = &mut self.states;
        self.queues[queue].retain(|&(_, waiter)| {
            if waiter >= SHARED {
                states[waiter] = State::WokenAll(queue);
            } else if left > 0 {
                left -= 1;
                states[waiter] = State::WokenOne(queue);
            } else {
                return true;
            }
            false
        });
        n - left
    }

    fn wake_all(&mut self, queue: usize) -> usize {
        let woken = std::mem::take(&mut self.queues[queue]);
        for (_, waiter) in &woken {
            self.states[*waiter] = State::WokenAll(queue);
        }
        woken.len()
    }
}

fn check(steps: Vec<Step>) {
    let queues = [WaitQueue::<StdHost>::new("a"), WaitQueue::new("b")];
    let waiters: Vec<Pin<Box<Waiter<'_, StdHost>>>> = (0..WAITERS)
        .map(|i| {
            Box::pin(if i < SHARED {
                Waiter::new()
            } else {
                Waiter::shared()
            })
        })
        .collect();
    let mut model = Model {
        queues: [Vec::new(), Vec::new()],
        states: [State::Idle; WAITERS],
        tickets: [0; WAITERS],
        next_ticket: 0,
    };
    enter(|cx| {
        for step in steps {
            match step {
                Step::Prepare { waiter, queue } => {
                    waiters[waiter].as_ref().prepare(&queues[queue], cx);
                    model.prepare(waiter, queue);
                }
                Step::Clear(waiter) => {
                    waiters[waiter].as_ref().clear();
                    model.clear(waiter);
                }
                Step::Accept(waiter) => {
                    waiters[waiter].as_ref().accept();
                    model.remove(waiter);
                    model.states[waiter] = State::Idle;
                }
                Step::TimeOut(waiter) => {
                    let result = waiters[waiter]
                        .as_ref()
                        .maybe_block_until(cx, Instant::ZERO);
                    let waited = matches!(model.states[waiter], State::Waiting(_));
                    assert_eq!(result.is_err(), waited);
                    if waited {
                        model.clear(waiter);
                    }
                }
                Step::WakeOne(queue) => {
                    assert_eq!(queues[queue].wake_one(), model.wake(queue, 1) == 1);
                }
                Step::WakeN(queue, n) => {
                    assert_eq!(queues[queue].wake_n(n), model.wake(queue, n));
                }
                Step::WakeAll(queue) => {
                    assert_eq!(queues[queue].wake_all(), model.wake_all(queue));
                }
            }
            for (waiter, state) in waiters.iter().zip(model.states) {
                assert_eq!(waiter.is_waiting(), matches!(state, State::Waiting(_)));
            }
            for (queue, list) in queues.iter().zip(&model.queues) {
                assert_eq!(queue.waiters(), list.len());
            }
        }
    });
    drop(waiters);
    assert_eq!(queues.each_ref().map(WaitQueue::waiters), [0, 0]);
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 2_000,
        failure_persistence: None,
        ..ProptestConfig::default()
    })]

    #[test]
    fn as_the_model_says(steps in prop::collection::vec(step(), 1..120)) {
        check(steps);
    }
}
