//! Channels: a message to oneself, and to a thread that waits for it.

use crate::{crew, meter};
use layercake_kernel::wait::Channel;
use layercake_kernel::{Host, TaskCx};

/// 16 bytes, as in the message test of Thread-Metric.
type Message = [u64; 2];

/// Send and receive in one thread.
pub fn same_thread(cx: &mut TaskCx, _: u32) {
    static CHANNEL: Channel<Message, 8, Host> = Channel::new("bench");
    let mut message = [1, 2];
    while meter::wants_more() {
        meter::begin();
        // Neither end closes it.
        let _ = CHANNEL.send(cx, message);
        if let Ok(received) = CHANNEL.recv(cx) {
            message = received;
        }
        meter::end();
    }
    assert_eq!(message, [1, 2], "a message is not what was sent");
}

/// Send to a higher thread that waits; it takes the message and waits for the next; back.
pub fn handoff(cx: &mut TaskCx, _: u32) {
    static CHANNEL: Channel<Message, 8, Host> = Channel::new("bench");
    let reader = crew::spawn(1, |cx| {
        let mut sum = 0_u64;
        while let Ok([_, value]) = CHANNEL.recv(cx) {
            sum = sum.wrapping_add(value);
        }
        assert!(sum > 0, "nothing was received");
    });
    while meter::wants_more() {
        meter::begin();
        let _ = CHANNEL.send(cx, [1, 2]);
        meter::end();
        assert!(CHANNEL.is_empty(), "the receiver did not run");
    }
    CHANNEL.close();
    reader.join(cx);
}
