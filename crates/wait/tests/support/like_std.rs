//! Hosts that are `StdHost` in all but what a test wants to note, or to have in another way.

use layercake_sync::TaskCx;
use layercake_wait::host::std::StdHost;
use layercake_wait::{Host, Instant};
use std::marker::PhantomData;
use std::thread::Thread;

/// What is other than in `StdHost`. Whatever it is, it must keep what a [`Host`] promises.
pub trait Ways: 'static {
    fn park(cx: &mut TaskCx, deadline: Option<Instant>) {
        StdHost::park(cx, deadline);
    }
    fn unpark(task: &Thread) {
        StdHost::unpark(task);
    }
    fn now() -> Instant {
        StdHost::now()
    }
    fn blocked_on(name: &'static str) {
        StdHost::blocked_on(name);
    }
    fn idle_on(name: &'static str) {
        StdHost::idle_on(name);
    }
}

/// The host with these ways.
pub struct LikeStd<W>(PhantomData<fn(W)>);

// SAFETY: HOST: it is `StdHost` in all that counts, by the promise of `Ways`.
unsafe impl<W: Ways> Host for LikeStd<W> {
    type Cpu = <StdHost as Host>::Cpu;
    type Task = Thread;

    fn current() -> Thread {
        StdHost::current()
    }
    fn park(cx: &mut TaskCx, deadline: Option<Instant>) {
        W::park(cx, deadline);
    }
    fn unpark(task: &Thread) {
        W::unpark(task);
    }
    fn now() -> Instant {
        W::now()
    }
    fn blocked_on(name: &'static str) {
        W::blocked_on(name);
    }
    fn idle_on(name: &'static str) {
        W::idle_on(name);
    }
}
