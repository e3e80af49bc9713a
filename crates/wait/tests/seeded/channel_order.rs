//! Any sequence of steps on a channel, some of which block: who gets which value, and when, is what a
//! simple model of two queues and a ring says.
//!
//! The scenario gives threads time to block before the next step, so that it knows who waits.

use layercake_sync::TaskCx;
use layercake_wait::channel::{SendError, TryRecvError, TrySendError};
use layercake_wait::host::seeded::{JoinHandle, SeededHost, explore, pick, spawn};
use layercake_wait::{Channel, Closed, sleep};
use std::cell::RefCell;
use std::collections::VecDeque;
use std::rc::Rc;
use std::time::Duration;

const ROOM: usize = 2;

/// How a blocking call ended.
#[derive(Clone, Copy, Debug, PartialEq)]
enum End {
    Sent,
    Received(u32),
    Unsent(u32),
    Closed,
}

/// Long enough for whoever can go on to do so, and block.
fn settle(cx: &mut TaskCx) {
    for _ in 0..8 {
        sleep::<SeededHost>(cx, Duration::from_nanos(1));
    }
}

/// What should be.
#[derive(Default)]
struct Model {
    values: VecDeque<u32>,
    receivers: VecDeque<usize>,
    senders: VecDeque<(usize, u32)>,
    closed: bool,
    ends: Vec<Option<End>>,
}

impl Model {
    fn call(&mut self) -> usize {
        self.ends.push(None);
        self.ends.len() - 1
    }

    fn offer(&mut self, value: u32) -> Result<(), TrySendError<u32>> {
        if self.closed {
            return Err(TrySendError::Closed(value));
        }
        if let Some(receiver) = self.receivers.pop_front() {
            self.ends[receiver] = Some(End::Received(value));
        } else if self.values.len() < ROOM {
            self.values.push_back(value);
        } else {
            return Err(TrySendError::Full(value));
        }
        Ok(())
    }

    fn take(&mut self) -> Result<u32, TryRecvError> {
        let Some(value) = self.values.pop_front() else {
            return Err(match self.closed {
                true => TryRecvError::Closed,
                false => TryRecvError::Empty,
            });
        };
        if let Some((sender, next)) = self.senders.pop_front() {
            self.values.push_back(next);
            self.ends[sender] = Some(End::Sent);
        }
        Ok(value)
    }

    fn close(&mut self) {
        self.closed = true;
        for (sender, value) in self.senders.drain(..) {
            self.ends[sender] = Some(End::Unsent(value));
        }
        for receiver in self.receivers.drain(..) {
            self.ends[receiver] = Some(End::Closed);
        }
    }
}

struct Scenario {
    channel: Rc<Channel<u32, ROOM, SeededHost>>,
    ends: Rc<RefCell<Vec<Option<End>>>>,
    threads: Vec<JoinHandle<()>>,
}

impl Scenario {
    /// A thread that makes one blocking call.
    fn start(
        &mut self,
        call: impl FnOnce(&Channel<u32, ROOM, SeededHost>, &mut TaskCx) -> End + 'static,
    ) {
        let (channel, ends) = (self.channel.clone(), self.ends.clone());
        let id = ends.borrow().len();
        ends.borrow_mut().push(None);
        self.threads.push(spawn(move |cx| {
            let end = call(&channel, cx);
            ends.borrow_mut()[id] = Some(end);
        }));
    }
}

#[test]
fn first_come_first_served() {
    explore(1_000, |cx| {
        let mut model = Model::default();
        let mut real = Scenario {
            channel: Rc::new(Channel::new("c")),
            ends: Rc::default(),
            threads: Vec::new(),
        };
        // What is more often: that receivers wait, or that senders do.
        let most = pick(2);
        for value in 0..16 {
            match pick(12) {
                n @ 0..6 if n < 2 + 2 * most => {
                    let caller = model.call();
                    match model.offer(value) {
                        Ok(()) => model.ends[caller] = Some(End::Sent),
                        Err(TrySendError::Full(value)) => model.senders.push_back((caller, value)),
                        Err(TrySendError::Closed(value)) => {
                            model.ends[caller] = Some(End::Unsent(value));
                        }
                    }
                    real.start(move |channel, cx| match channel.send(cx, value) {
                        Ok(()) => End::Sent,
                        Err(SendError(value)) => End::Unsent(value),
                    });
                }
                0..6 => {
                    let caller = model.call();
                    match model.take() {
                        Ok(value) => model.ends[caller] = Some(End::Received(value)),
                        Err(TryRecvError::Empty) => model.receivers.push_back(caller),
                        Err(TryRecvError::Closed) => model.ends[caller] = Some(End::Closed),
                    }
                    real.start(|channel, cx| match channel.recv(cx) {
                        Ok(value) => End::Received(value),
                        Err(Closed) => End::Closed,
                    });
                }
                6..9 => assert_eq!(real.channel.try_send(value), model.offer(value)),
                9..11 => assert_eq!(real.channel.try_recv(), model.take()),
                _ if value > 8 => {
                    real.channel.close();
                    model.close();
                }
                _ => {}
            }
            settle(cx);
            assert_eq!(*real.ends.borrow(), model.ends);
            assert_eq!(real.channel.len(), model.values.len());
        }
        real.channel.close();
        model.close();
        real.threads.into_iter().for_each(|thread| thread.join(cx));
        assert_eq!(*real.ends.borrow(), model.ends);
    });
}
