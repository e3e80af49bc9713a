//! A check that rejects nothing proves nothing: each known mistake, put into the shipped code,
//! must make the model of its invariant fail.

use crate::run_apart;

/// Runs the model `name` with `mutant` switched on and expects it to fail.
fn rejected(mutant: &str, name: &str) {
    let (passed, _) = run_apart(name, Some(mutant));
    assert!(!passed, "{name} passes with {mutant}");
}

/// Attempt 1 inside the queue: the look comes before the waiter is on it.
#[test]
fn check_then_enqueue() {
    rejected(
        "CheckThenEnqueue",
        "queue::w1_no_lost_wakeup::waiters_2_bound_3",
    );
}

#[test]
fn waker_without_fence() {
    rejected(
        "WakerWithoutFence",
        "queue::w1_no_lost_wakeup::waiters_2_bound_3",
    );
}

#[test]
fn waiter_without_fence() {
    rejected(
        "WaiterWithoutFence",
        "queue::w1_no_lost_wakeup::waiters_2_bound_3",
    );
}

/// The waiter says that it waits after the lock is free: a wake in between is overwritten.
#[test]
fn state_set_late() {
    rejected(
        "StateSetLate",
        "queue::w1_no_lost_wakeup::waiters_2_bound_3",
    );
}

#[test]
fn swallowed_wake_one() {
    rejected(
        "SwallowedWakeOne",
        "queue::w3_leaving_hands_on::waiters_2_bound_3",
    );
    rejected(
        "SwallowedWakeOne",
        "queue::w3_wake_one_conserved::waiters_2_bound_3",
    );
}

#[test]
fn last_in_first_out() {
    rejected(
        "LastInFirstOut",
        "order::w4_first_in_first_out::waiters_3_bound_2",
    );
    rejected(
        "LastInFirstOut",
        "order::w4_first_in_first_out::waiters_2_bound_3",
    );
}

#[test]
fn sweep_without_end() {
    rejected(
        "SweepWithoutEnd",
        "order::w5_wake_all_ends::waiters_3_bound_2",
    );
}

/// The waiter sees that it was woken while the waker still has to read its handle.
#[test]
fn state_before_handle() {
    rejected("StateBeforeHandle", "queue::w7_last_touch_before_return");
    rejected(
        "StateBeforeHandle",
        "leaving::w7_last_touch::waiters_2_bound_3",
    );
}

/// The clock alone decides that the deadline won.
#[test]
fn deadline_ignores_wake() {
    rejected("DeadlineIgnoresWake", "deadlines::w9_one_winner_of_a_race");
    rejected(
        "DeadlineIgnoresWake",
        "deadlines::w9_one_winner_deadline_first::waiters_2_bound_3",
    );
}

/// Who was woken in vain waits on without its deadline.
#[test]
fn vain_wake_extends() {
    rejected(
        "VainWakeExtends",
        "deadlines::w9_vain_wakes::waiters_2_bound_3",
    );
    rejected(
        "VainWakeExtends",
        "deadlines::w9_stray_permits::waiters_2_bound_3",
    );
}

#[test]
fn unlock_without_wake() {
    rejected("UnlockWithoutWake", "primitives::mutex_excludes_2");
}

/// A condition variable that gives the lock back first: attempt 1 again.
#[test]
fn unlock_then_enqueue() {
    rejected("UnlockThenEnqueue", "primitives::condvar_does_not_lose");
    rejected(
        "UnlockThenEnqueue",
        "primitives::condvar_under_spinlock_does_not_lose_1",
    );
}

/// wait_any back on the queues before it looked: a wake-one that it has no use for is forgotten.
#[test]
fn prepare_before_look() {
    rejected(
        "PrepareBeforeLook",
        "primitives::wait_any_hands_on_what_it_did_not_use",
    );
}

/// Those who wait are woken first and look while the queue is still open.
#[test]
fn wake_then_close() {
    rejected("WakeThenClose", "closing::close_tells_everybody_2");
}

/// On the queue, but without the look that follows: permits that came before are slept on.
#[test]
fn enqueue_without_look() {
    rejected(
        "EnqueueWithoutLook",
        "permits::permits_are_conserved_2_waiters",
    );
}

/// Who gives up at the head leaves those behind it asleep beside a free permit.
#[test]
fn leaver_holds_up() {
    rejected("LeaverHoldsUp", "permits::who_gives_up_does_not_hold_up");
}

/// A writer that leaves room for a reader.
#[test]
fn writer_leaves_room() {
    rejected("WriterLeavesRoom", "rwlock::rwlock_excludes_2");
}

/// Who gives up at a barrier is still counted, and makes a round full when it comes again.
#[test]
fn leaver_stays_counted() {
    rejected("LeaverStaysCounted", "barrier::barrier_deadline");
}

/// Room that nobody is told of.
#[test]
fn recv_without_wake() {
    rejected("RecvWithoutWake", "channel::channel_conserves_values_2");
}

/// A value that goes into the ring although somebody waits for one.
#[test]
fn send_past_receiver() {
    rejected("SendPastReceiver", "channel::channel_conserves_values_2");
}

/// Who receives waits although the channel was closed since it looked.
#[test]
fn wait_on_closed() {
    rejected("WaitOnClosed", "channel::channel_close_tells_receivers");
}

/// A receiver sees that it is served before its value is there; or while its handle is still read.
#[test]
fn channel_state_too_early() {
    rejected("StateBeforeValue", "channel::channel_conserves_values_2");
    rejected("StateBeforeHandle", "channel::channel_conserves_values_2");
}

/// The clock alone decides that the deadline won: the value is lost, or sent and unsent.
#[test]
fn channel_deadline_ignores_wake() {
    rejected("DeadlineIgnoresWake", "channel::channel_recv_deadline");
    rejected("DeadlineIgnoresWake", "channel::channel_deadline");
}

/// A future that joins the queue and does not look again.
#[test]
fn poll_without_look() {
    rejected("PollWithoutLook", "futures::w1_futures_2_waiters");
}

/// Who takes a mutex from the queue forgets that others may still be on it.
#[test]
fn taker_forgets_others() {
    rejected("TakerForgetsOthers", "primitives::mutex_excludes_3");
}

/// Those who wait are woken first and find the token as it was.
#[test]
fn wake_then_cancel() {
    rejected(
        "WakeThenCancel",
        "cancelling::cancel_ends_a_wait_with_a_deadline",
    );
    rejected("WakeThenCancel", "cancelling::cancel_ends_a_sleep");
}

/// The token is asked after the last look: what came between both is left behind.
#[test]
fn look_then_token() {
    rejected(
        "LookThenToken",
        "cancelling::an_event_before_the_cancel_wins",
    );
}
