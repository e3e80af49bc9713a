//! A loom thread as a core, for the models of this crate and of those above it, which take the file in
//! by its path. What is done on the core is said elsewhere.

use layercake_sync::Cpu;
use layercake_sync::facade::{AtomicBool, AtomicU32};
use std::sync::atomic::Ordering;

loom::lazy_static! {
    /// Set by a taker that found the lock held and waits: after it took its place in the queue.
    pub static ref QUEUED: AtomicBool = AtomicBool::new(false);
}

/// How often a waiter looks before loom is told that more of the same shows nothing new.
const ROUNDS: u32 = 3;

/// A loom thread as a core: no interrupts, nobody else on it. It sets [`QUEUED`] if it `TELLS`, which
/// makes a model larger.
#[derive(Debug)]
pub struct Core<const TELLS: bool>;

// SAFETY: CPU-MASK. No interrupt handlers exist in a loom model, and each thread has its core.
unsafe impl<const TELLS: bool> Cpu for Core<TELLS> {
    type IrqState = ();

    fn irq_save() {}

    unsafe fn irq_restore((): ()) {}

    fn preempt_disable() {}

    unsafe fn preempt_enable() {}

    fn wait_while_eq(word: &AtomicU32, value: u32) -> u32 {
        if TELLS {
            QUEUED.store(true, Ordering::Relaxed);
        }
        for round in 0.. {
            let now = word.load(Ordering::Acquire);
            if now != value {
                return now;
            }
            // Two waiters can spin beside each other for ever without a new state. Past a few
            // rounds loom runs such a path to its end, but branches off it no more.
            if round == ROUNDS {
                loom::skip_branch();
            }
            loom::thread::yield_now();
        }
        unreachable!()
    }
}
