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
