//! What can be called, what is said to it, and which calls are tried: the words that the model and the
//! real thing have in common. What a call does is the business of those two.

use layercake_work::Queued;
use proptest::prelude::*;
use std::collections::VecDeque;

pub const ITEMS: usize = 3;
pub const QUEUES: usize = 2;

/// One call. Items and queues by number, times in ns.
#[derive(Clone, Copy, Debug)]
pub enum Call {
    Queue {
        item: usize,
        on: usize,
    },
    Delay {
        item: usize,
        on: usize,
        after: u64,
    },
    PutOff {
        item: usize,
        on: usize,
        after: u64,
    },
    /// By the item that runs, of itself.
    AgainAfter {
        delay: u64,
    },
    AgainEvery {
        period: u64,
    },
    Cancel {
        item: usize,
    },
    Disable {
        item: usize,
    },
    Enable {
        item: usize,
    },
    Pass {
        time: u64,
    },
    Expire,
    Run {
        on: usize,
    },
    Close {
        on: usize,
    },
    CloseDelays,
}

/// What a call said, and which items ran.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Event {
    Queued(Queued),
    Was(bool),
    Ran(usize),
    Next(Option<u64>),
}

/// What anybody may call.
fn a_call() -> impl Strategy<Value = Call> {
    let (item, on, after) = (0..ITEMS, 0..QUEUES, 0..30_u64);
    let target = (item.clone(), on.clone(), after.clone());
    prop_oneof![
        6 => (item.clone(), on.clone()).prop_map(|(item, on)| Call::Queue { item, on }),
        5 => target.clone().prop_map(|(item, on, after)| Call::Delay { item, on, after }),
        3 => target.prop_map(|(item, on, after)| Call::PutOff { item, on, after }),
        2 => item.clone().prop_map(|item| Call::Cancel { item }),
        1 => item.clone().prop_map(|item| Call::Disable { item }),
        2 => item.prop_map(|item| Call::Enable { item }),
        2 => after.prop_map(|time| Call::Pass { time }),
        3 => Just(Call::Expire),
        1 => on.prop_map(|on| Call::Close { on }),
    ]
}

/// What an item calls while it runs.
fn a_runs_call() -> impl Strategy<Value = Call> {
    prop_oneof![
        6 => a_call(),
        1 => (0..30_u64).prop_map(|delay| Call::AgainAfter { delay }),
        1 => (1..30_u64).prop_map(|period| Call::AgainEvery { period }),
    ]
}

/// What is called from outside.
pub fn a_callers_call() -> impl Strategy<Value = Call> {
    prop_oneof![
        24 => a_call(),
        4 => (0..QUEUES).prop_map(|on| Call::Run { on }),
        1 => Just(Call::CloseDelays),
    ]
}

/// For each item, what it does in its first runs.
pub fn scripts() -> impl Strategy<Value = Vec<VecDeque<Vec<Call>>>> {
    let one_run = prop::collection::vec(a_runs_call(), 0..4);
    let one_item = prop::collection::vec_deque(one_run, 0..6);
    prop::collection::vec(one_item, ITEMS)
}
