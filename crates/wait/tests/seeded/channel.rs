//! Values from threads and handlers, in every order.

use layercake_wait::channel::TrySendError;
use layercake_wait::host::seeded::{SeededHost, explore, on_interrupt, spawn};
use layercake_wait::{Channel, Host, WaitError, sleep};
use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::time::Duration;

/// A thread and a handler send, two threads receive, one of them in a hurry; what is sent is
/// received once, and everybody hears of the end.
#[test]
fn every_value_arrives_once() {
    explore(20_000, |cx| {
        let channel = Rc::new(Channel::<u32, 2, SeededHost>::new("c"));
        let sent = Rc::new(RefCell::new(Vec::new()));
        let (left, done) = (Rc::new(Cell::new(3_u32)), Rc::new(Cell::new(0)));
        on_interrupt({
            let (channel, sent) = (channel.clone(), sent.clone());
            let (left, done) = (left.clone(), done.clone());
            move |_| {
                if let Some(fewer) = left.get().checked_sub(1) {
                    left.set(fewer);
                    match channel.try_send(100 + fewer) {
                        Ok(()) => sent.borrow_mut().push(100 + fewer),
                        Err(TrySendError::Full(_)) => {}
                        Err(TrySendError::Closed(_)) => panic!("closed too early"),
                    }
                    done.set(done.get() + 1);
                }
            }
        });
        let sender = spawn({
            let (channel, sent) = (channel.clone(), sent.clone());
            move |cx| {
                for n in 0..4 {
                    channel.send(cx, n).unwrap();
                    sent.borrow_mut().push(n);
                }
            }
        });
        let receivers: Vec<_> = (0..2)
            .map(|i| {
                let channel = channel.clone();
                spawn(move |cx| {
                    let mut received = Vec::new();
                    loop {
                        let soon = SeededHost::now() + Duration::from_nanos(3);
                        let next = match i {
                            0 => channel.recv_deadline(cx, soon),
                            _ => channel.recv(cx).map_err(WaitError::from),
                        };
                        match next {
                            Ok(value) => received.push(value),
                            Err(WaitError::TimedOut) => assert_eq!(i, 0),
                            Err(WaitError::Closed) => return received,
                            Err(WaitError::Cancelled) => panic!("a channel has no token"),
                        }
                    }
                })
            })
            .collect();
        while done.get() < 3 {
            sleep::<SeededHost>(cx, Duration::from_nanos(10));
        }
        sender.join(cx);
        channel.close();
        let mut all: Vec<_> = receivers.into_iter().flat_map(|t| t.join(cx)).collect();
        all.sort_unstable();
        let mut sent = sent.take();
        sent.sort_unstable();
        assert_eq!(all, sent);
        assert!(channel.is_empty());
    });
}
