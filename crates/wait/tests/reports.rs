//! What the crate's types say of themselves, for people: their `Debug`, and errors as sentences.
#![cfg(not(loom))]

use layercake_wait::channel::{SendDeadlineError, SendError, TryRecvError, TrySendError};
use layercake_wait::host::std::{StdHost, enter};
use layercake_wait::{
    AsyncHost, AsyncQueue, Barrier, Cancelled, Channel, Closed, Host, Instant, Interval, Mutex,
    RwLock, TimedOut, WaitError, WaitQueue, Waiter,
};
use std::fmt::Debug;
use std::time::Duration;

/// It names its type, and has these parts.
fn says(what: &dyn Debug, parts: &[&str]) {
    let text = format!("{what:?}");
    for part in parts {
        assert!(text.contains(part), "{part} is not in {text}");
    }
}

#[test]
fn queues_and_what_stands_on_them_give_the_name_and_who_waits() {
    let queue = WaitQueue::<StdHost>::new("mail");
    assert_eq!(queue.name(), "mail");
    says(&queue, &["WaitQueue {", "name: \"mail\"", "waiters: 0"]);
    let channel = Channel::<u8, 1, StdHost>::new("ring");
    says(&channel, &["Channel {", "name: \"ring\""]);
    let barrier = Barrier::<StdHost>::new("gate", 3);
    says(&barrier, &["Barrier {", "threads: 3", "\"gate\""]);
    let waiter = Waiter::<StdHost>::new();
    says(&waiter, &["Waiter {", "queue: None"]);
    let first = Instant::ZERO + Duration::from_secs(7);
    let interval = Interval::<StdHost>::starting_at(first, Duration::from_secs(2));
    says(&interval, &["Interval {", "period: 2s"]);
}

#[test]
fn locks_say_whether_they_are_taken_and_guards_what_they_guard() {
    let mutex = Mutex::<_, StdHost>::new("mutex", 17);
    let lock = RwLock::<_, StdHost>::new("lock", 18);
    enter(|cx| {
        says(&mutex, &["Mutex {", "\"mutex\"", "locked: false"]);
        let guard = mutex.lock(cx);
        says(&mutex, &["locked: true"]);
        assert_eq!(format!("{guard:?}"), "17");
        drop(guard);
        let guard = lock.read(cx);
        says(&lock, &["RwLock {", "readers: 1", "waiters: 0"]);
        assert_eq!(format!("{guard:?}"), "18");
        drop(guard);
        assert_eq!(format!("{:?}", lock.write(cx)), "18");
    });
}

#[test]
fn futures_say_on_what_they_wait() {
    let queue = AsyncQueue::<StdHost>::new("bell");
    let future = queue.wait_async(|| None::<()>);
    says(&future, &["WaitFuture {", "\"bell\"", "waits: false"]);
    says(&AsyncHost::<StdHost>::current(), &["Thread"]);
}

#[test]
fn errors_are_sentences() {
    assert_eq!(TimedOut.to_string(), "timed out");
    assert_eq!(Closed.to_string(), "closed");
    assert_eq!(Cancelled.to_string(), "cancelled");
    assert_eq!(WaitError::from(TimedOut).to_string(), "timed out");
    assert_eq!(WaitError::from(Closed).to_string(), "closed");
    let (full, closed) = ("the channel is full", "the channel is closed");
    assert_eq!(TrySendError::Full(1).to_string(), full);
    assert_eq!(TrySendError::Closed(1).to_string(), closed);
    assert_eq!(SendError(1).to_string(), closed);
    assert_eq!(SendDeadlineError::Closed(1).to_string(), closed);
    assert_eq!(SendDeadlineError::TimedOut(1).to_string(), "timed out");
    assert_eq!(TryRecvError::Empty.to_string(), "the channel is empty");
    assert_eq!(TryRecvError::Closed.to_string(), closed);
}

#[test]
fn a_value_that_was_not_sent_comes_back() {
    assert_eq!(TrySendError::Full(3).into_inner(), 3);
    assert_eq!(TrySendError::Closed(4).into_inner(), 4);
    assert_eq!(SendDeadlineError::Closed(5).into_inner(), 5);
    assert_eq!(SendDeadlineError::TimedOut(6).into_inner(), 6);
}
