//! The waits of `layercake-wait` beside those of `std`, `parking_lot`, `event-listener`,
//! `maitake-sync`, `tokio` and `crossbeam-channel`.
//!
//! Those of `maitake-sync` and `tokio` are for futures. Without contention they are what a future
//! does that need not wait; so they are here by their `try_` calls, which are the cheapest that
//! they have, and not where one thread waits for another.

use core::hint::black_box;
use core::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc;
use std::thread;

use crate::host::Workstation;
use crate::operation::{Operation, back_and_forth, counted, in_turns, one, timed};

type WaitQueue = layercake_wait::WaitQueue<Workstation>;
type Channel<T> = layercake_wait::Channel<T, ROOM, Workstation>;

/// How many values a channel has room for.
const ROOM: usize = 16;

/// What is sent: 16 bytes, as in the kernel's `msg.same_thread`.
type Message = [u64; 2];
const MESSAGE: Message = [1, 2];

pub fn add(all: &mut Vec<Operation>) {
    semaphore(all);
    mutex(all);
    wake_none(all);
    ping_pong(all);
    same_thread(all);
    handoff(all);
}

/// Take the only permit, and give it back.
fn semaphore(all: &mut Vec<Operation>) {
    static LAYERCAKE: layercake_wait::Semaphore<Workstation> =
        layercake_wait::Semaphore::new("permits", 1);
    static MAITAKE: maitake_sync::Semaphore = maitake_sync::Semaphore::new(1);
    static TOKIO: tokio::sync::Semaphore = tokio::sync::Semaphore::const_new(1);

    let id = "sem.uncontended";
    one(all, id, "layercake Semaphore", |cx| {
        LAYERCAKE.acquire(cx);
        LAYERCAKE.release();
    });
    one(all, id, "maitake-sync Semaphore", |_| {
        drop(MAITAKE.try_acquire(1).expect("it is free"));
    });
    one(all, id, "tokio Semaphore", |_| {
        drop(TOKIO.try_acquire().expect("it is free"));
    });
}

/// Lock, count, unlock: locks that a thread sleeps for.
fn mutex(all: &mut Vec<Operation>) {
    static LAYERCAKE: layercake_wait::Mutex<u64, Workstation> =
        layercake_wait::Mutex::new("mutex", 0);
    static STD: std::sync::Mutex<u64> = std::sync::Mutex::new(0);
    static PARKING_LOT: parking_lot::Mutex<u64> = parking_lot::Mutex::new(0);
    static MAITAKE: maitake_sync::Mutex<u64> = maitake_sync::Mutex::new(0);
    static TOKIO: tokio::sync::Mutex<u64> = tokio::sync::Mutex::const_new(0);

    let id = "mutex.uncontended";
    one(all, id, "layercake Mutex", |cx| *LAYERCAKE.lock(cx) += 1);
    one(all, id, "std Mutex", |_| *STD.lock().unwrap() += 1);
    one(all, id, "parking_lot Mutex", |_| *PARKING_LOT.lock() += 1);
    one(all, id, "maitake-sync Mutex", |_| {
        *MAITAKE.try_lock().expect("it is free") += 1;
    });
    one(all, id, "tokio Mutex", |_| {
        *TOKIO.try_lock().expect("it is free") += 1;
    });
}

/// Wake where nobody waits. What would be kept for whoever waits next is not meant, so it is the
/// call that wakes all where the one that wakes one keeps something.
fn wake_none(all: &mut Vec<Operation>) {
    static LAYERCAKE: WaitQueue = WaitQueue::new("nobody");
    static STD: std::sync::Condvar = std::sync::Condvar::new();
    static PARKING_LOT: parking_lot::Condvar = parking_lot::Condvar::new();
    static EVENT: event_listener::Event = event_listener::Event::new();
    static MAITAKE: maitake_sync::WaitQueue = maitake_sync::WaitQueue::new();
    static TOKIO: tokio::sync::Notify = tokio::sync::Notify::const_new();

    let id = "wake.none";
    one(all, id, "layercake WaitQueue", |_| {
        black_box(LAYERCAKE.wake_one());
    });
    one(all, id, "std Condvar", |_| STD.notify_one());
    one(all, id, "parking_lot Condvar", |_| {
        black_box(PARKING_LOT.notify_one());
    });
    one(all, id, "event-listener Event", |_| {
        black_box(EVENT.notify(1));
    });
    one(all, id, "maitake-sync WaitQueue", |_| MAITAKE.wake_all());
    one(all, id, "tokio Notify", |_| TOKIO.notify_waiters());
}

/// Two threads, each of which wakes the other and blocks; from one to the other.
fn ping_pong(all: &mut Vec<Operation>) {
    let id = "wake.ping_pong";
    in_turns(all, id, "layercake WaitQueue", |turns| {
        let turn = AtomicUsize::new(0);
        let queues = [const { WaitQueue::new("turn") }; 2];
        let hand_to = |_: &mut _, to: usize| {
            turn.store(to, Ordering::Release);
            queues[to].wake_one();
        };
        back_and_forth(turns, hand_to, |cx, me| {
            queues[me].wait_until(cx, |_| (turn.load(Ordering::Acquire) == me).then_some(()));
        })
    });
    in_turns(all, id, "std park", |turns| {
        // The other thread is known from its first turn on, when it waits for its second.
        let turn = AtomicUsize::new(0);
        let parked = [const { std::sync::OnceLock::<thread::Thread>::new() }; 2];
        let hand_to = |_: &mut _, to: usize| {
            turn.store(to, Ordering::Release);
            if let Some(thread) = parked[to].get() {
                thread.unpark();
            }
        };
        back_and_forth(turns, hand_to, |_, me| {
            parked[me].get_or_init(thread::current);
            while turn.load(Ordering::Acquire) != me {
                thread::park();
            }
        })
    });
    in_turns(all, id, "std Condvar", |turns| {
        let turn = std::sync::Mutex::new(0);
        let bells = [const { std::sync::Condvar::new() }; 2];
        let hand_to = |_: &mut _, to: usize| {
            *turn.lock().unwrap() = to;
            bells[to].notify_one();
        };
        back_and_forth(turns, hand_to, |_, me| {
            let guard = turn.lock().unwrap();
            drop(bells[me].wait_while(guard, |turn| *turn != me).unwrap());
        })
    });
    in_turns(all, id, "parking_lot Condvar", |turns| {
        let turn = parking_lot::Mutex::new(0);
        let bells = [const { parking_lot::Condvar::new() }; 2];
        let hand_to = |_: &mut _, to: usize| {
            *turn.lock() = to;
            bells[to].notify_one();
        };
        back_and_forth(turns, hand_to, |_, me| {
            bells[me].wait_while(&mut turn.lock(), |turn| *turn != me);
        })
    });
    in_turns(all, id, "event-listener Event", |turns| {
        use event_listener::Listener;
        let turn = AtomicUsize::new(0);
        let events = [const { event_listener::Event::new() }; 2];
        let hand_to = |_: &mut _, to: usize| {
            turn.store(to, Ordering::Release);
            events[to].notify(1);
        };
        back_and_forth(turns, hand_to, |_, me| {
            while turn.load(Ordering::Acquire) != me {
                event_listener::listener!(events[me] => listener);
                if turn.load(Ordering::Acquire) != me {
                    listener.wait();
                }
            }
        })
    });
}

/// Send 16 bytes and receive them, in one thread.
fn same_thread(all: &mut Vec<Operation>) {
    static LAYERCAKE: Channel<Message> = Channel::new("messages");

    let id = "msg.same_thread";
    one(all, id, "layercake Channel", |_| {
        let _ = LAYERCAKE.try_send(MESSAGE);
        let _ = black_box(LAYERCAKE.try_recv());
    });
    counted(all, id, "std sync_channel", |turns| {
        let (to, from) = mpsc::sync_channel(ROOM);
        timed(turns, || {
            let _ = to.try_send(MESSAGE);
            let _ = black_box(from.try_recv());
        })
    });
    counted(all, id, "crossbeam-channel bounded", |turns| {
        let (to, from) = crossbeam_channel::bounded(ROOM);
        timed(turns, || {
            let _ = to.try_send(MESSAGE);
            let _ = black_box(from.try_recv());
        })
    });
    counted(all, id, "tokio mpsc", |turns| {
        let (to, mut from) = tokio::sync::mpsc::channel(ROOM);
        timed(turns, || {
            let _ = to.try_send(MESSAGE);
            let _ = black_box(from.try_recv());
        })
    });
}

/// Send 16 bytes to a thread that waits for them, which answers; from one to the other.
fn handoff(all: &mut Vec<Operation>) {
    let id = "msg.handoff";
    in_turns(all, id, "layercake Channel", |turns| {
        let ways = [const { Channel::<Message>::new("way") }; 2];
        let hand_to = |cx: &mut _, to: usize| ways[to].send(cx, MESSAGE).expect("it is open");
        back_and_forth(turns, hand_to, |cx, me| {
            ways[me].recv(cx).expect("it is open");
        })
    });
    in_turns(all, id, "std sync_channel", |turns| {
        let ways = [(); 2].map(|()| mpsc::sync_channel::<Message>(ROOM));
        let ways = ways.map(|(to, from)| (to, std::sync::Mutex::new(from)));
        let hand_to = |_: &mut _, to: usize| ways[to].0.send(MESSAGE).expect("it is open");
        back_and_forth(turns, hand_to, |_, me| {
            // A lock that nobody else takes: a receiver of `std` is not to be shared.
            ways[me].1.lock().unwrap().recv().expect("it is open");
        })
    });
    in_turns(all, id, "crossbeam-channel bounded", |turns| {
        let ways = [(); 2].map(|()| crossbeam_channel::bounded::<Message>(ROOM));
        let hand_to = |_: &mut _, to: usize| ways[to].0.send(MESSAGE).expect("it is open");
        back_and_forth(turns, hand_to, |_, me| {
            ways[me].1.recv().expect("it is open");
        })
    });
}
