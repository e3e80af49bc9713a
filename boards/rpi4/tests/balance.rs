//! Cores that are all busy share: equal threads get equal time however many cores there are, nobody
//! stays behind a real-time thread, and who is alone on a core has no timer for it. With the order of locks
//! noted down: a look takes several, one after the other.
//@ timeout: 120
//@ features: order,stats
#![cfg_attr(target_os = "none", no_std)]
#![no_main]
#![cfg(target_os = "none")]

extern crate alloc;

mod support;

use alloc::vec::Vec;
use core::sync::atomic::{AtomicBool, Ordering};
use layercake_kernel::kprintln;
use support::*;

kernel_tests!(
    one_more_than_cores_share_equally,
    nobody_stays_behind_a_real_time_thread,
    one_for_each_core_has_no_timer,
);

/// Above all that the checks make, so that a check goes on whatever it has made.
const ABOVE: Priority = Priority::fifo(60);

/// Fair threads that want to run until they are told to end.
struct Crowd {
    threads: Vec<JoinHandle>,
    end: &'static AtomicBool,
}

impl Crowd {
    fn new(count: usize, end: &'static AtomicBool) -> Self {
        end.store(false, Ordering::Relaxed);
        let busy = move |_: &mut TaskCx| {
            while !end.load(Ordering::Relaxed) {
                core::hint::spin_loop();
            }
        };
        let thread = |_| Builder::new("busy").spawn(busy).expect("a busy thread");
        let threads = (0..count).map(thread).collect();
        Self { threads, end }
    }

    /// How long each has run.
    fn run_times(&self) -> Vec<Duration> {
        let all = thread::snapshot();
        let time = |thread: &JoinHandle| {
            let info = all.iter().find(|info| info.id == thread.id());
            info.expect("it lives").run_time
        };
        self.threads.iter().map(time).collect()
    }

    fn end(self, cx: &mut TaskCx) {
        self.end.store(true, Ordering::Relaxed);
        self.threads
            .into_iter()
            .for_each(|thread| _ = thread.join(cx));
    }
}

fn one_more_than_cores_share_equally(cx: &mut TaskCx) {
    static END: AtomicBool = AtomicBool::new(false);
    run_on(cx, 0, ABOVE, |cx| {
        let crowd = Crowd::new(cpu::count() + 1, &END);
        // Left where they are, two of them would have half of what the others have, for ever.
        wait_for(cx, "equal shares", || {
            let times = crowd.run_times();
            let (least, most) = (times.iter().min().unwrap(), times.iter().max().unwrap());
            *least > Duration::from_millis(500) && *least * 10 > *most * 8
        });
        kprintln!("  run times {:?}", crowd.run_times());
        crowd.end(cx);
    });
}

fn nobody_stays_behind_a_real_time_thread(cx: &mut TaskCx) {
    static END: AtomicBool = AtomicBool::new(false);
    static HOG_ENDS: AtomicBool = AtomicBool::new(false);
    run_on(cx, 0, ABOVE, |cx| {
        let crowd = Crowd::new(cpu::count(), &END);
        wait_for(cx, "they run", || {
            let runs = |time: &Duration| *time > Duration::from_millis(20);
            crowd.run_times().iter().all(runs)
        });
        // Whoever ran there has no turn whose end would tell that it waits.
        let hog = spawn_on(2, Priority::fifo(5), |_| {
            while !HOG_ENDS.load(Ordering::Relaxed) {
                core::hint::spin_loop();
            }
        });
        time::sleep(cx, Duration::from_millis(20));
        let before = crowd.run_times();
        wait_for(cx, "all go on beside the real-time thread", || {
            let gained =
                |(now, before): (&Duration, &Duration)| *now > *before + Duration::from_millis(100);
            crowd.run_times().iter().zip(&before).all(gained)
        });
        HOG_ENDS.store(true, Ordering::Relaxed);
        hog.join(cx);
        crowd.end(cx);
    });
}

fn one_for_each_core_has_no_timer(cx: &mut TaskCx) {
    static END: AtomicBool = AtomicBool::new(false);
    run_on(cx, 0, ABOVE, |cx| {
        let crowd = Crowd::new(cpu::count(), &END);
        let count = || cores().map(timer_interrupts).sum::<u64>();
        // Until they have spread and the last look has found that nobody waits. Then: the end of a
        // sleep, and a look if this thread made one of them wait; turns would come by the dozen.
        let end = time::now() + PATIENCE;
        loop {
            let before = count();
            time::sleep(cx, Duration::from_millis(500));
            let ticks = count() - before;
            if ticks <= 6 {
                kprintln!("  {ticks} timer interrupts on {} busy cores", cpu::count());
                break;
            }
            assert!(time::now() < end, "{ticks} timer interrupts in 500 ms");
        }
        crowd.end(cx);
    });
}
