//! The value that is made once, under loom.
#![cfg(loom)]

mod models;

use layercake_sync::{Atomic, IrqOff, once::Once};
use loom::thread;
use models::{Core, explore};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering::Relaxed};

#[test]
fn it_is_made_once_and_seen_whole() {
    explore(3, || {
        let once = Arc::new(Once::<Box<u32>, IrqOff<Core>>::new());
        // Not loom's: it counts, it does not synchronise.
        let makings = Arc::new(AtomicU32::new(0));
        let ask = {
            let (once, makings) = (once.clone(), makings.clone());
            move |value| {
                // SAFETY: CX-ATOMIC: nothing sleeps in a model.
                **once.get_or_make(unsafe { Atomic::assume() }, |_| {
                    makings.fetch_add(1, Relaxed);
                    Box::new(value)
                })
            }
        };
        let other = {
            let ask = ask.clone();
            thread::spawn(move || ask(1))
        };
        let looker = {
            let once = once.clone();
            thread::spawn(move || once.get().map(|value| **value))
        };
        let mine = ask(2);
        assert_eq!(other.join().unwrap(), mine);
        assert!(looker.join().unwrap().is_none_or(|seen| seen == mine));
        assert_eq!(makings.load(Relaxed), 1);
    });
}
