//! Values from many to many.

use super::soon;
use layercake_sync::host::interrupt;
use layercake_wait::channel::{SendDeadlineError, SendError, TryRecvError, TrySendError};
use layercake_wait::host::std::{StdHost, enter, spawn};
use layercake_wait::{Channel, Closed, WaitError};
use std::sync::Arc;

type Four<T> = Channel<T, 4, StdHost>;

#[test]
fn first_in_first_out_and_full_at_n() {
    let channel = Four::new("c");
    assert_eq!(channel.try_recv(), Err(TryRecvError::Empty));
    for round in 0..3 {
        // From handlers, too.
        interrupt(|_| (0..4).for_each(|i| channel.try_send(round * 4 + i).unwrap()));
        assert_eq!(channel.try_send(99), Err(TrySendError::Full(99)));
        assert_eq!(channel.len(), 4);
        for i in 0..4 {
            assert_eq!(channel.try_recv(), Ok(round * 4 + i));
        }
        assert!(channel.is_empty());
        // Move the start of the ring.
        channel.try_send(0).unwrap();
        channel.try_recv().unwrap();
    }
}

#[test]
fn deadlines_give_the_value_back() {
    let channel = Channel::<_, 1, StdHost>::new("c");
    enter(|cx| {
        assert_eq!(channel.recv_deadline(cx, soon()), Err(WaitError::TimedOut));
        assert_eq!(channel.send_deadline(cx, soon(), "a"), Ok(()));
        let full = channel.send_deadline(cx, soon(), "b");
        assert_eq!(full, Err(SendDeadlineError::TimedOut("b")));
        assert_eq!(channel.recv_deadline(cx, soon()), Ok("a"));
    });
}

#[test]
fn what_is_left_of_a_closed_channel_is_received() {
    let channel = Four::new("c");
    channel.try_send("left").unwrap();
    channel.close();
    assert!(channel.is_closed());
    enter(|cx| {
        assert_eq!(channel.try_send("a"), Err(TrySendError::Closed("a")));
        assert_eq!(channel.send(cx, "b"), Err(SendError("b")));
        let closed = channel.send_deadline(cx, soon(), "c");
        assert_eq!(closed, Err(SendDeadlineError::Closed("c")));
        assert_eq!(channel.recv(cx), Ok("left"));
        assert_eq!(channel.recv(cx), Err(Closed));
        assert_eq!(channel.recv_deadline(cx, soon()), Err(WaitError::Closed));
    });
    assert_eq!(channel.try_recv(), Err(TryRecvError::Closed));
}

#[test]
fn closing_ends_waits_on_both_ends() {
    let empty = Arc::new(Four::<u8>::new("empty"));
    let full = Arc::new(Channel::<u8, 1, StdHost>::new("full"));
    full.try_send(1).unwrap();
    let receiver = spawn({
        let empty = empty.clone();
        move |cx| empty.recv(cx)
    });
    let sender = spawn({
        let full = full.clone();
        move |cx| full.send(cx, 2)
    });
    std::thread::sleep(std::time::Duration::from_millis(2));
    empty.close();
    full.close();
    assert_eq!(receiver.join().unwrap(), Err(Closed));
    assert_eq!(sender.join().unwrap(), Err(SendError(2)));
    assert_eq!(full.try_recv(), Ok(1));
}

/// More than are woken at a time.
#[test]
fn closing_tells_everybody() {
    let channel = Arc::new(Four::<u8>::new("many"));
    let receivers: Vec<_> = (0..18)
        .map(|_| {
            let channel = channel.clone();
            spawn(move |cx| channel.recv(cx))
        })
        .collect();
    std::thread::sleep(std::time::Duration::from_millis(20));
    channel.close();
    for receiver in receivers {
        assert_eq!(receiver.join().unwrap(), Err(Closed));
    }
}

/// Each value arrives once, and what nobody received is dropped with the channel.
#[test]
fn values_are_neither_lost_nor_doubled() {
    let rounds = if cfg!(miri) { 5 } else { 2_000 };
    let token = Arc::new(());
    let channel = Arc::new(Channel::<(u32, Arc<()>), 3, StdHost>::new("c"));
    let senders: Vec<_> = (0..3)
        .map(|i| {
            let (channel, token) = (channel.clone(), token.clone());
            spawn(move |cx| {
                for n in 0..rounds {
                    channel.send(cx, (n * 3 + i, token.clone())).unwrap();
                }
            })
        })
        .collect();
    let receivers: Vec<_> = (0..2)
        .map(|_| {
            let channel = channel.clone();
            spawn(move |cx| {
                let mut received = Vec::new();
                while let Ok((n, _token)) = channel.recv(cx) {
                    received.push(n);
                }
                received
            })
        })
        .collect();
    senders.into_iter().for_each(|t| t.join().unwrap());
    channel.close();
    let mut all = Vec::new();
    for receiver in receivers {
        let mut last = [None; 3];
        for n in receiver.join().unwrap() {
            let of_sender = &mut last[n as usize % 3];
            assert!(*of_sender < Some(n), "in the order of its sender");
            *of_sender = Some(n);
            all.push(n);
        }
    }
    all.sort_unstable();
    assert!(all.into_iter().eq(0..rounds * 3));
    assert_eq!(Arc::strong_count(&token), 1);
    let left = Four::new("left");
    assert!(left.is_empty() && !left.is_closed());
    left.try_send(token.clone()).unwrap();
    left.try_send(token.clone()).unwrap();
    assert_eq!((left.len(), left.is_empty()), (2, false));
    drop(left);
    assert_eq!(Arc::strong_count(&token), 1);
}
