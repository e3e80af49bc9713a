//! More threads than the host for threads has numbers for. Alone in its process, for the numbers are the
//! program's.
#![cfg(all(feature = "order", not(loom)))]

use layercake_sync::host::{StdCpu, task};
use layercake_sync::{PreemptOff, SpinLock};
use std::sync::Barrier;
use std::thread;

/// There are 32: a thread beyond them takes its locks all the same, and gives them back.
#[test]
fn a_thread_without_a_number_takes_locks() {
    const THREADS: usize = 40;
    let lock = SpinLock::<usize, PreemptOff<StdCpu>>::new(0);
    let all_here = Barrier::new(THREADS);
    thread::scope(|scope| {
        for _ in 0..THREADS {
            scope.spawn(|| {
                task(|cx| *lock.lock(cx) += 1);
                // Whoever has a number keeps it until it ends.
                all_here.wait();
            });
        }
    });
    assert_eq!(lock.into_inner(), THREADS);
}
