//! The suite for a host: whether it keeps what [`Host`](crate::Host) asks for.
//!
//! What can be seen from outside is checked: the permit, deadlines, the time, handles that
//! outlive their tasks, wakes through a queue. That `unpark` is fit for interrupt handlers is for
//! the host's author to show.

#[doc(hidden)]
pub use layercake_sync::TaskCx;

/// Makes a module with the suite for a host, one function for each promise, and `all`.
///
/// `$spawn` starts a thread of the host: a function that takes a `fn(&mut TaskCx)`. The suite
/// needs neither allocation nor a test harness: a kernel calls `all` from a thread; on a
/// workstation it is the body of a test. A promise that is broken ends in a panic, or in a thread
/// that does not come back.
///
/// ```
/// # #[cfg(all(feature = "std-host", not(loom)))]
/// # mod tests {
/// use layercake_wait::host::std::{self, StdHost};
///
/// layercake_wait::host_conformance!(mod suite, StdHost, |body: fn(&mut _)| {
///     std::spawn(body);
/// });
///
/// # pub
/// fn my_host_conforms() {
///     std::enter(suite::all);
/// }
/// # }
/// # #[cfg(all(feature = "std-host", not(loom)))]
/// # tests::my_host_conforms();
/// ```
#[macro_export]
macro_rules! host_conformance {
    (mod $name:ident, $host:ty, $spawn:expr) => {
        /// The suite of `layercake-wait` for a host.
        mod $name {
            #[allow(
                unused_imports,
                reason = "the host and its spawn may be named from there"
            )]
            use super::*;
            use ::core::sync::atomic::{AtomicU32, Ordering};
            use ::core::time::Duration;
            use $crate::conformance::TaskCx;
            use $crate::{Host, Mutex, Semaphore, WaitQueue};

            type TheHost = $host;
            type Task = <TheHost as Host>::Task;

            // Not `spawn`: what the caller passed may name a `spawn` of its own.
            fn start_on_host(body: fn(&mut TaskCx)) {
                let start = $spawn;
                start(body);
            }

            fn after(span: Duration) -> $crate::Instant {
                TheHost::now() + span
            }

            /// All promises, one after the other.
            pub fn all(cx: &mut TaskCx) {
                time_goes_forward(cx);
                permit_is_sticky(cx);
                permit_is_taken(cx);
                two_permits_are_one(cx);
                deadline_ends_a_park(cx);
                past_deadline_does_not_block(cx);
                unpark_ends_a_park(cx);
                handles_outlive_tasks(cx);
                wakes_pass_to_and_fro(cx);
            }

            /// `now` does not go back.
            pub fn time_goes_forward(_: &mut TaskCx) {
                let mut last = TheHost::now();
                for _ in 0..1_000 {
                    let now = TheHost::now();
                    assert!(last <= now, "time went back");
                    last = now;
                }
            }

            /// A permit that was given before the park ends it at once.
            pub fn permit_is_sticky(cx: &mut TaskCx) {
                TheHost::unpark(&TheHost::current());
                let late = after(Duration::from_secs(10));
                TheHost::park(cx, Some(late));
                assert!(TheHost::now() < late, "the permit was not kept");
            }

            /// A park takes the permit: some later park lasts until its deadline.
            pub fn permit_is_taken(cx: &mut TaskCx) {
                TheHost::unpark(&TheHost::current());
                TheHost::park(cx, None);
                blocks_at_last(cx);
            }

            /// Giving a permit twice is giving it once.
            pub fn two_permits_are_one(cx: &mut TaskCx) {
                TheHost::unpark(&TheHost::current());
                TheHost::unpark(&TheHost::current());
                TheHost::park(cx, None);
                blocks_at_last(cx);
            }

            /// Of 100 parks in a row one blocks: a return for no reason is the exception.
            fn blocks_at_last(cx: &mut TaskCx) {
                let blocked = (0..100).any(|_| {
                    let deadline = after(Duration::from_millis(2));
                    TheHost::park(cx, Some(deadline));
                    TheHost::now() >= deadline
                });
                assert!(blocked, "park never blocks");
            }

            /// A park ends at its deadline.
            pub fn deadline_ends_a_park(cx: &mut TaskCx) {
                blocks_at_last(cx);
            }

            /// A park with a deadline in the past returns.
            pub fn past_deadline_does_not_block(cx: &mut TaskCx) {
                let now = TheHost::now();
                TheHost::park(cx, Some(now));
                TheHost::park(cx, Some($crate::Instant::ZERO));
            }

            static PARKED: Mutex<Option<Task>, TheHost> = Mutex::new("conformance: parked", None);
            static CAME: Semaphore<TheHost> = Semaphore::new("conformance: came", 0);
            static GOT_UP: Semaphore<TheHost> = Semaphore::new("conformance: got up", 0);

            /// An unpark ends the park of another thread.
            pub fn unpark_ends_a_park(cx: &mut TaskCx) {
                start_on_host(|cx| {
                    *PARKED.lock(cx) = Some(TheHost::current());
                    CAME.release();
                    TheHost::park(cx, None);
                    GOT_UP.release();
                });
                CAME.acquire(cx);
                $crate::sleep::<TheHost>(cx, Duration::from_millis(5));
                PARKED.lock(cx).iter().for_each(TheHost::unpark);
                GOT_UP.acquire(cx);
            }

            /// The handle of a thread that has ended can be unparked.
            ///
            /// After [`unpark_ends_a_park`], whose thread it takes.
            pub fn handles_outlive_tasks(cx: &mut TaskCx) {
                $crate::sleep::<TheHost>(cx, Duration::from_millis(5));
                for _ in 0..3 {
                    PARKED.lock(cx).iter().for_each(TheHost::unpark);
                }
            }

            static BALL: AtomicU32 = AtomicU32::new(0);
            static PASSED: WaitQueue<TheHost> = WaitQueue::new("conformance: passed");
            const PASSES: u32 = 200;

            /// Waits for the ball to be at `whose`, and passes it on.
            fn pass(cx: &mut TaskCx, whose: u32) {
                PASSED.wait_until(cx, |_| {
                    (BALL.load(Ordering::Acquire) % 2 == whose).then_some(())
                });
                BALL.fetch_add(1, Ordering::Release);
                PASSED.wake_one();
            }

            /// Two threads wake each other through a queue, 200 times.
            pub fn wakes_pass_to_and_fro(cx: &mut TaskCx) {
                BALL.store(0, Ordering::Release);
                start_on_host(|cx| (0..PASSES / 2).for_each(|_| pass(cx, 1)));
                (0..PASSES / 2).for_each(|_| pass(cx, 0));
                PASSED.wait_until(cx, |_| {
                    (BALL.load(Ordering::Acquire) == PASSES).then_some(())
                });
            }
        }
    };
}
