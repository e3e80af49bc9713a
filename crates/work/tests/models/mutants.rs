//! A check that rejects nothing proves nothing: each known mistake, put into the shipped code,
//! must make the model of its invariant fail.
//!
//! The model runs in a process of its own, for a mistake may end one in any way there is.

use std::process::Command;

/// Runs the model `name` with `mutant` switched on and expects it to fail.
fn rejected(mutant: &str, name: &str) {
    let output = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", name, "--include-ignored", "--test-threads=1"])
        .env("LAYERCAKE_MUTANT", mutant)
        .output()
        .unwrap();
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(text.contains("running 1 test"), "no model {name}: {text}");
    assert!(!output.status.success(), "{name} passes with {mutant}");
}

/// `queue` only looks whether the item is pending, and publishes nothing to the run that it joins.
#[test]
fn join_without_release() {
    rejected("JoinWithoutRelease", "queueing::k1_k3_two_queuers");
}

/// PENDING goes off without acquiring what was published.
#[test]
fn start_without_acquire() {
    rejected("StartWithoutAcquire", "queueing::k1_k3_two_queuers");
}

/// PENDING goes off after the function, not before: who queues in between joins a run that has
/// already looked.
#[test]
fn pending_until_the_end() {
    rejected("PendingUntilTheEnd", "queueing::k1_k3_one_queuer_twice");
}

/// PENDING goes off before RUNNING comes on: in between another queue may start it, too.
#[test]
fn pending_off_then_running_on() {
    rejected("PendingOffThenRunningOn", "queueing::k2_two_queues");
}

/// What belongs to the run is read from the item after the item was given back.
#[test]
fn clear_then_read() {
    rejected("ClearThenRead", "queueing::k2_two_queues");
}

/// Where the item stood is read from it after PENDING went off, when the next queuer writes it.
#[test]
fn read_after_clear() {
    rejected("ReadAfterClear", "queueing::k2_two_queues");
}

#[test]
fn run_on_two_workers() {
    rejected("RunOnTwoWorkers", "queueing::k2_k3_requeue_elsewhere");
    rejected(
        "RunOnTwoWorkers",
        "queueing::k2_k3_requeue_among_two_workers",
    );
    rejected("RunOnTwoWorkers", "queueing::k2_two_queues");
}

/// The end of a run forgets that the item was set aside meanwhile.
#[test]
fn lost_requeue() {
    rejected("LostRequeue", "queueing::k2_k3_requeue_elsewhere");
    rejected("LostRequeue", "queueing::k2_two_queues");
}

/// Who finds the item idle does not wait for the end of the use of what comes with being busy.
#[test]
fn queue_without_acquire() {
    rejected("QueueWithoutAcquire", "queueing::k1_k3_one_queuer_twice");
}

/// Cancelling takes the item off and waits, but lets its function queue it again meanwhile.
#[test]
fn cancel_misses_rearm() {
    rejected(
        "CancelMissesRearm",
        "cancelling::k4_cancel_sync_of_a_self_requeuer",
    );
}

/// Cancelling an item that was set aside leaves it to the end of the run to put it back.
#[test]
fn withdraw_leaves_parked() {
    rejected(
        "WithdrawLeavesParked",
        "cancelling::k4_cancel_of_what_was_set_aside",
    );
}

/// A flush waits for the run in progress only.
#[test]
fn flush_forgets_pending() {
    rejected("FlushForgetsPending", "flushing::k4_flush_of_an_item");
    rejected("FlushForgetsPending", "flushing::k4_flush_follows_the_item");
}

/// Who waited for a run does not see what it did.
#[test]
fn flush_without_acquire() {
    rejected("FlushWithoutAcquire", "flushing::k4_flush_of_an_item");
    rejected("FlushWithoutAcquire", "cancelling::k4_disable_and_enable");
}

/// The end of a run wakes nobody who waits for it.
#[test]
fn end_tells_nobody() {
    rejected("EndTellsNobody", "flushing::k4_flush_of_an_item");
    rejected("EndTellsNobody", "flushing::k4_flush_of_a_queue");
    rejected("EndTellsNobody", "cancelling::k4_cancel_sync");
}

/// Cancelling a delayed item forgets to take it off the list of times.
#[test]
fn cancel_leaves_timer() {
    rejected(
        "CancelLeavesTimer",
        "delaying::k4_expiry_against_cancel_sync",
    );
}

/// The thread that looks at the clock is not told of an earlier time.
#[test]
fn keeper_not_told() {
    rejected("KeeperNotTold", "delaying::k1_the_keeper_is_told");
}

/// A worker blocks, and nobody is called for what waits.
#[test]
fn blocked_is_not_told() {
    rejected("BlockedIsNotTold", "pooling::k6_a_worker_is_made");
    rejected(
        "BlockedIsNotTold",
        "pooling::k6_the_rescuer_comes_when_there_are_enough",
    );
    rejected(
        "BlockedIsNotTold",
        "pooling::k6_the_rescuer_comes_back_for_what_is_left",
    );
}

/// No worker can be made, and the rescuer sleeps on.
#[test]
fn rescuer_is_not_called() {
    rejected("RescuerIsNotCalled", "pooling::k6_the_rescuer_comes");
}

/// The rescuer takes what others have been called for.
#[test]
fn rescuer_leaves_nothing() {
    rejected(
        "RescuerLeavesNothing",
        "pooling::k6_the_rescuer_leaves_it_to_who_was_called",
    );
}

/// A worker that goes to sleep is not on the list of those who can be called.
#[test]
fn worker_is_not_called() {
    rejected("WorkerIsNotCalled", "flushing::k4_flush_of_an_item");
}

/// What was kept for a worker that was called is not given up when it finds nothing.
#[test]
fn call_in_vain_is_kept() {
    rejected(
        "CallInVainIsKept",
        "calling::k6_a_call_for_what_was_cancelled",
    );
}

/// A pool asks for a worker by a plain store, which an earlier wait may swallow.
#[test]
fn ask_is_a_store() {
    rejected("AskIsAStore", "pooling::k6_a_worker_is_made");
}

/// A flush is refused only if it would wait for its own worker, not for one that waits for it.
#[test]
fn cycle_is_not_seen() {
    rejected("CycleIsNotSeen", "flushing::k5_a_cycle_of_two_queues");
}

/// A scope ends while its item runs.
#[test]
fn scope_does_not_wait() {
    rejected("ScopeDoesNotWait", "cancelling::k4_the_end_of_a_scope");
}

/// A queue is destroyed with an item on it.
#[test]
fn destroy_without_drain() {
    rejected("DestroyWithoutDrain", "destroying::k4_destroy_waits");
}

/// A queue is destroyed while somebody works on it.
#[test]
fn destroy_leaves_workers() {
    rejected("DestroyLeavesWorkers", "destroying::k4_destroy_waits");
}
