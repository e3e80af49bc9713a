//! Readers and writers in every order.

use layercake_wait::RwLock;
use layercake_wait::host::seeded::{SeededHost, explore, point, spawn};
use layercake_wait::{Host, sleep};
use std::cell::Cell;
use std::rc::Rc;
use std::time::Duration;

/// Three who look, two who change, one of each in a hurry: never a writer beside anybody.
#[test]
fn a_writer_is_alone() {
    explore(20_000, |cx| {
        let it = Rc::new((RwLock::<(), SeededHost>::new("l", ()), Cell::new(0_i32)));
        let threads: Vec<_> = (0..5)
            .map(|i| {
                let it = it.clone();
                spawn(move |cx| {
                    let soon = SeededHost::now() + Duration::from_nanos(15);
                    let looks = |inside: &Cell<i32>| {
                        assert!(inside.get() >= 0, "beside a writer");
                        inside.set(inside.get() + 1);
                        point();
                        inside.set(inside.get() - 1);
                    };
                    let changes = |inside: &Cell<i32>| {
                        assert_eq!(inside.replace(-1), 0, "not alone");
                        point();
                        inside.set(0);
                    };
                    match i {
                        0 => drop(it.0.read_deadline(cx, soon).map(|_guard| looks(&it.1))),
                        1 | 2 => {
                            let _guard = it.0.read(cx);
                            looks(&it.1);
                        }
                        3 => drop(it.0.write_deadline(cx, soon).map(|_guard| changes(&it.1))),
                        _ => {
                            let guard = it.0.write(cx);
                            changes(&it.1);
                            let _guard = guard.downgrade();
                            looks(&it.1);
                        }
                    }
                })
            })
            .collect();
        sleep::<SeededHost>(cx, Duration::from_nanos(3));
        threads.into_iter().for_each(|t| t.join(cx));
        assert_eq!((it.0.readers(), it.0.waiters(), it.1.get()), (0, 0, 0));
        assert!(it.0.try_write(cx).is_some());
    });
}
