//! Barriers with threads that give up.

use layercake_wait::host::seeded::{SeededHost, explore, spawn};
use layercake_wait::{Barrier, Host};
use std::cell::Cell;
use std::rc::Rc;
use std::time::Duration;

/// Three threads, two rounds; one comes with a deadline, and again until it is let through.
#[test]
fn rounds_are_complete() {
    explore(20_000, |cx| {
        let it = Rc::new((
            Barrier::<SeededHost>::new("b", 3),
            [const { Cell::new(0_u32) }; 2],
        ));
        let threads: Vec<_> = (0..3)
            .map(|i| {
                let it = it.clone();
                spawn(move |cx| {
                    let mut led = 0;
                    for come in &it.1 {
                        come.set(come.get() + 1);
                        let leads = loop {
                            if i > 0 {
                                break it.0.wait(cx);
                            }
                            let soon = SeededHost::now() + Duration::from_nanos(2);
                            if let Ok(leads) = it.0.wait_deadline(cx, soon) {
                                break leads;
                            }
                        };
                        assert_eq!(come.get(), 3, "went on before all were here");
                        led += u32::from(leads);
                    }
                    led
                })
            })
            .collect();
        let led: u32 = threads.into_iter().map(|t| t.join(cx)).sum();
        assert_eq!((led, it.0.waiting(cx)), (2, 0));
    });
}
