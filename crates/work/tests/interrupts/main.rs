//! The steps of an item as a small machine with interrupts, every order of them.
//!
//! Here the protocol is checked, not the code that ships: that masking, the order of the steps, and
//! what is asked again under a lock are all needed, and together enough. The code is checked by the
//! loom models, which know no interrupts, and on the seeded host, which tries some orders and not
//! all. What each step is for is said in `src/item.rs` and `src/delay.rs`.
//!
//! ```text
//!   core 0                   core 1        core 2        core 3
//!   ------                   ------        ------        ------
//!   cancels the item         works on      works on      queues the item on B,
//!   and waits for its end    queue A       queue B       flushes it
//!   -- interrupts: --
//!   a device queues it on A;
//!   the timer: its delay is over, it goes to A
//! ```
//!
//! At first the item is delayed. Its first run queues it again: on B, or with a delay.
//!
//! Here are the tests: the protocol in every order, and the wrong versions that must be found. The
//! machine itself is in the modules.
#![cfg(all(not(loom), not(miri)))]

mod cancelling;
mod flushing;
mod machine;
mod model;
mod mutant;
#[path = "../../../wait/tests/support/parties.rs"]
mod parties;
mod queueing;
mod working;

use machine::{Again, Protocol};
use mutant::Mutant;
use parties::{NOBODY_IS_STUCK, holds_in_every_order};
use stateright::{Checker, Model};

#[test]
fn the_protocol_holds_in_every_order() {
    for again in [Again::OnB, Again::Delayed] {
        let mutant = Mutant::None;
        holds_in_every_order(Protocol { mutant, again });
    }
}

/// Expects that a wrong version breaks `property`, in one scenario at least.
#[track_caller]
fn rejected(mutant: Mutant, property: &'static str) {
    let broken = [Again::OnB, Again::Delayed].into_iter().any(|again| {
        let checker = Protocol { mutant, again }.checker().spawn_bfs().join();
        checker.discovery(property).is_some()
    });
    assert!(broken, "{mutant:?} does not break: {property}");
}

#[test]
fn without_masking_a_handler_waits_for_its_own_core() {
    rejected(Mutant::NeverMasks, NOBODY_IS_STUCK);
}

#[test]
fn what_is_read_late_is_another_ones() {
    rejected(Mutant::ClearThenRead, "a worker knows what it runs");
}

#[test]
fn two_workers_must_not_run_it() {
    rejected(Mutant::RunOnTwoWorkers, "one run at a time");
}

#[test]
fn pending_must_go_off_before_the_run() {
    rejected(
        Mutant::PendingUntilTheEnd,
        "every call is answered by a run",
    );
}

#[test]
fn what_was_set_aside_must_come_back() {
    rejected(Mutant::LostRequeue, NOBODY_IS_STUCK);
}

#[test]
fn cancelling_must_keep_others_from_queueing() {
    rejected(Mutant::CancelMissesRearm, "what was cancelled is idle");
}

#[test]
fn cancelling_must_ask_where_it_is() {
    rejected(Mutant::CancelsUnasked, "what was cancelled is idle");
}

#[test]
fn cancelling_must_stop_the_timer() {
    rejected(Mutant::CancelLeavesTimer, "what was cancelled is idle");
}

#[test]
fn expiry_must_ask_whether_it_is_still_delayed() {
    rejected(Mutant::ExpiresUnasked, "what was cancelled is idle");
}

#[test]
fn a_flush_must_count_what_is_pending() {
    rejected(Mutant::FlushForgetsPending, "what was flushed has run");
}
