//! Condition variables and wait channels: what a wake says it found.

use super::soon;
use crate::patience::until;
use layercake_sync::{IrqOff, SpinLock, TaskCx};
use layercake_wait::host::std::{StdHost, enter, spawn};
use layercake_wait::{Condvar, Host, TimedOut, WaitChannel};
use std::sync::Arc;

type Cpu = <StdHost as Host>::Cpu;

/// A door, and who waits for it to be opened.
type Door<W> = Arc<(SpinLock<bool, IrqOff<Cpu>>, W)>;

/// Wakes who waits as `wake` does while the door is closed, which says how many; then opens it.
fn opens<W: Send + Sync + 'static>(
    door: &Door<W>,
    wait: fn(&mut TaskCx, &SpinLock<bool, IrqOff<Cpu>>, &W),
    wake: fn(&W) -> usize,
) {
    assert_eq!(wake(&door.1), 0, "nobody was there");
    let waiter = spawn({
        let door = door.clone();
        move |cx| wait(cx, &door.0, &door.1)
    });
    until("nobody waits", || wake(&door.1) == 1);
    enter(|cx| *door.0.lock(cx) = true);
    until("it does not end", || {
        wake(&door.1);
        waiter.is_finished()
    });
    waiter.join().unwrap();
}

#[test]
fn wakes_say_how_many_they_found() {
    let channel: Door<_> = Arc::new((SpinLock::new(false), WaitChannel::<StdHost>::new("door")));
    let sleep = |cx: &mut TaskCx, lock: &_, channel: &WaitChannel<StdHost>| {
        channel.sleep_until(cx, lock, |open: &mut bool| open.then_some(()));
    };
    opens(&channel, sleep, WaitChannel::wake_all);
    enter(|cx| *channel.0.lock(cx) = false);
    opens(&channel, sleep, |channel| usize::from(channel.wake_one()));

    let condvar: Door<_> = Arc::new((SpinLock::new(false), Condvar::<StdHost>::new("door")));
    enter(|cx| {
        let deadline = soon();
        let (_, late) = (condvar.1).wait_spin_deadline(cx, &condvar.0, deadline, |open| *open);
        assert_eq!(late, Err(TimedOut));
        assert!(StdHost::now() >= deadline, "before its time");
    });
    let wait = |cx: &mut TaskCx, lock: &_, condvar: &Condvar<StdHost>| {
        drop(condvar.wait_spin(cx, lock, |open: &mut bool| *open));
    };
    opens(&condvar, wait, Condvar::broadcast);
}
