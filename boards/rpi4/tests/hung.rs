//! A thread that hangs is reported once, with its backtrace; one that idles, that has a deadline,
//! or that can be called off is not.
//@ timeout: 90
//@ expect: "stuck" hangs: blocked on a wake that nobody sends for
//@ expect: stuck_here+0x
//@ expect: "stuck twice" hangs: blocked on the same again
//@ reject: "idler" hangs
//@ reject: "sleeper" hangs
//@ reject: "cancellable" hangs
//@ reject: "main" hangs
#![cfg_attr(target_os = "none", no_std)]
#![no_main]
#![cfg(target_os = "none")]

mod support;

use core::sync::atomic::{AtomicU32, Ordering};
use layercake_kernel::thread::{hung_limit, hung_reports, set_hung_limit};
use layercake_kernel::wait::CancelToken;
use layercake_kernel::{Host, kprintln};
use support::*;

kernel_tests!(
    the_limit_is_the_configured_one_at_first,
    who_hangs_is_reported_once,
    who_hangs_again_is_reported_again,
    the_limit_can_be_switched_off,
);

/// Far less than anybody here waits for.
const LIMIT: Duration = Duration::from_millis(200);

fn the_limit_is_the_configured_one_at_first(_: &mut TaskCx) {
    assert_eq!(hung_limit(), Some(Duration::from_secs(120)));
    assert_eq!(hung_reports(), 0);
}

/// Sleeps for so long that the watchdog has looked several times.
fn let_it_look(cx: &mut TaskCx) {
    time::sleep(cx, LIMIT * 4);
}

fn who_hangs_is_reported_once(cx: &mut TaskCx) {
    static STUCK: WaitQueue = WaitQueue::new("a wake that nobody sends");
    static QUIET: WaitQueue = WaitQueue::new("what nobody minds");
    static TOKEN: CancelToken<Host> = CancelToken::new("called off");
    static OVER: AtomicU32 = AtomicU32::new(0);
    let over = || (OVER.load(Ordering::Acquire) == 1).then_some(());
    #[inline(never)]
    fn stuck_here(cx: &mut TaskCx) {
        STUCK.wait_until(cx, |_| (OVER.load(Ordering::Acquire) == 1).then_some(()));
        core::hint::black_box(());
    }
    let thread = |name| Builder::new(name);
    let threads = [
        thread("idler").spawn(move |cx| QUIET.idle_until(cx, |_| over())),
        thread("sleeper").spawn(move |cx| {
            let far = time::now() + PATIENCE;
            assert!(QUIET.wait_until_deadline(cx, far, |_| over()).is_ok());
        }),
        thread("cancellable").spawn(|cx| {
            let ended = QUIET.wait_until_cancelled(cx, &TOKEN, |_| None::<()>);
            assert!(ended.is_err());
        }),
        thread("stuck").spawn(stuck_here),
    ];
    wait_for(cx, "all wait", || {
        STUCK.waiters() == 1 && QUIET.waiters() == 3
    });
    set_hung_limit(LIMIT);
    wait_for(cx, "it is reported", || hung_reports() > 0);
    let_it_look(cx);
    assert_eq!(hung_reports(), 1, "once, and nobody else");
    OVER.store(1, Ordering::Release);
    TOKEN.cancel();
    STUCK.wake_all();
    QUIET.wake_all();
    let joined = threads.map(|thread| thread.expect("a thread"));
    wait_for(cx, "all end", || {
        joined.iter().all(|thread| thread.is_finished())
    });
    kprintln!("  {} reports", hung_reports());
}

fn who_hangs_again_is_reported_again(cx: &mut TaskCx) {
    static AGAIN: WaitQueue = WaitQueue::new("the same again");
    let before = hung_reports();
    let thread = Builder::new("stuck twice").spawn(|cx| {
        AGAIN.wait_once(cx);
        AGAIN.wait_once(cx);
    });
    let thread = thread.expect("a thread");
    for nth in 1..=2 {
        wait_for(cx, "it is reported", || hung_reports() == before + nth);
        wait_for(cx, "it goes on", || AGAIN.wake_one());
    }
    wait_for(cx, "it ends", || thread.is_finished());
    assert_eq!(hung_reports(), before + 2);
}

fn the_limit_can_be_switched_off(cx: &mut TaskCx) {
    static FOR_EVER: WaitQueue = WaitQueue::new("for ever");
    set_hung_limit(Duration::MAX);
    assert_eq!(hung_limit(), None);
    let before = hung_reports();
    let thread = spawn_on(1, Priority::default(), |cx| FOR_EVER.wait_once(cx));
    wait_until_blocked(cx, thread.id(), "for ever");
    let_it_look(cx);
    assert_eq!(hung_reports(), before);
    // And on again, while it waits.
    set_hung_limit(LIMIT);
    wait_for(cx, "it is reported", || hung_reports() == before + 1);
    FOR_EVER.wake_one();
    wait_for(cx, "it ends", || thread.is_finished());
}
