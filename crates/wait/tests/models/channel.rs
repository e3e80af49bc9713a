//! The channel: values are neither lost nor doubled, and nobody sleeps beside one, or beside
//! room.

use crate::explore;
use layercake_wait::channel::SendError;
use layercake_wait::host::loom::{LoomHost, advance_to, enter, spawn};
use layercake_wait::{Channel, Instant, WaitError};
use std::sync::Arc;

type One = Channel<u32, 1, LoomHost>;

/// `senders` send one value each through room for one.
fn passes(senders: u32) {
    let channel = Arc::new(One::new("c"));
    let threads: Vec<_> = (0..senders)
        .map(|n| {
            let channel = channel.clone();
            spawn(move |cx| channel.send(cx, 1 << n))
        })
        .collect();
    let sum: u32 = enter(|cx| (0..senders).map(|_| channel.recv(cx).unwrap()).sum());
    assert_eq!(sum, (1 << senders) - 1);
    for thread in threads {
        assert_eq!(thread.join().unwrap(), Ok(()));
    }
}

#[test]
fn channel_conserves_values_2() {
    explore(3, || passes(2));
}

#[test]
#[ignore = "full"]
fn channel_conserves_values_3() {
    explore(2, || passes(3));
}

/// One value, two receivers, then the end: one gets it, both come back.
#[test]
fn channel_close_tells_receivers() {
    explore(2, || {
        let channel = Arc::new(One::new("c"));
        let other = spawn({
            let channel = channel.clone();
            move |cx| channel.recv(cx).is_ok()
        });
        let closer = loom::thread::spawn({
            let channel = channel.clone();
            move || {
                channel.try_send(1).unwrap();
                channel.close();
            }
        });
        let got = enter(|cx| channel.recv(cx)).is_ok();
        closer.join().unwrap();
        assert_ne!(got, other.join().unwrap());
    });
}

/// A sender that waits for room is told of the closing, with its value; or had it received.
#[test]
fn channel_close_tells_senders() {
    explore(3, || {
        let channel = Arc::new(One::new("c"));
        channel.try_send(1).unwrap();
        let other = loom::thread::spawn({
            let channel = channel.clone();
            move || {
                let first = channel.try_recv();
                channel.close();
                first
            }
        });
        let sent = enter(|cx| channel.send(cx, 2));
        assert_eq!(other.join().unwrap(), Ok(1));
        assert_eq!(channel.try_recv().is_ok(), sent.is_ok());
        assert!(sent.is_ok() || sent == Err(SendError(2)));
    });
}

/// A deadline that comes with the room: the value is in the channel or comes back.
#[test]
fn channel_deadline() {
    explore(2, || {
        let channel = Arc::new(One::new("c"));
        channel.try_send(1).unwrap();
        let deadline = Instant::from_nanos(10);
        let clock = loom::thread::spawn(move || advance_to(deadline));
        let receiver = loom::thread::spawn({
            let channel = channel.clone();
            move || channel.try_recv()
        });
        let sent = enter(|cx| channel.send_deadline(cx, deadline, 2));
        clock.join().unwrap();
        assert_eq!(receiver.join().unwrap(), Ok(1));
        match sent {
            Ok(()) => assert_eq!(channel.try_recv(), Ok(2)),
            Err(error) => assert_eq!(error.into_inner(), 2),
        }
        assert!(channel.is_empty());
    });
}

/// A deadline that comes with the value: it is received, or left for others.
#[test]
fn channel_recv_deadline() {
    explore(3, || {
        let channel = Arc::new(One::new("c"));
        let deadline = Instant::from_nanos(10);
        let clock = loom::thread::spawn(move || advance_to(deadline));
        let sender = loom::thread::spawn({
            let channel = channel.clone();
            move || channel.try_send(1)
        });
        let received = enter(|cx| channel.recv_deadline(cx, deadline));
        clock.join().unwrap();
        assert_eq!(sender.join().unwrap(), Ok(()));
        match received {
            Ok(value) => assert_eq!(value, 1),
            Err(error) => {
                assert_eq!(error, WaitError::TimedOut);
                assert_eq!(channel.try_recv(), Ok(1));
            }
        }
        assert!(channel.is_empty());
    });
}

/// Two wait for a value, one of them not for long: what is sent goes to either, once.
#[test]
fn channel_leaving_loses_no_value() {
    explore(2, || {
        let channel = Arc::new(One::new("c"));
        let deadline = Instant::from_nanos(10);
        let patient = spawn({
            let channel = channel.clone();
            move |cx| channel.recv(cx)
        });
        let other = loom::thread::spawn({
            let channel = channel.clone();
            move || {
                channel.try_send(1).unwrap();
                advance_to(deadline);
            }
        });
        let mut sum = enter(|cx| channel.recv_deadline(cx, deadline)).unwrap_or(0);
        other.join().unwrap();
        if sum == 1 {
            channel.try_send(2).unwrap();
            sum = 2;
        } else {
            sum = 1;
        }
        assert_eq!(patient.join().unwrap(), Ok(sum));
        assert!(channel.is_empty());
    });
}
